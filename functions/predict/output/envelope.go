package output

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

// Envelope makes the output records of an inference: CloudEvents in the binary
// mode of the Kafka binding. Source and id name the input record, so the output
// of a record that is predicted twice has the same both times.
type Envelope struct {
	source    string // ce_source
	inference string // its id, or its name where it has none
	fixed     []stream.Header
	// The result that makes predictions, and of a part of them its challenger.
	result, challenger []byte
	percent            float64
}

// NewEnvelope makes the records of the inference that job describes.
func NewEnvelope(job pipeline.PredictJob) Envelope {
	inference := strconv.FormatInt(job.Inference, 10)
	if job.Inference == 0 { // served by hand, without a registry
		inference = job.Name
	}
	e := Envelope{source: "/kafkaml/inferences/" + inference, inference: inference}
	e.result = strconv.AppendInt(nil, job.Result, 10)
	if c := job.Challenger; c != nil {
		e.challenger, e.percent = strconv.AppendInt(nil, c.Result, 10), c.Percent
	}
	e.fixed = []stream.Header{
		{Key: "ce_specversion", Value: []byte("1.0")},
		{Key: "ce_type", Value: []byte(eventing.PredictionMade)},
		{Key: "ce_source", Value: []byte(e.source)},
		{Key: "content-type", Value: []byte("application/json")},
	}
	return e
}

// Source is the source of the inference's events.
func (e *Envelope) Source() string { return e.source }

// Inference is the inference's id, or its name where it has none.
func (e *Envelope) Inference() string { return e.inference }

// Challenged reports whether the challenger of the job's result predicts a record.
func (e *Envelope) Challenged(in *stream.Record) bool {
	return e.percent > 0 && pipeline.Challenged(e.percent, in.Key, in.Partition, in.Offset)
}

// Arena is the memory of the records of one batch, used again after Reset.
type Arena struct {
	bytes   []byte
	headers []stream.Header
}

// Reset takes the memory back: records made in it are no longer valid.
func (a *Arena) Reset() { a.bytes, a.headers = a.bytes[:0], a.headers[:0] }

// AppendID writes the id of the prediction of in.
func (e *Envelope) AppendID(dst []byte, in *stream.Record) []byte {
	return pipeline.AppendPredictionID(dst, e.inference, in.Topic, in.Partition, in.Offset)
}

// Wrap is the output record of in: its key and headers, and the attributes of
// the event. Attributes that the input record itself has as an event are not
// carried: they are the input's, but for its trace, which goes on.
func (e *Envelope) Wrap(a *Arena, in *stream.Record, value []byte) stream.Record {
	from := len(a.headers)
	a.headers = carried(a.headers, in, func(key string) bool { return !isAttribute(key) })
	result := e.result
	if e.Challenged(in) {
		result = e.challenger
	}
	a.headers = append(append(a.headers, e.fixed...), stream.Header{Key: pipeline.HeaderResult, Value: result})
	start := len(a.bytes)
	a.bytes = e.AppendID(a.bytes, in)
	a.headers = append(a.headers, stream.Header{Key: "ce_id", Value: a.bytes[start:len(a.bytes):len(a.bytes)]})
	return stream.Record{Key: in.Key, Value: value, Headers: a.headers[from:len(a.headers):len(a.headers)]}
}

func isAttribute(header string) bool {
	return len(header) >= 3 && strings.EqualFold(header[:3], "ce_") && !stream.IsTrace(header, tracing.Parent) && !stream.IsTrace(header, tracing.State) ||
		strings.EqualFold(header, "content-type")
}

const (
	maxReason  = 1024 // of the header that says why, in bytes
	ownHeaders = 4    // of a dead letter, the last ones
)

// Letter is the dead letter of in: the record as it was, and why.
func Letter(in *stream.Record, why error) stream.Record {
	headers := carried(nil, in, func(string) bool { return true })
	headers = append(headers, // ownHeaders of them
		stream.Header{Key: pipeline.HeaderError, Value: []byte(short(ReasonOf(why)))},
		stream.Header{Key: pipeline.HeaderSourceTopic, Value: []byte(in.Topic)},
		stream.Header{Key: pipeline.HeaderSourcePartition, Value: strconv.AppendInt(nil, int64(in.Partition), 10)},
		stream.Header{Key: pipeline.HeaderSourceOffset, Value: strconv.AppendInt(nil, in.Offset, 10)})
	return stream.Record{Time: time.Now(), Key: in.Key, Value: in.Value, Headers: headers}
}

// WithoutHeaders leaves of a dead letter that its topic does not take, for the
// reason why, the key, the value and what it says itself.
func WithoutHeaders(letter *stream.Record, why error) {
	own := letter.Headers[len(letter.Headers)-ownHeaders:]
	letter.Headers = append([]stream.Header(nil), own...)
	letter.Headers[0].Value = append(append([]byte(nil), own[0].Value...), ("; its headers were left out: " + short(why.Error()))...)
}

// WithoutValue leaves of a dead letter what it says itself.
func WithoutValue(letter *stream.Record, _ error) {
	letter.Headers = append([]stream.Header(nil), letter.Headers...)
	letter.Headers[0].Value = append(append([]byte(nil), letter.Headers[0].Value...), "; so were its key and value, which lie where it came from"...)
	letter.Key, letter.Value = nil, nil
}

// short bounds a text.
func short(text string) string {
	if len(text) > maxReason {
		return strings.ToValidUTF8(text[:maxReason], "")
	}
	return text
}

// ReasonOf is what a person reads of an error: the reason, and what to do.
func ReasonOf(err error) string {
	var p *pipeline.Error
	if errors.As(err, &p) && p.Hint != "" {
		return p.Error() + ": " + p.Hint
	}
	if p != nil {
		return p.Error()
	}
	return err.Error()
}
