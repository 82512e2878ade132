package records

import (
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/stream"
)

func TestPositionsAreReadAsTheyAreWritten(t *testing.T) {
	at := map[int]int64{2: 5, 0: 17}
	text := positionText(at)
	if text != "0:17,2:5" {
		t.Errorf("got %q", text)
	}
	back, err := positions(text)
	if err != nil || len(back) != 2 || back[0] != 17 || back[2] != 5 {
		t.Errorf("got %v, %v", back, err)
	}
	for _, bad := range []string{"1", "1:x", "-1:2", "1:-2", "1:2,,", "a:b"} {
		if _, err := positions(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzPositions(f *testing.F) {
	f.Add("0:17,2:5")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		at, err := positions(text)
		if err != nil {
			return
		}
		again, err := positions(positionText(at))
		if err != nil || len(again) != len(at) {
			t.Errorf("%q: %v is not read back (%v)", text, at, err)
		}
	})
}

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
