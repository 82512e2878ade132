package predict

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// envelope makes the output records of an inference: CloudEvents in the binary
// mode of the Kafka binding. Source and id name the input record, so the output
// of a record that is predicted twice has the same both times.
type envelope struct {
	source string // ce_source
	who    string // what ids begin with: the inference
	fixed  []stream.Header
}

func newEnvelope(job pipeline.PredictJob) envelope {
	who := strconv.FormatInt(job.Inference, 10)
	if job.Inference == 0 { // served by hand, without a registry
		who = job.Name
	}
	e := envelope{source: "/kafkaml/inferences/" + who, who: who}
	e.fixed = []stream.Header{
		{Key: "ce_specversion", Value: []byte("1.0")},
		{Key: "ce_type", Value: []byte(eventing.PredictionMade)},
		{Key: "ce_source", Value: []byte(e.source)},
		{Key: "content-type", Value: []byte("application/json")},
	}
	return e
}

// arena is the memory of the records of one batch, taken anew after reset.
type arena struct {
	bytes   []byte
	headers []stream.Header
}

func (a *arena) reset() { a.bytes, a.headers = a.bytes[:0], a.headers[:0] }

// appendID writes the id of the prediction of the record at an offset.
func (e *envelope) appendID(dst []byte, in *stream.Record) []byte {
	return pipeline.AppendPredictionID(dst, e.who, in.Topic, in.Partition, in.Offset)
}

// wrap is the output record of in: its key and headers, and the attributes of
// the event. Attributes that the input record itself has as an event are not
// carried: they are the input's.
func (e *envelope) wrap(a *arena, in *stream.Record, value []byte) stream.Record {
	from := len(a.headers)
	for _, h := range in.Headers {
		if !isAttribute(h.Key) {
			a.headers = append(a.headers, h)
		}
	}
	a.headers = append(a.headers, e.fixed...)
	start := len(a.bytes)
	a.bytes = e.appendID(a.bytes, in)
	a.headers = append(a.headers, stream.Header{Key: "ce_id", Value: a.bytes[start:len(a.bytes):len(a.bytes)]})
	return stream.Record{Key: in.Key, Value: value, Headers: a.headers[from:len(a.headers):len(a.headers)]}
}

func isAttribute(header string) bool {
	return len(header) >= 3 && strings.EqualFold(header[:3], "ce_") || strings.EqualFold(header, "content-type")
}

// maxReason bounds kafkaml-error.
const maxReason = 1024

// letter is the dead letter of in: the record as it was, and why.
func letter(in *stream.Record, why error) stream.Record {
	headers := append([]stream.Header(nil), in.Headers...)
	reason := reasonOf(why)
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "")
	}
	headers = append(headers,
		stream.Header{Key: pipeline.HeaderError, Value: []byte(reason)},
		stream.Header{Key: pipeline.HeaderSourceTopic, Value: []byte(in.Topic)},
		stream.Header{Key: pipeline.HeaderSourcePartition, Value: strconv.AppendInt(nil, int64(in.Partition), 10)},
		stream.Header{Key: pipeline.HeaderSourceOffset, Value: strconv.AppendInt(nil, in.Offset, 10)})
	return stream.Record{Time: time.Now(), Key: in.Key, Value: in.Value, Headers: headers}
}

// reasonOf is what a person reads of an error.
func reasonOf(err error) string {
	var p *pipeline.Error
	if errors.As(err, &p) {
		return p.Error()
	}
	return err.Error()
}
