package pipeline

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Output is what a record of an output or a dead-letter topic says.
type Output struct {
	ID     string          // of the event: the same for a prediction made twice
	Values json.RawMessage // of a prediction
	Error  string          // of a dead letter, or why the value is no prediction
	Source string          // topic:partition:offset of a dead letter's record
	Sent   time.Time       // of its input record, where that said; zero otherwise
}

// ReadOutput reads a record's value and its headers, of which header gives one
// by its name, empty where there is none.
func ReadOutput(value []byte, header func(name string) string) Output {
	o := Output{ID: header("ce_id"), Error: header(HeaderError)}
	if sent, err := strconv.ParseInt(header(HeaderSent), 10, 64); err == nil {
		o.Sent = time.Unix(0, sent)
	}
	if o.Error != "" {
		o.Source = header(HeaderSourceTopic) + ":" + header(HeaderSourcePartition) + ":" + header(HeaderSourceOffset)
		return o
	}
	var body struct {
		Values json.RawMessage `json:"values"`
	}
	if err := json.Unmarshal(value, &body); err != nil || len(body.Values) == 0 {
		o.Error = fmt.Sprintf(`%d bytes that are no prediction, which is {"values": ...}`, len(value))
	}
	o.Values = body.Values
	return o
}
