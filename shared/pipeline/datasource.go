package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// Format is how records are encoded.
type Format string

// The formats of the contract; TelegrafJSON is for inference only.
const (
	RAW          Format = "RAW"
	AVRO         Format = "AVRO"
	JSON         Format = "JSON"
	PROTOBUF     Format = "PROTOBUF"
	TelegrafJSON Format = "TELEGRAF_STR_JSON"
)

// Enum lists the values for JSON Schema.
func (Format) Enum() []any { return values(RAW, AVRO, JSON, PROTOBUF, TelegrafJSON) }

// Range is a run of records of one partition: Length records from Offset on.
type Range struct {
	Topic     string `json:"topic"`
	Partition int    `json:"partition" minimum:"0"`
	Offset    int64  `json:"offset" minimum:"0"`
	Length    int64  `json:"length" minimum:"0"`
}

// Records is how many records ranges hold together.
func Records(ranges []Range) (n int64) {
	for _, r := range ranges {
		n += r.Length
	}
	return n
}

// ResendForm is what a person gives to use a datasource again.
type ResendForm struct {
	Deployment int64 `json:"deployment" required:"true" minimum:"1" refers:"deployment" example:"2" description:"deployment to train"`
}

// DatasourceForm is what a person gives to train on records that lie in topics
// already.
type DatasourceForm struct {
	Deployment     int64           `json:"deployment" required:"true" minimum:"1" refers:"deployment" example:"1" description:"deployment that is to train"`
	Topic          string          `json:"topic" required:"true" minLength:"1" maxLength:"1048576" arg:"TOPIC,..." example:"points" description:"topics that hold the records, separated by commas: each whole (orders), one partition (orders:0), or a range (orders:0:100:5000, offset and length)"`
	Since          string          `json:"since,omitempty" maxLength:"64" arg:"TIME" example:"7d" description:"take records from this time on: RFC 3339, milliseconds since 1970, or how long ago (7d, 12h, last 30 minutes) (default: all that are kept)"`
	Until          string          `json:"until,omitempty" maxLength:"64" arg:"TIME" description:"take records before this time (default: now)"`
	InputFormat    Format          `json:"input_format" required:"true" flag:"format" example:"JSON" description:"RAW, AVRO, JSON or PROTOBUF"`
	InputConfig    json.RawMessage `json:"input_config,omitempty" types:"object,null" arg:"JSON" example:"{\"data_fields\":[\"a\",\"b\"],\"label_field\":\"y\"}" description:"how the records are read: a JSON object"`
	ValidationRate float64         `json:"validation_rate" minimum:"0" maximum:"1" arg:"RATE" example:"0.2" description:"share of the records to validate on, from 0 to 1"`
	TestRate       float64         `json:"test_rate" minimum:"0" maximum:"1" arg:"RATE" description:"share of the records to test on, from 0 to 1"`
	Shuffle        bool            `json:"shuffle" description:"shuffle the records once before the split"`
	Seed           int64           `json:"seed" arg:"N" description:"seed of shuffling and of a split that is random (default: 0)"`
	Split          string          `json:"split,omitempty" enum:"time,random,label" arg:"HOW" description:"which records are kept back: time (the last), random, or label (at random, of each class its share) (default: time)"`
	Order          string          `json:"order,omitempty" enum:"time,partition" description:"how several partitions are read: time (merged by the records' times) or partition (default: time)"`
	Unsupervised   string          `json:"unsupervised_topic,omitempty" maxLength:"1048576" arg:"TOPIC,..." description:"topics of records without labels, as topic names them, for a deployment that is unsupervised"`
	Description    string          `json:"description,omitempty" maxLength:"4096" arg:"TEXT" description:"note for people"`
}

// Datasource is a control message that was accepted (or refused): where a stream
// lies in the log, in which format, and how to split it.
type Datasource struct {
	ID             int64                      `json:"id" minimum:"1"`
	Deployment     int64                      `json:"deployment"`
	Ranges         []Range                    `json:"ranges"`
	InputFormat    Format                     `json:"input_format"`
	InputConfig    json.RawMessage            `json:"input_config" types:"object,null"`
	ValidationRate float64                    `json:"validation_rate" minimum:"0" maximum:"1"`
	TestRate       float64                    `json:"test_rate" minimum:"0" maximum:"1"`
	TotalMsg       int64                      `json:"total_msg" minimum:"0"`
	Description    string                     `json:"description"`
	Shuffle        bool                       `json:"shuffle"`
	Seed           int64                      `json:"seed"`
	Order          Order                      `json:"order,omitempty" description:"how several partitions are read; by time of their records when absent"`
	Split          SplitBy                    `json:"split,omitempty" description:"which records are kept back from training: random, or label for a share of each class; the last ones when absent"`
	Open           bool                       `json:"open,omitempty" description:"the ranges have no end: a training that follows a stream goes on beyond them, any other ends where they did when the stream was announced"`
	Asked          *Asked                     `json:"asked,omitempty" nullable:"false" description:"what the ranges were looked up by, where the message named topics by time"`
	Unsupervised   *Unlabelled                `json:"unsupervised,omitempty" nullable:"false" description:"records without labels, for deployments that are unsupervised"`
	Extra          map[string]json.RawMessage `json:"extra,omitempty" description:"members of the control message that the contract does not know"`
	TopicIDs       map[string]string          `json:"topic_ids,omitempty" description:"Kafka's ids of the topics when the stream was announced: one that was made anew has another"`
	ResendOf       int64                      `json:"resend_of,omitempty" description:"the datasource that was used again"`
	Scheduled      bool                       `json:"scheduled,omitempty" description:"a window of the log that the schedule of the deployment took: no control message named it"`
	Origin         Origin                     `json:"origin"`
	Received       time.Time                  `json:"received"`
	Retention      Retention                  `json:"retention"`
	Rejected       *Rejection                 `json:"rejected,omitempty"`
	Unused         *Rejection                 `json:"unused,omitempty" description:"why no training began on it, where none did"`
}

// Asked is what ranges of offsets were looked up by, once: whatever is written to
// the topics later, trainings and re-sends take the records of the ranges.
type Asked struct {
	Topic string     `json:"topic" description:"topics, each whole or one partition of it (topic:partition)"`
	Since *time.Time `json:"since,omitempty" nullable:"false" description:"from this time on; from the first record that was kept where absent"`
	Until *time.Time `json:"until,omitempty" nullable:"false" description:"before this time; to the end as it was then where absent"`
}

// Topics are the topics of all ranges, each once.
func (d Datasource) Topics() (topics []string) {
	for _, r := range slices.Concat(d.Ranges, d.Unlabelled()) {
		if !slices.Contains(topics, r.Topic) {
			topics = append(topics, r.Topic)
		}
	}
	return topics
}

// SameStream reports whether two control messages lead to the same training.
func (d Datasource) SameStream(o Datasource) bool {
	for topic, id := range d.TopicIDs {
		if other := o.TopicIDs[topic]; id != "" && other != "" && id != other {
			return false // made anew between them
		}
	}
	return slices.Equal(d.Ranges, o.Ranges) && slices.Equal(d.Unlabelled(), o.Unlabelled()) && d.InputFormat == o.InputFormat &&
		sameJSON(d.InputConfig, o.InputConfig) &&
		d.ValidationRate == o.ValidationRate && d.TestRate == o.TestRate &&
		d.Shuffle == o.Shuffle && d.Seed == o.Seed && d.Order == o.Order && d.Split == o.Split
}

// sameJSON compares two JSON values, whatever their spacing and order of
// members.
func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return bytes.Equal(a, b)
	}
	return reflect.DeepEqual(x, y)
}

// Order is how the records of several partitions follow one another when a
// stream is read. Those of one partition keep their order in either.
type Order string

// The orders. The zero value is OrderTime.
const (
	OrderTime      Order = ""          // by time of the records, then partition, then offset
	OrderPartition Order = "partition" // range by range, as the control message names them
)

// Enum lists the values that are written; OrderTime is left out.
func (Order) Enum() []any { return []any{OrderPartition} }

// ParseOrder reads the name of an order; "time" and the empty name are OrderTime.
func ParseOrder(field, name string) (Order, error) {
	switch name {
	case "", "time":
		return OrderTime, nil
	case string(OrderPartition):
		return OrderPartition, nil
	}
	return OrderTime, Invalidf(field, "%q is not an order of records", name).WithHint("use time or partition")
}

// Origin is the control record a datasource came from: unique, so that a
// record that is delivered twice is one datasource.
type Origin struct {
	Topic     string `json:"topic,omitempty"`
	Partition int    `json:"partition"`
	Offset    int64  `json:"offset"`
	Bytes     int    `json:"bytes" description:"key and value of the control record"`
	TopicID   string `json:"topic_id,omitempty" description:"Kafka's id of the topic, by which one that was made anew is told apart"`
	Key       string `json:"key,omitempty" description:"the record's key, in hexadecimal, where it is what names the deployment"`
}

// Retention reports whether the log still holds a datasource's records.
type Retention struct {
	State  RetentionState `json:"state"`
	Until  *time.Time     `json:"until,omitempty" nullable:"false" description:"about when the first record goes; absent when kept for ever"`
	Reason string         `json:"reason,omitempty"`
}

// RetentionState is what the log still holds of a stream.
type RetentionState string

// The states of Retention.
const (
	Available      RetentionState = "available"
	PartlyExpired  RetentionState = "partly-expired"
	Expired        RetentionState = "expired"
	RetentionUnset RetentionState = "unknown" // the broker could not be asked
)

// Enum lists the values for JSON Schema.
func (RetentionState) Enum() []any {
	return values(Available, PartlyExpired, Expired, RetentionUnset)
}

// Rejection says why a control message was refused and what to do.
type Rejection struct {
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason"`
	Hint   string `json:"hint,omitempty"`
}

// RejectionOf keeps what an error says to a person.
func RejectionOf(err error) *Rejection {
	var known *Error
	if !errors.As(err, &known) {
		return &Rejection{Reason: err.Error()}
	}
	r := &Rejection{Field: known.Field, Reason: known.Message(), Hint: known.Hint}
	if known.At != nil {
		r.Reason += fmt.Sprintf(" (line %d)", known.At.Line)
	}
	return r
}

// Refusal is the error, of kind Invalid, that says it again.
func (r Rejection) Refusal() *Error {
	return &Error{Kind: Invalid, Field: r.Field, Reason: r.Reason, Hint: r.Hint}
}
