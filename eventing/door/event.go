package door

import (
	"context"
	"encoding/json"
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
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// takeEvent is the event door.
func (d *door) takeEvent(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	e, err := eventing.Read(r.Context(), r.Header, r.Body)
	if err != nil {
		d.metrics.observe("", outcomeMalformed, start)
		writeProblem(w, malformedStatus(err), err)
		return
	}
	log := d.Log.With("event", e.ID(), "type", e.Type(), "source", e.Source(), "subject", e.Subject())
	reply, outcome, err := d.carryOut(r.Context(), e)
	d.metrics.observe(d.label(e.Type()), outcome, start)
	if err != nil {
		d.refuseEvent(w, log, outcome, err)
		return
	}
	log.Debug("event taken", "outcome", outcome, "seconds", time.Since(start).Seconds())
	structured := strings.HasPrefix(r.Header.Get("Content-Type"), event.ApplicationCloudEventsJSON)
	writeEvent(w, reply, structured)
}

func malformedStatus(err error) int {
	if s := statusOf(err); s == http.StatusUnsupportedMediaType || s == http.StatusRequestEntityTooLarge {
		return s
	}
	return http.StatusBadRequest
}

// The outcomes of an event, also a label of the metrics.
const (
	outcomeTaken     = "taken"
	outcomeRepeated  = "repeated"
	outcomeRejected  = "rejected"
	outcomeMalformed = "malformed"
	outcomeUnknown   = "unknown-type"
	outcomeSchema    = "off-schema"
	outcomeFailed    = "failed"
)

func (d *door) refuseEvent(w http.ResponseWriter, log *slog.Logger, outcome string, err error) {
	status := map[string]int{outcomeUnknown: http.StatusBadRequest, outcomeSchema: http.StatusUnprocessableEntity}[outcome]
	if status == 0 {
		status = http.StatusInternalServerError
		if waiting(err) || pipeline.KindOf(err) == pipeline.Unavailable {
			status = http.StatusServiceUnavailable
		}
	}
	log.Warn("event not taken", "status", status, "error", err)
	writeProblem(w, status, err)
}

// carryOut runs the command of e once and gives its answer.
func (d *door) carryOut(ctx context.Context, e event.Event) (reply *event.Event, outcome string, err error) {
	if e.Type() == eventing.FuncInvoke {
		answer := eventing.New(eventing.TypesAccepted, d.source(), "", eventing.Accepted{Function: d.f.Name, Types: d.types()})
		return &answer, outcomeTaken, nil
	}
	command, ok := d.f.Commands[e.Type()]
	if !ok {
		return nil, outcomeUnknown, (&pipeline.Error{
			Op: "take event", Kind: pipeline.Invalid, Field: "type", Reason: e.Type() + " is not taken by " + d.f.Name,
		}).WithHint("it takes %s", strings.Join(d.types(), ", "))
	}
	if e.Type() == eventing.KafkaRecord {
		return d.carryRecord(ctx, e, command)
	}
	unlock, err := d.inFlight.lock(ctx, e.Source()+"\x00"+e.ID())
	if err != nil {
		return nil, outcomeFailed, err
	}
	defer unlock()
	reply, seen, err := d.answered(ctx, e)
	if err != nil {
		return nil, outcomeFailed, err
	}
	if seen {
		return reply, outcomeRepeated, nil
	}
	if err := eventing.ValidateData(e.Type(), e.Data()); err != nil {
		return nil, outcomeSchema, err
	}
	reply, err = command(ctx, e)
	return d.settle(ctx, e, reply, err)
}

// carryRecord runs the command of a Kafka record. Its answer is not kept: the
// id is no more than partition and offset, which come again when a topic is
// made anew, so the command itself knows what is a repetition.
func (d *door) carryRecord(ctx context.Context, e event.Event, command Command) (*event.Event, string, error) {
	reply, err := command(ctx, e)
	if err != nil && refused(err) {
		rejection := eventing.NewRejection(e, d.source(), err)
		return &rejection, outcomeRejected, nil
	}
	if err != nil {
		return nil, outcomeFailed, err
	}
	return reply, outcomeTaken, nil
}

// settle turns what a command gave into an answer, and keeps it.
func (d *door) settle(ctx context.Context, e event.Event, reply *event.Event, err error) (*event.Event, string, error) {
	outcome := outcomeTaken
	switch {
	case err != nil && refused(err):
		rejection := eventing.NewRejection(e, d.source(), err)
		reply, outcome = &rejection, outcomeRejected
	case err != nil:
		return nil, outcomeFailed, err
	}
	if err := keep(ctx, d.Store, e, reply); err != nil {
		return nil, outcomeFailed, err
	}
	return reply, outcome, nil
}

// answered looks up the answer that e's source and id got before.
func (d *door) answered(ctx context.Context, e event.Event) (reply *event.Event, seen bool, err error) {
	err = d.Store.View(ctx, func(tx *registry.Tx) error {
		reply, seen, err = Answered(tx, e)
		return err
	})
	return reply, seen, err
}

// Answered looks up, in a transaction, the answer that e's source and id got
// before; reply is nil where that was no event.
func Answered(tx *registry.Tx, e event.Event) (reply *event.Event, seen bool, err error) {
	body, seen, err := tx.Command(e.Source(), e.ID())
	if err != nil || !seen || len(body) == 0 || string(body) == "null" {
		return nil, seen, err
	}
	reply = new(event.Event)
	if err := json.Unmarshal(body, reply); err != nil {
		return nil, false, fmt.Errorf("read the kept answer: %w", err)
	}
	return reply, true, nil
}

// Answer keeps reply as the answer of e's source and id, in the transaction
// that has the command's effect. The first answer stays.
func Answer(tx *registry.Tx, e event.Event, reply *event.Event) error {
	body := []byte("null")
	if reply != nil {
		var err error
		if body, err = eventing.Structured(*reply); err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
	}
	return tx.AnswerCommand(e.Source(), e.ID(), body)
}

// Once runs fn in one transaction with the look-up and the keeping of the
// answer, so that a command has its effect once whatever number of processes
// take it. fn may run again after a conflict.
func Once(ctx context.Context, store *registry.Store, e event.Event, fn func(tx *registry.Tx) (*event.Event, error)) (reply *event.Event, err error) {
	err = store.Do(ctx, func(tx *registry.Tx) error {
		var seen bool
		if reply, seen, err = Answered(tx, e); err != nil || seen {
			return err
		}
		if reply, err = fn(tx); err != nil {
			return err
		}
		return Answer(tx, e, reply)
	})
	if err != nil {
		return nil, err
	}
	return reply, nil
}

func keep(ctx context.Context, store *registry.Store, e event.Event, reply *event.Event) error {
	return store.Do(ctx, func(tx *registry.Tx) error {
		_, seen, err := tx.Command(e.Source(), e.ID())
		if err != nil || seen {
			return err
		}
		return Answer(tx, e, reply)
	})
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

// Source is the source attribute of the events of a function.
func Source(function string) string { return "/kafkaml/" + function }

func (d *door) types() []string { return slices.Sorted(maps.Keys(d.f.Commands)) }

// label keeps the metrics' label to the types the function takes.
func (d *door) label(typ string) string {
	if _, ok := d.f.Commands[typ]; ok {
		return typ
	}
	return ""
}

// errMalformed marks a body that is not JSON.
var errMalformed = errors.New("malformed")
