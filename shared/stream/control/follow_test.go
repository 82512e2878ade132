package control_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream/control"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// Streams for a deployment that follows may be open, and empty yet; sent again they
// are so, too.
func TestReadFollowed(t *testing.T) {
	c := streamtest.Cluster(t)
	some, none := streamtest.Topic(t, c, 2), streamtest.Topic(t, c, 1)
	produce(t, c, some, 1, numbered(4))
	follows := func(deployment int64) bool { return deployment == 1 }
	for name, test := range map[string]struct {
		topic, total string
		want         []pipeline.Range
		open         bool
	}{
		"of an online sink": {some, "null", []pipeline.Range{at(some, 0, 0, 0), at(some, 1, 0, 4)}, true},
		"nothing yet":       {none, "null", []pipeline.Range{at(none, 0, 0, 0)}, true},
		"from an offset":    {some + ":1:3", "null", []pipeline.Range{at(some, 1, 3, 1)}, true},
		"from the end":      {some + ":1:4", "null", []pipeline.Range{at(some, 1, 4, 0)}, true},
		"to an end":         {some + ":1:1:2", "2", []pipeline.Range{at(some, 1, 1, 2)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := control.Read(t.Context(), c, []byte{1}, []byte(message(fmt.Sprintf("topic=%q", test.topic), "total_msg="+test.total)), follows)
			if err != nil || !cmp.Equal(d.Ranges, test.want) || d.Open != test.open || d.Retention.State != pipeline.Available {
				t.Fatalf("%+v, %v", d, err)
			}
			m := control.MessageFor(d, 1)
			m.Open = d.Open
			key, value, err := m.Encode()
			if err != nil {
				t.Fatal(err)
			}
			again, err := control.Read(t.Context(), c, key, value, follows)
			if err != nil || again.Open != test.open || !cmp.Equal(again.Ranges, test.want) {
				t.Errorf("sent again: %+v, %v", again, err)
			}
		})
	}
}
