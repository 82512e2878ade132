package stream_test

import (
	"net"
	"sync"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// A broker that was started anew has closed the connections that lay idle: who
// looks something up next does not notice.
func TestLookUpsOverConnectionsThatWereClosed(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, shared *stream.Cluster) {
		topic := streamtest.Topic(t, shared, 2)
		base := produce(t, shared, topic, 0, numbered(3))
		for name, look := range map[string]func(*stream.Cluster) error{
			"offsets": func(c *stream.Cluster) error {
				_, _, err := c.Offsets(t.Context(), topic)
				return err
			},
			"retention": func(c *stream.Cluster) error {
				_, err := c.Available(t.Context(), []pipeline.Range{{Topic: topic, Offset: base, Length: 3}})
				return err
			},
		} {
			t.Run(name, func(t *testing.T) {
				c, err := stream.Dial(t.Context(), shared.Config())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				var mu sync.Mutex
				var open []*net.TCPConn
				c.Intercept(func(conn net.Conn) net.Conn {
					mu.Lock()
					defer mu.Unlock()
					open = append(open, conn.(*net.TCPConn))
					return conn
				})
				if err := look(c); err != nil {
					t.Fatal(err)
				}
				mu.Lock()
				for _, conn := range open {
					if err := conn.CloseRead(); err != nil {
						t.Fatal(err)
					}
				}
				mu.Unlock()
				if err := look(c); err != nil {
					t.Error(err)
				}
			})
		}
	})
}
