package records

import (
	"encoding/json"
	"fmt"
	"strconv"
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
	o := outcome{Partition: r.Partition, Offset: r.Offset, Time: r.Time.UTC(), Key: r.KeyText(), Bytes: len(r.Value)}
	headers := map[string]string{}
	for _, h := range r.Headers {
		headers[h.Key] = string(h.Value)
	}
	o.ID = headers["ce_id"]
	if sent, err := strconv.ParseInt(headers[pipeline.HeaderSent], 10, 64); err == nil {
		ms := max(0, float64(r.Time.UnixNano()-sent)/1e6)
		o.Latency = &ms
	}
	if o.Error = headers[pipeline.HeaderError]; o.Error != "" {
		o.Source = headers[pipeline.HeaderSourceTopic] + ":" + headers[pipeline.HeaderSourcePartition] + ":" + headers[pipeline.HeaderSourceOffset]
		return o
	}
	var body struct {
		Values json.RawMessage `json:"values"`
	}
	if err := json.Unmarshal(r.Value, &body); err != nil || len(body.Values) == 0 {
		o.Error = fmt.Sprintf("%d bytes that are no prediction", len(r.Value))
		return o
	}
	o.Values = append(json.RawMessage(nil), body.Values...) // the record is only lent
	return o
}
