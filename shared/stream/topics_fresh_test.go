package stream_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// A topic that another process made a moment ago exists, to whoever asks for it
// and to whoever sends to it first.
func TestTopicMadeByAnotherIsSeenAtOnce(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		if _, err := c.Partitions(t.Context(), streamtest.Name(t)); pipeline.KindOf(err) != pipeline.NotFound {
			t.Fatalf("a topic that nobody made: %v", err)
		}
		other, err := stream.Dial(t.Context(), c.Config())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		topic := streamtest.Name(t) + "-new"
		var looking time.Duration
		for i := range 8 { // the library, which looks within two seconds, would be waited for each time
			name := fmt.Sprint(topic, i)
			if err := other.EnsureTopic(t.Context(), name, 3); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if n, err := c.Partitions(t.Context(), name); n != 3 || err != nil {
				t.Fatalf("%d partitions, %v; want 3", n, err)
			}
			looking += time.Since(began)
		}
		if looking > 4*time.Second {
			t.Errorf("8 topics were seen after %v", looking)
		}
		if err := other.EnsureTopic(t.Context(), topic+"er", 1); err != nil {
			t.Fatal(err)
		}
		if base, err := c.Produce(t.Context(), topic+"er", 0, []stream.Record{{Value: []byte("first")}}); base != 0 || err != nil {
			t.Fatalf("the first record lies at %d, %v", base, err)
		}
	})
}
