package door

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/eventing/validate"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

// postEvent is the event door.
func (d *door) postEvent(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	e, err := eventing.Read(r.Context(), r.Header, r.Body)
	if err == nil {
		err = d.ownSource(e)
	}
	if err != nil {
		d.metrics.observe("", outcomeMalformed, start)
		status := statusOf(err)
		switch status {
		case http.StatusUnsupportedMediaType, http.StatusRequestEntityTooLarge, http.StatusRequestTimeout, http.StatusServiceUnavailable:
		default:
			status = http.StatusBadRequest
		}
		api.WriteProblem(w, status, err)
		return
	}
	log := d.Log.With("event", e.ID(), "type", e.Type(), "source", e.Source(), "subject", e.Subject())
	var reply *event.Event
	outcome := outcomeFailed
	ctx, span := d.processing(r.Context(), e)
	ctx, err = d.shown(ctx, &e)
	if err == nil {
		reply, outcome, err = d.handle(ctx, e)
	}
	d.metrics.observe(d.label(e.Type()), outcome, start)
	tracing.End(span, err)
	if err != nil {
		d.refuseEvent(ctx, w, log, d.label(e.Type()), outcome, err)
		return
	}
	d.quiet.taken(ctx, log, d.label(e.Type()))
	log.DebugContext(ctx, "event handled", "outcome", outcome, "seconds", time.Since(start).Seconds())
	structured := strings.HasPrefix(r.Header.Get("Content-Type"), event.ApplicationCloudEventsJSON)
	writeEvent(w, reply, structured)
}

// ownSource refuses an event that passes for a request to the REST side, whose
// commands have ids that clients choose.
func (d *door) ownSource(e event.Event) error {
	if e.Source() != d.restSource() {
		return nil
	}
	return pipeline.Invalidf("source", "%s is the source of requests to the REST side", e.Source()).WithHint("give your own program's")
}

// The outcomes of an event, also a label of the metrics.
const (
	outcomeTaken     = registry.Taken
	outcomeRepeated  = "repeated"
	outcomeRejected  = registry.Rejected
	outcomeMalformed = "malformed"
	outcomeUnknown   = "unknown-type"
	outcomeSchema    = registry.OffSchema
	outcomeFailed    = registry.Failed
	outcomeDenied    = registry.Denied
)

func (d *door) refuseEvent(ctx context.Context, w http.ResponseWriter, log *slog.Logger, typ, outcome string, err error) {
	status := map[string]int{outcomeUnknown: http.StatusBadRequest, outcomeSchema: http.StatusUnprocessableEntity}[outcome]
	if status == 0 {
		switch status = api.Status(err); status {
		case http.StatusServiceUnavailable, http.StatusUnauthorized, http.StatusForbidden:
		default:
			status = http.StatusInternalServerError
		}
	}
	if status == http.StatusServiceUnavailable {
		d.quiet.refuse(ctx, log, typ, status, err)
	} else {
		log.WarnContext(ctx, "event not handled", "status", status, "error", err)
	}
	api.WriteProblem(w, status, err)
}

// handle runs the command of e once, or the handler of its type, and gives the
// reply.
func (d *door) handle(ctx context.Context, e event.Event) (reply *event.Event, outcome string, err error) {
	if e.Type() == eventing.FuncInvoke {
		answer := eventing.New(eventing.TypesAccepted, d.source(), "", eventing.Accepted{Function: d.f.Name, Types: d.types()})
		return &answer, outcomeTaken, nil
	}
	if handler, ok := d.f.Events[eventing.KafkaRecord]; ok && eventing.IsRecord(e) { // whatever the record says that it is
		return d.record(ctx, e, handler)
	}
	if command, ok := d.f.Commands[e.Type()]; ok {
		reply, outcome, err := d.authorized(ctx, e, command)
		if err != nil {
			d.note(ctx, lineOf(ctx, e.Type(), e.Subject()), outcome, err)
		}
		return reply, outcome, err
	}
	if handler, ok := d.f.Events[e.Type()]; ok {
		return d.event(ctx, e, handler)
	}
	return nil, outcomeUnknown, (&pipeline.Error{
		Op: "handle event", Kind: pipeline.Invalid, Field: "type", Reason: d.f.Name + " does not handle " + e.Type(),
	}).WithHint("it handles %s", strings.Join(d.types(), ", "))
}

// authorized runs a command for who may give it.
func (d *door) authorized(ctx context.Context, e event.Event, run Command) (*event.Event, string, error) {
	if err := mayCommand(ctx, e); err != nil {
		return nil, outcomeDenied, during(e, err)
	}
	return d.command(ctx, e, run)
}

// command runs a command, or finds the answer that it got before.
func (d *door) command(ctx context.Context, e event.Event, run Command) (reply *event.Event, outcome string, err error) {
	a := askedBy(ctx, e)
	unlock, err := d.inFlight.lock(ctx, a.key)
	if err != nil {
		return nil, outcomeFailed, err
	}
	defer unlock()
	before, err := registry.Read(ctx, d.Store, func(tx *registry.Tx) (answer, error) { return answerTo(tx, a) })
	switch {
	case err != nil:
		return d.unanswered(ctx, a, e, err)
	case before.found:
		return before.event, outcomeRepeated, nil
	}
	if err := validate.Data(e.Type(), e.Data()); err != nil {
		return nil, outcomeSchema, err
	}
	c := &Call{Event: e, asked: a, store: d.Store}
	err = run(ctx, c)
	switch {
	case err == nil && c.committed:
		return c.reply, outcomeTaken, nil
	case err == nil:
		return nil, outcomeFailed, fmt.Errorf("%s: ended without a commit", eventing.Operation(e.Type()))
	case c.committed || !refused(err):
		return nil, failure(err), during(e, err)
	}
	rejection := eventing.NewRejection(e, d.source(), during(e, err))
	reply, err = once(ctx, d.Store, a, func(*registry.Tx) (*event.Event, error) { return &rejection, nil })
	if err != nil {
		return d.unanswered(ctx, a, e, err)
	}
	return reply, outcomeRejected, nil
}

// failure is the outcome of a command that got no answer: it is denied also where
// only its data tell that whoever gives it may not, as a topic's name does.
func failure(err error) string {
	if api.Status(err) == http.StatusForbidden {
		return outcomeDenied
	}
	return outcomeFailed
}

// unanswered is the end of a command for which the registry keeps no answer: it
// failed, or is refused because its id is that of another.
func (d *door) unanswered(ctx context.Context, a asked, e event.Event, err error) (*event.Event, string, error) {
	if !refused(err) {
		return nil, outcomeFailed, err
	}
	d.note(ctx, a.line, outcomeRejected, err)
	rejection := eventing.NewRejection(e, d.source(), during(e, err))
	return &rejection, outcomeRejected, nil
}

// event runs the handler of an event that is no command.
func (d *door) event(ctx context.Context, e event.Event, run EventHandler) (reply *event.Event, outcome string, err error) {
	if err := validate.Data(e.Type(), e.Data()); err != nil {
		return nil, outcomeSchema, err
	}
	return d.record(ctx, e, run)
}

// record runs the handler of an event whose data nobody can refuse.
func (d *door) record(ctx context.Context, e event.Event, run EventHandler) (reply *event.Event, outcome string, err error) {
	reply, err = run(ctx, e)
	switch {
	case err == nil:
		return reply, outcomeTaken, nil
	case refused(err):
		rejection := eventing.NewRejection(e, d.source(), err)
		return &rejection, outcomeRejected, nil
	}
	return nil, outcomeFailed, err
}

// writeEvent answers with an event in the mode of the request, 204 without one.
func writeEvent(w http.ResponseWriter, e *event.Event, structured bool) {
	if e == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if err := e.Validate(); err != nil {
		Problem(w, fmt.Errorf("answer: %w", err))
		return
	}
	if !structured {
		eventing.WriteHeader(w.Header(), *e)
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(e.Data()) // the client may be gone
		return
	}
	body, err := eventing.Structured(*e)
	if err != nil {
		Problem(w, fmt.Errorf("write answer: %w", err))
		return
	}
	w.Header().Set("Content-Type", event.ApplicationCloudEventsJSON)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body)
}

// source is the source attribute of the events that this function makes.
func (d *door) source() string { return Source(d.f.Name) }

// restSource is that of the commands that come as REST requests.
func (d *door) restSource() string { return d.source() + "/rest" }

// types are those of the events that the function handles, sorted.
func (d *door) types() []string { return d.f.types() }

func (f Function) types() []string {
	all := slices.AppendSeq([]string{}, maps.Keys(f.Commands)) // a list also where there are none
	all = slices.AppendSeq(all, maps.Keys(f.Events))
	slices.Sort(all)
	return all
}

// label keeps the metrics' label to the types the function handles.
func (d *door) label(typ string) string {
	if slices.Contains(d.types(), typ) {
		return typ
	}
	return ""
}

// errMalformed marks a body that is not JSON.
var errMalformed = errors.New("malformed")
