package stream_test

import (
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// A topic that is made anew has another id, and streams of the old one are
// refused.
func TestTopicIDs(t *testing.T) {
	streamtest.Each(t, func(t *testing.T, c *stream.Cluster) {
		a, b, absent := streamtest.Topic(t, c, 1), streamtest.Topic(t, c, 1), streamtest.Name(t)
		before, err := c.TopicIDs(t.Context(), a, b, absent)
		if err != nil || len(before) != 2 || len(before[a]) != 22 || before[a] == before[b] {
			t.Fatalf("%v, %v", before, err)
		}
		if again, err := c.TopicIDs(t.Context(), a); err != nil || again[a] != before[a] {
			t.Errorf("asked again: %v, %v", again, err)
		}
		if err := c.SameTopics(t.Context(), before); err != nil {
			t.Error(err)
		}
		streamtest.Anew(t, c, b, 1)
		after, err := c.TopicIDs(t.Context(), a, b)
		if err != nil || after[a] != before[a] || after[b] == "" || after[b] == before[b] {
			t.Fatalf("%v became %v, %v", before, after, err)
		}
		err = c.SameTopics(t.Context(), before)
		if pipeline.KindOf(err) != pipeline.Conflict || !strings.Contains(err.Error(), before[b]) || !strings.Contains(err.Error(), after[b]) {
			t.Errorf("%v", err)
		}
		if err := c.SameTopics(t.Context(), map[string]string{b: "", absent: before[b]}); err != nil {
			t.Errorf("what has no id: %v", err)
		}
	})
}
