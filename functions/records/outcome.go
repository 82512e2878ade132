package records

import (
	"encoding/json"
	"time"

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
	Bytes     int             `json:"bytes"`                // of the value
}

func outcomeOf(r stream.Record) outcome {
	out := pipeline.ReadOutput(r.Value, r.Header)
	o := outcome{
		Partition: r.Partition, Offset: r.Offset, Time: r.Time.UTC(), Key: r.KeyText(), Bytes: len(r.Value),
		ID: out.ID, Values: out.Values, Error: out.Error, Source: out.Source,
	}
	if !out.Sent.IsZero() {
		ms := max(0, float64(r.Time.Sub(out.Sent).Nanoseconds())/1e6)
		o.Latency = &ms
	}
	return o
}
