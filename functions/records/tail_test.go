package records

import (
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/stream"
)

func TestOutcomesAreReadable(t *testing.T) {
	now := time.Unix(100, 0)
	header := func(k, v string) stream.Header { return stream.Header{Key: k, Value: []byte(v)} }
	for name, c := range map[string]struct {
		record stream.Record
		check  func(outcome) bool
	}{
		"prediction": {
			stream.Record{Key: []byte{7}, Value: []byte(`{"values": [0.1, null]}`), Time: now, Headers: []stream.Header{header("ce_id", "1:in:0:4"), header("sent", "99998000000")}},
			func(o outcome) bool {
				return o.Key == "7" && string(o.Values) == "[0.1, null]" && o.ID == "1:in:0:4" && *o.Latency == 2 && o.Error == ""
			},
		},
		"dead letter": {
			stream.Record{Value: []byte("junk"), Headers: []stream.Header{header("kafkaml-error", "has 4 bytes"), header("kafkaml-source-topic", "in"), header("kafkaml-source-partition", "1"), header("kafkaml-source-offset", "9")}},
			func(o outcome) bool {
				return o.Error == "has 4 bytes" && o.Source == "in:1:9" && o.Bytes == 4 && o.Record == "junk"
			},
		},
		"text": {
			stream.Record{Value: []byte(`{"values":{"word":["a <b>"]}}`), Time: now},
			func(o outcome) bool { return string(o.Values) == `{"word":["a <b>"]}` && o.Record == "" },
		},
		"dead letter of text": {
			stream.Record{Value: []byte("{\"review\":\n5, \"x\":\"caf\xe9\"}"), Headers: []stream.Header{header("kafkaml-error", "is a number")}},
			func(o outcome) bool { return o.Record == "{\"review\":\n5, \"x\":\"caf\ufffd\"}" },
		},
		"dead letter, long": {
			stream.Record{Value: []byte(strings.Repeat("é", 400)), Headers: []stream.Header{header("kafkaml-error", "x")}},
			func(o outcome) bool { return o.Record == strings.Repeat("é", 150)+"…" },
		},
		"dead letter of bytes": {
			stream.Record{Value: []byte{1, 2, 3, 'a'}, Headers: []stream.Header{header("kafkaml-error", "x")}},
			func(o outcome) bool { return o.Record == "" },
		},
		"neither": {
			stream.Record{Key: []byte("a b"), Value: []byte("{")},
			func(o outcome) bool {
				return o.Key == "a b" && strings.Contains(o.Error, "no prediction") && o.Latency == nil
			},
		},
		"long key": {
			stream.Record{Key: make([]byte, 40), Value: []byte(`{"values": 1}`)},
			func(o outcome) bool { return strings.HasSuffix(o.Key, "...") && len(o.Key) == 2+64+3 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			if o := outcomeOf(c.record); !c.check(o) {
				t.Errorf("got %+v", o)
			}
		})
	}
}

// A topic that nobody may look up, or whose configuration nobody may read, is not said
// to keep its records for ever.
func TestRetentionOfTopics(t *testing.T) {
	for want, about := range map[string]stream.About{
		"unknown":  {Partitions: 1, Bytes: -1, Unseen: true},
		"for ever": {Partitions: 1, Bytes: -1},
		"7 days":   {Partitions: 1, Bytes: -1, Retention: 7 * 24 * time.Hour},
	} {
		if got := topicOf(about).Retention; got != want {
			t.Errorf("%+v is kept %s, want %s", about, got, want)
		}
	}
	if got := topicOf(stream.About{Name: "without a leader"}).Retention; got != "unknown" {
		t.Errorf("one that could not be looked up is kept %s", got)
	}
}
