package pipeline

import "testing"

func TestPredictionID(t *testing.T) {
	id := string(AppendPredictionID([]byte("x"), "7", "a.topic_1-in", 3, 1<<40))[1:]
	if id != "7:a.topic_1-in:3:1099511627776" {
		t.Errorf("id %q", id)
	}
	topic, partition, offset, ok := ParsePredictionID(id)
	if topic != "a.topic_1-in" || partition != 3 || offset != 1<<40 || !ok {
		t.Errorf("%q reads back as %s, %d, %d, %v", id, topic, partition, offset, ok)
	}
	for _, id := range []string{"", "1:t:0", "1:t:0:0:0", "1:t:x:0", "1:t:0:x", "1:t:-1:0", "1:t:0:-1"} {
		if _, _, _, ok := ParsePredictionID(id); ok {
			t.Errorf("%q was read", id)
		}
	}
}
