package predict

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/functions/predict/output"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

// door answers events.
type door struct {
	envelope *output.Envelope
	topic    string  // of records whose event does not name theirs
	trigger  string  // see pipeline.PredictJob
	source   *source // nil where there is no output topic
	requests *requests
}

// ServeHTTP is the event door. It answers
//
//	204  without one where the record is none to predict (where)
//	200  with the prediction, or with prediction.rejected where the record is
//	     at fault (it then is on the dead-letter topic); of a batch, with nothing:
//	     each of its records is dealt with
//	400  not a CloudEvent, or of a type that is not handled
//	413, 415  too large; a content type that is not read
//	503  not now: Kafka is away, or too many records wait
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if body, ok := r.Body.(*wholeBody); ok && body.err == nil {
		if r.Header.Get("Content-Type") == eventing.BatchType {
			d.serveBatch(w, r, body.data)
			return
		}
		if p, ok := eventing.ReadPlain(r.Header, body.data); ok {
			d.servePlain(w, r, &p)
			return
		}
	}
	e, err := eventing.Read(r.Context(), r.Header, r.Body)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) && d.source != nil {
		if reply, ok := d.oversize(r, tooLarge.Limit); ok {
			eventing.WriteHeader(w.Header(), reply)
			_, _ = w.Write(reply.Data()) // the client may be gone
			return
		}
	}
	if err != nil {
		api.WriteProblem(w, statusOf(err, http.StatusBadRequest), err)
		return
	}
	reply, err := d.answer(r.Context(), r.Header, e)
	d.write(w, r, e, reply, err)
}

// servePlain answers as ServeHTTP does, without making an event of a record that is
// predicted.
func (d *door) servePlain(w http.ResponseWriter, r *http.Request, p *eventing.Plain) {
	value, err := d.predict(r.Context(), p)
	if err == nil {
		eventing.OfferBatches(w.Header())
		id := string(d.envelope.AppendID(nil, &p.Record))
		eventing.WriteNew(w.Header(), eventing.PredictionMade, d.envelope.Source(), id, p.Subject)
		_, _ = w.Write(value) // the client may be gone
		return
	}
	e, failed := eventing.Read(r.Context(), r.Header, r.Body)
	if failed != nil { // cannot be: it was read
		err = failed
	}
	reply, err := d.reply(e, "", nil, err)
	d.write(w, r, e, reply, err)
}

func (d *door) predict(ctx context.Context, p *eventing.Plain) (value []byte, err error) {
	if err := d.admit(ctx, p.Token); err != nil {
		return nil, err
	}
	return d.source.handle(ctx, &p.Record)
}

// serveBatch answers a batch of records, of which a part may be dealt with where it
// answers that not all are.
func (d *door) serveBatch(w http.ResponseWriter, r *http.Request, body []byte) {
	records, err := eventing.ReadBatch(body)
	if err != nil {
		api.WriteProblem(w, statusOf(err, http.StatusBadRequest), err)
		return
	}
	for i := range records {
		if i > 0 && records[i].Token == records[i-1].Token {
			continue
		}
		if err = d.admit(r.Context(), records[i].Token); err != nil {
			break
		}
	}
	if err == nil {
		err = d.source.handleAll(r.Context(), records)
	}
	if err != nil {
		refuse(w, r, true, err)
		return
	}
	eventing.OfferBatches(w.Header())
	w.WriteHeader(http.StatusOK)
}

// write writes the answer to e.
func (d *door) write(w http.ResponseWriter, r *http.Request, e, reply event.Event, err error) {
	if errors.Is(err, features.ErrLeftOut) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if err != nil {
		refuse(w, r, eventing.IsRecord(e), err)
		return
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), event.ApplicationCloudEventsJSON) {
		writeStructured(w, reply)
		return
	}
	eventing.WriteHeader(w.Header(), reply)
	_, _ = w.Write(reply.Data()) // the client may be gone
}

// refuse says why an event, of a record or not, is not dealt with.
func refuse(w http.ResponseWriter, r *http.Request, record bool, err error) {
	refusal := http.StatusBadRequest
	if record && pipeline.KindOf(err) != pipeline.Invalid { // a refusal would lose it
		refusal = http.StatusServiceUnavailable
	}
	status := statusOf(err, refusal)
	if (status == http.StatusUnauthorized || status == http.StatusForbidden) && eventing.FromSource(r.Header) {
		status = http.StatusServiceUnavailable // its manifest may come to have the token yet: a refusal would lose the record
	}
	api.WriteProblem(w, status, err)
}

func writeStructured(w http.ResponseWriter, e event.Event) {
	body, err := eventing.Structured(e)
	if err != nil {
		api.WriteProblem(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", event.ApplicationCloudEventsJSON)
	_, _ = w.Write(body)
}

func (d *door) answer(ctx context.Context, h http.Header, e event.Event) (event.Event, error) {
	switch {
	case e.Type() == eventing.FuncInvoke:
		return eventing.New(eventing.TypesAccepted, d.envelope.Source(), "", eventing.Accepted{
			Function: pipeline.StepPredict, Types: []string{eventing.KafkaRecord, eventing.PredictionMake},
		}), nil
	case eventing.IsRecord(e): // also one that holds a prediction.make: nobody would see its reply
		return d.answerRecord(ctx, e)
	case e.Type() == eventing.PredictionMake:
		if err := identity.Need(ctx, identity.Editor); err != nil {
			return event.Event{}, err
		}
		ctx, span := sent(ctx, h, e)
		value, err := d.requests.handle(ctx, e)
		tracing.End(span, err)
		return d.reply(e, e.ID(), value, err)
	}
	return event.Event{}, (&pipeline.Error{
		Op: "handle event", Kind: pipeline.Invalid, Field: "type", Reason: "predict does not handle " + e.Type(),
	}).WithHint("it handles %s and %s", eventing.KafkaRecord, eventing.PredictionMake)
}

// oversize makes a dead letter, without the value, of a record that is larger
// than a request may be: refused, it would be lost. ok is false for what is no
// record, or where the letter cannot be written now.
func (d *door) oversize(r *http.Request, limit int64) (reply event.Event, ok bool) {
	e, err := eventing.Read(r.Context(), r.Header, http.NoBody)
	if err != nil || !eventing.IsRecord(e) || d.delivers(r.Context(), tokenOf(e)) != nil {
		return reply, false
	}
	in, err := eventing.RecordOf(e)
	if err != nil {
		return reply, false
	}
	if in.Topic == "" {
		in.Topic = d.topic
	}
	in.Value = nil
	why := pipeline.Invalidf("value", "is larger than %d MiB, which is the most that comes over HTTP", limit>>20).WithHint("serve the result with the delivery direct")
	err = d.source.reject(r.Context(), &in, why)
	reply, err = d.reply(e, "", nil, err)
	return reply, err == nil
}

// delivers is nil where a record comes from the inference's own source, which its
// token shows, or from somebody who may predict: its prediction is written to the
// output topic, as that of a record at a place of the input topic.
func (d *door) delivers(ctx context.Context, token string) error {
	if token != "" && d.trigger != "" && identity.IsOf(token, d.trigger) {
		return nil
	}
	return identity.Need(ctx, identity.Editor)
}

func tokenOf(e event.Event) string {
	token, _ := e.Extensions()[eventing.TokenExtension].(string)
	return token
}

// admit is nil where a record that shows a token is to be predicted.
func (d *door) admit(ctx context.Context, token string) error {
	if d.source == nil {
		return &pipeline.Error{Op: "handle record", Kind: pipeline.Invalid, Reason: "this service has no output topic"}
	}
	if err := d.delivers(ctx, token); err != nil {
		return err
	}
	if refusal := d.source.model.refuseSingle(); refusal != nil {
		// Of a KafkaSource that is about to go: not refused for good, since the
		// replicas read the record themselves from where it has committed.
		refusal.Kind = pipeline.Unavailable
		return refusal
	}
	return nil
}

func (d *door) answerRecord(ctx context.Context, e event.Event) (event.Event, error) {
	if err := d.admit(ctx, tokenOf(e)); err != nil {
		return event.Event{}, err
	}
	in, err := eventing.RecordOf(e)
	if err != nil {
		return event.Event{}, err
	}
	if in.Topic == "" {
		in.Topic = d.topic
	}
	if in.Topic == d.topic && eventing.HasHeaders(e) {
		d.source.whole(ctx, &in)
	}
	if why, ok := e.Extensions()[eventing.UndeliveredExtension].(string); ok {
		return d.undelivered(ctx, e, in, why)
	}
	value, err := d.source.handle(ctx, &in)
	return d.reply(e, string(d.envelope.AppendID(nil, &in)), value, err)
}

// undelivered makes a dead letter of a record that its source could not send.
func (d *door) undelivered(ctx context.Context, e event.Event, in stream.Record, why string) (event.Event, error) {
	found, err := d.source.find.Find(ctx, in.Partition, in.Offset)
	switch {
	case err == nil:
		found.Topic = in.Topic
		in = found
	case pipeline.KindOf(err) != pipeline.NotFound: // the log may give it later
		return event.Event{}, err
	}
	reason := pipeline.Invalidf("headers", "it could not be delivered: %s", why).WithHint("serve the result with the delivery direct")
	return d.reply(e, "", nil, d.source.reject(ctx, &in, reason))
}

// reply is the event that answers e: prediction.made with an id, or
// prediction.rejected where err says that what e carries is at fault. Any other
// error is given back.
func (d *door) reply(e event.Event, id string, value []byte, err error) (event.Event, error) {
	switch {
	case err == nil:
		return d.made(id, e.Subject(), value), nil
	case pipeline.KindOf(err) == pipeline.Invalid:
		r := eventing.Rejection{Type: e.Type(), Source: e.Source(), ID: e.ID()}
		r.Describe(err)
		return eventing.New(eventing.PredictionRejected, d.envelope.Source(), e.Subject(), r), nil
	}
	return event.Event{}, err
}

// made is the event that carries a prediction.
func (d *door) made(id, subject string, value []byte) event.Event {
	e := event.New()
	e.SetID(id)
	e.SetType(eventing.PredictionMade)
	e.SetSource(d.envelope.Source())
	e.SetTime(time.Now().UTC())
	if subject != "" {
		e.SetSubject(subject)
	}
	e.SetDataContentType(event.ApplicationJSON)
	e.DataEncoded = value
	return e
}
