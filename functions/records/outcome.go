package records

import (
	"encoding/json"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// outcome is a record of an output or a dead-letter topic as a person reads it.
type outcome struct {
	Partition int             `json:"partition"`
	Offset    int64           `json:"offset"`
	Time      time.Time       `json:"time"`
	Key       string          `json:"key,omitempty"`        // as text, or 0x and hexadecimal
	ID        string          `json:"id,omitempty"`         // of the event: the same for a prediction made twice
	Values    json.RawMessage `json:"values,omitempty"`     // of a prediction
	Latency   *float64        `json:"latency_ms,omitempty"` // since the record was sent, where its header says when
	Error     string          `json:"error,omitempty"`      // of a dead letter, or why the value is no prediction
	Source    string          `json:"source,omitempty"`     // topic:partition:offset of a dead letter's record
	Record    string          `json:"record,omitempty"`     // of a dead letter: the beginning of its value, where that is text
	Bytes     int             `json:"bytes"`                // of the value
}

// letterText is how many bytes of a dead letter's record are shown.
const letterText = 300

// likeText reports whether a person can read the bytes as text: without control
// characters, and nearly all of it UTF-8.
func likeText(value []byte) bool {
	foreign := 0
	for _, c := range string(value) {
		if c == utf8.RuneError {
			foreign++
		} else if unicode.IsControl(c) && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	const few = 10 // one in so many
	return len(value) > 0 && foreign*few <= len(value)
}

func outcomeOf(r stream.Record) outcome {
	out := pipeline.ReadOutput(r.Value, r.Header)
	o := outcome{
		Partition: r.Partition, Offset: r.Offset, Time: r.Time.UTC(), Key: r.KeyText(), Bytes: len(r.Value),
		ID: out.ID, Values: out.Values, Error: out.Error, Source: out.Source,
	}
	if out.Source != "" && likeText(r.Value) {
		o.Record = string(beginning(r.Value, letterText))
		if len(o.Record) < len(r.Value) {
			o.Record += "…"
		}
		o.Record = string([]rune(o.Record)) // U+FFFD for each byte that is not UTF-8
	}
	if !out.Sent.IsZero() {
		ms := max(0, float64(r.Time.Sub(out.Sent).Nanoseconds())/1e6)
		o.Latency = &ms
	}
	return o
}
