package stream_test

import (
	"context"
	"fmt"
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
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
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

// A member that lives through its topic being made anew begins at the new one's
// first record, although the new log reaches to where it had got in the old one,
// and although it says only then how far that was.
func TestMemberOfATopicMadeAnew(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		const many = 5
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("late %v", late), func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				topic := streamtest.Topic(t, c, 1)
				produce(t, c, topic, 0, numbered(many))
				var old, anew []int64
				err := c.Consume(ctx, stream.GroupConfig{ID: topic, Topics: []string{topic}}, func(ctx context.Context, claim *stream.Claim) error {
					for {
						records, err := claim.Fetch(ctx)
						if err != nil {
							return err
						}
						for _, r := range records {
							if len(old) < many {
								old = append(old, r.Offset)
							} else {
								anew = append(anew, r.Offset)
							}
						}
						next := claim.Next()
						if !late {
							claim.Done(next)
						}
						if len(old) == many && len(anew) == 0 {
							streamtest.Anew(t, c, topic, 1)
							produce(t, c, topic, 0, numbered(many))
						}
						if late {
							claim.Done(next)
						}
						if len(anew) == many {
							return nil
						}
					}
				})
				if err != nil || len(anew) != many || anew[0] != 0 {
					t.Errorf("offsets %v and, of the new topic, %v: %v", old, anew, err)
				}
				if committed, err := c.Committed(ctx, topic, topic); err != nil || committed[0] != many {
					t.Errorf("committed %v %v", committed, err)
				}
			})
		}
	})
}
