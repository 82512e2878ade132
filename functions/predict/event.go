package predict

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// takeEvent is the event door. It answers
//
//	200  with the prediction, or with prediction.rejected where the record is
//	     at fault (it then is on the dead-letter topic)
//	400  not a CloudEvent, or of a type that is not taken
//	413, 415  too large; a content type that is not taken
//	503  not now: Kafka is away, or too many records wait
func (s *Service) takeEvent(w http.ResponseWriter, r *http.Request) {
	e, err := eventing.Read(r.Context(), r.Header, r.Body)
	if err != nil {
		writeProblem(w, statusOf(err, http.StatusBadRequest), err)
		return
	}
	reply, err := s.answer(r.Context(), e)
	if err != nil {
		writeProblem(w, statusOf(err, http.StatusBadRequest), err)
		return
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), event.ApplicationCloudEventsJSON) {
		writeStructured(w, reply)
		return
	}
	eventing.WriteHeader(w.Header(), reply)
	_, _ = w.Write(reply.Data()) // the client may be gone
}

func writeStructured(w http.ResponseWriter, e event.Event) {
	body, err := eventing.Structured(e)
	if err != nil {
		writeProblem(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", event.ApplicationCloudEventsJSON)
	_, _ = w.Write(body)
}

func (s *Service) answer(ctx context.Context, e event.Event) (event.Event, error) {
	switch {
	case e.Type() == eventing.FuncInvoke:
		return eventing.New(eventing.TypesAccepted, s.envelope.source, "", eventing.Accepted{
			Function: pipeline.StepPredict, Types: []string{eventing.KafkaRecord, eventing.PredictionMake},
		}), nil
	case isRecord(e): // also one that holds a prediction.make: nobody would see its reply
		return s.takeRecord(ctx, e)
	case e.Type() == eventing.PredictionMake:
		return s.takeRequest(ctx, e)
	}
	return event.Event{}, (&pipeline.Error{
		Op: "take event", Kind: pipeline.Invalid, Field: "type", Reason: e.Type() + " is not taken by predict",
	}).WithHint("it takes %s and %s", eventing.KafkaRecord, eventing.PredictionMake)
}

// isRecord reports whether e carries a Kafka record. One that already was a
// CloudEvent keeps its type: KafkaSource's or func-go's extensions show it.
func isRecord(e event.Event) bool {
	if e.Type() == eventing.KafkaRecord {
		return true
	}
	x := e.Extensions()
	_, source := x["knativekafkaoffset"]
	_, funcGo := x["kafkaoffset"]
	return source || funcGo
}

// takeRecord predicts a record of the stream. When it returns without an error,
// the prediction or the dead letter is acknowledged by all replicas.
func (s *Service) takeRecord(ctx context.Context, e event.Event) (event.Event, error) {
	began := time.Now()
	if s.output == nil {
		return event.Event{}, &pipeline.Error{Op: "take record", Kind: pipeline.Invalid, Reason: "this service has no output topic"}
	}
	in, err := eventing.RecordOf(e)
	if err != nil {
		return event.Event{}, err
	}
	if in.Topic == "" {
		in.Topic = s.job.InputTopic
	}
	if err := s.output.away(); err != nil {
		return event.Event{}, err
	}
	it := &item{rows: 1, in: &in, data: s.records.rows()}
	if err = s.decoder.Sample(it.data, in.Value); err != nil {
		err = undecodable(err)
	} else {
		err = s.records.do(ctx, it)
	}
	if err != nil {
		return s.rejectRecord(ctx, e, &in, err)
	}
	s.metrics.done(waySource, 1, began)
	return s.made(string(s.envelope.appendID(nil, &in)), e.Subject(), it.value), nil
}

// rejectRecord buries a record that is at fault; any other error is given back.
func (s *Service) rejectRecord(ctx context.Context, e event.Event, in *stream.Record, why error) (event.Event, error) {
	if pipeline.KindOf(why) != pipeline.Invalid {
		return event.Event{}, why
	}
	s.log.Warn("a record goes to the dead-letter topic", "topic", in.Topic, "partition", in.Partition, "offset", in.Offset, "error", why)
	s.metrics.dead.Inc()
	var refused error
	err := s.dead.write(ctx, in.Partition, []stream.Record{letter(in, why)}, func(_ int, err error) { refused = err })
	if err != nil {
		return event.Event{}, unreachable(s.dead.name, err)
	}
	if refused != nil { // must not stop the stream
		s.log.Error("a dead letter was refused and is lost", "topic", in.Topic, "partition", in.Partition, "offset", in.Offset, "error", refused)
	}
	return s.rejected(e, why), nil
}

// takeRequest predicts the data of a prediction.make event; nothing is written.
func (s *Service) takeRequest(ctx context.Context, e event.Event) (event.Event, error) {
	began := time.Now()
	lane, data, err := s.readRequest(e)
	it := &item{rows: 1, data: data}
	if err == nil {
		err = lane.do(ctx, it)
	}
	if pipeline.KindOf(err) == pipeline.Invalid && err != nil {
		return s.rejected(e, err), nil
	}
	if err != nil {
		return event.Event{}, err
	}
	s.metrics.done(wayRequest, 1, began)
	return s.made(e.ID(), e.Subject(), it.value), nil
}

// made is the event that carries a prediction.
func (s *Service) made(id, subject string, value []byte) event.Event {
	e := event.New()
	e.SetID(id)
	e.SetType(eventing.PredictionMade)
	e.SetSource(s.envelope.source)
	e.SetTime(time.Now().UTC())
	if subject != "" {
		e.SetSubject(subject)
	}
	e.SetDataContentType(event.ApplicationJSON)
	e.DataEncoded = value
	return e
}

func (s *Service) rejected(command event.Event, why error) event.Event {
	r := eventing.Rejection{Type: command.Type(), Source: command.Source(), ID: command.ID()}
	r.Describe(why)
	return eventing.New(eventing.PredictionRejected, s.envelope.source, command.Subject(), r)
}
