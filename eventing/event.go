package eventing

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/uuid"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Rejection is the data of a .rejected event: which command was refused, and
// why. Field is the member at fault, Hint the next step, At the place in a
// model's source.
type Rejection struct {
	Type   string             `json:"type,omitempty"`   // of the command
	Source string             `json:"source,omitempty"` // of the command
	ID     string             `json:"id,omitempty"`     // of the command
	Op     string             `json:"op,omitempty"`
	Kind   pipeline.Kind      `json:"kind"`
	Field  string             `json:"field,omitempty"`
	Reason string             `json:"reason"`
	Hint   string             `json:"hint,omitempty"`
	At     *pipeline.Position `json:"at,omitempty"`
}

// Accepted is the data of the answer to `func invoke`: the types that a
// function takes.
type Accepted struct {
	Function string   `json:"function"`
	Types    []string `json:"types"`
}

// New makes an event of our types: CloudEvents 1.0, a fresh id, now, data as
// JSON. Data that JSON cannot write (a NaN outside pipeline.Metrics) is found
// by Validate and by the emitter, which refuse the event.
func New(typ, source, subject string, data any) event.Event {
	e := event.New()
	e.SetID(uuid.NewString())
	e.SetType(typ)
	e.SetSource(source)
	e.SetTime(time.Now().UTC())
	if subject != "" {
		e.SetSubject(subject)
	}
	if data == nil {
		return e
	}
	if err := e.SetData(event.ApplicationJSON, data); err != nil {
		e.FieldErrors = map[string]error{"data": fmt.Errorf("write data as JSON: %w", err)}
	}
	return e
}

// NewRejection makes the .rejected event that answers command for the reason
// in err.
func NewRejection(command event.Event, source string, err error) event.Event {
	r := Rejection{Type: command.Type(), Source: command.Source(), ID: command.ID()}
	r.Describe(err)
	return New(Rejected(command.Type()), source, command.Subject(), r)
}

// Describe fills the members that say why from err.
func (r *Rejection) Describe(err error) {
	p := pipeline.Error{Reason: err.Error()}
	if e := asError(err); e != nil {
		p = *e
	}
	r.Op, r.Kind, r.Field, r.Reason, r.Hint, r.At = p.Op, p.KindOr(), p.Field, p.Message(), p.Hint, p.At
}

// Data reads the data of e into v, strictly: a member that v does not have is
// refused by name. No data reads as {}.
func Data(e event.Event, v any) error {
	return pipelineJSON(e.Data(), v)
}

// ID is the id of the thing that a command is about: the event's subject, or
// the member id of its data. Where both are given they must agree.
func ID(e event.Event) (int64, error) {
	var body struct {
		ID *int64 `json:"id"`
	}
	if len(e.Data()) > 0 {
		if err := json.Unmarshal(e.Data(), &body); err != nil {
			return 0, pipeline.Invalidf("id", "is not an integer")
		}
	}
	if e.Subject() == "" {
		if body.ID == nil {
			return 0, pipeline.Invalidf("subject", "is missing").WithHint("set the subject to the id of the %s", Thing(e.Type()))
		}
		return *body.ID, nil
	}
	id, err := strconv.ParseInt(e.Subject(), 10, 64)
	if err != nil || id < 1 {
		return 0, pipeline.Invalidf("subject", "%q is not an id", e.Subject()).WithHint("ids are positive integers")
	}
	if body.ID != nil && *body.ID != id {
		return 0, pipeline.Invalidf("id", "%d differs from the subject %d", *body.ID, id)
	}
	return id, nil
}
