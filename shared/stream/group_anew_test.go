package stream_test

import (
	"context"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// consume gives the values of the records of a group's topic, until want of them
// have come.
func consumeValues(ctx context.Context, t *testing.T, c *stream.Cluster, topic string, want int) (values []string) {
	t.Helper()
	for len(values) < want && ctx.Err() == nil {
		err := c.Consume(ctx, stream.GroupConfig{ID: topic, Topics: []string{topic}}, func(ctx context.Context, claim *stream.Claim) error {
			for len(values) < want {
				records, err := claim.Fetch(ctx)
				if err != nil {
					return err
				}
				for _, r := range records {
					values = append(values, string(r.Value))
				}
				claim.Done(claim.Next())
			}
			return nil
		})
		if err != nil {
			t.Log(err)
		}
	}
	return values
}

// A group begins at the first record of a topic that was made anew, although the
// new one holds more records than the group had committed of the old one.
func TestGroupOfATopicMadeAnew(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		topic := streamtest.Topic(t, c, 1)
		produce(t, c, topic, 0, numbered(3))
		if got := consumeValues(ctx, t, c, topic, 3); len(got) != 3 {
			t.Fatalf("%v", got)
		}
		streamtest.Anew(t, c, topic, 1)
		produce(t, c, topic, 0, numbered(5))
		if got := consumeValues(ctx, t, c, topic, 5); len(got) != 5 || got[0] != "value 0" {
			t.Errorf("%v", got)
		}
	})
}
