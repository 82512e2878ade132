package stream_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// cut breaks its connection when the answer to a produce request is due: the
// records are in the log, the acknowledgement never comes.
type cut struct {
	net.Conn
	armed *atomic.Int32
	due   atomic.Bool
}

func (c *cut) Write(p []byte) (int, error) {
	const produceKey = 0
	if len(p) > 5000 && binary.BigEndian.Uint16(p[4:]) == produceKey && c.armed.Add(-1) >= 0 {
		c.due.Store(true)
	}
	return c.Conn.Write(p)
}

func (c *cut) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p) // so the broker has dealt with the request
	if c.due.Load() {
		c.Conn.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// Each record is in the log once, although acknowledgements were lost.
func TestProducerLosesAcknowledgements(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		var armed atomic.Int32
		c.Intercept(func(conn net.Conn) net.Conn { return &cut{Conn: conn, armed: &armed} })
		const partitions, batches, each = 2, 20, 1000
		topic := streamtest.Topic(t, c, partitions)
		p, err := c.NewProducer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		armed.Store(5)
		var writers sync.WaitGroup
		for partition := range partitions {
			writers.Go(func() {
				for i := range int64(batches) {
					base, err := p.Produce(t.Context(), topic, partition, numbered(each))
					if err != nil || base != i*each {
						t.Errorf("batch %d of partition %d is at offset %d: %v", i, partition, base, err)
						return
					}
				}
			})
		}
		writers.Wait()
		if armed.Load() > 0 {
			t.Fatal("no connection was cut")
		}
		for partition := range partitions {
			n := 0
			err := c.Read(t.Context(), pipeline.Range{Topic: topic, Partition: partition, Length: batches * each}, func(r stream.Record) error {
				if want := fmt.Sprintf("value %d", r.Offset%each); string(r.Value) != want {
					t.Fatalf("offset %d of partition %d holds %s", r.Offset, partition, r.Value)
				}
				n++
				return nil
			})
			if err != nil || n != batches*each {
				t.Errorf("partition %d: %d records, %v", partition, n, err)
			}
		}
		_, next, err := c.Offsets(t.Context(), topic)
		if err != nil || next[0] != batches*each || next[1] != batches*each {
			t.Errorf("the log ends at %v: %v", next, err)
		}
	})
}

// A broker refuses records from too far in its future: that passes when the clocks
// agree, and says so.
func TestProduceAheadOfTheBrokersClock(t *testing.T) {
	c := streamtest.Kafka(t)
	topic := streamtest.Topic(t, c, 1)
	_, err := c.Produce(t.Context(), topic, 0, []stream.Record{{Value: []byte{1}, Time: time.Now().Add(2 * time.Hour)}})
	var refusal *pipeline.Error
	if !errors.As(err, &refusal) || refusal.Kind != pipeline.Unavailable || !strings.Contains(refusal.Hint, "clock") {
		t.Errorf("%v", err)
	}
	if _, err := c.Produce(t.Context(), topic, 0, []stream.Record{{Value: []byte{1}, Time: time.Now().Add(-2 * time.Hour)}}); err != nil {
		t.Error(err)
	}
}
