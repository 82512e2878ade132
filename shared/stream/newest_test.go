package stream_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// TestNewest takes the last records of partitions together, by their times, and those of
// one millisecond partition by partition.
func TestNewest(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		topic, base := streamtest.Topic(t, c, 3), time.Now().Add(-5*time.Hour).Truncate(time.Minute)
		minutes(t, c, topic, 0, base, 0, 10, 20, 30)
		minutes(t, c, topic, 1, base, 5, 15, 25, 30, 30, 30)
		ends, err := c.Ends(t.Context(), []pipeline.Range{at(topic, 1, 2, 9), at(topic, 0, 0, 1), at(topic, 2, 0, 0), at(topic, 0, 7, 1)})
		if err != nil || !cmp.Equal(ends, []pipeline.Range{at(topic, 0, 4, 0), at(topic, 1, 6, 0), at(topic, 2, 0, 0)}) {
			t.Fatalf("ends: %v, %v", ends, err)
		}
		minutes(t, c, topic, 0, base, 60) // after the ends
		for n, want := range map[int64][]pipeline.Range{
			1:   {at(topic, 0, 3, 1)},
			2:   {at(topic, 0, 3, 1), at(topic, 1, 5, 1)},
			4:   {at(topic, 0, 3, 1), at(topic, 1, 3, 3)},
			5:   {at(topic, 0, 3, 1), at(topic, 1, 2, 4)},
			6:   {at(topic, 0, 2, 2), at(topic, 1, 2, 4)},
			10:  {at(topic, 0, 0, 4), at(topic, 1, 0, 6)},
			100: {at(topic, 0, 0, 4), at(topic, 1, 0, 6)},
		} {
			if got, err := c.Newest(t.Context(), ends, n); err != nil || !cmp.Equal(got, want) {
				t.Errorf("the last %d: %v, %v", n, got, err)
			}
		}
		got, err := c.NewestSince(t.Context(), ends, base.Add(15*time.Minute))
		if err != nil || !cmp.Equal(got, []pipeline.Range{at(topic, 0, 2, 2), at(topic, 1, 1, 5)}) {
			t.Errorf("since minute 15: %v, %v", got, err)
		}
		discard(t, c, topic, 1, 2)
		if got, err := c.Newest(t.Context(), ends, 8); err != nil || pipeline.Records(got) != 8 {
			t.Errorf("all that is left: %v, %v", got, err)
		}
		if _, err := c.Newest(t.Context(), ends, 9); pipeline.KindOf(err) != pipeline.Conflict || !strings.Contains(err.Error(), "8 are left") {
			t.Errorf("more than is left: %v", err)
		}
		if _, err := c.NewestSince(t.Context(), ends, base.AddDate(0, 0, -8)); pipeline.KindOf(err) != pipeline.Conflict {
			t.Errorf("from before what is left: %v", err)
		}
		if _, err := c.Ends(t.Context(), []pipeline.Range{at(topic, 9, 0, 1)}); pipeline.KindOf(err) != pipeline.Invalid {
			t.Errorf("of no such partition: %v", err)
		}
	})
}
