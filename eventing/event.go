package eventing

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

// Rejection is the data of a .rejected event: which command was refused, and
// why. Field is the member at fault, Hint the next step, At the place in a
// model's source.
type Rejection struct {
	Type   string             `json:"type,omitempty" description:"type of the command"`
	Source string             `json:"source,omitempty" description:"source of the command"`
	ID     string             `json:"id,omitempty" description:"id of the command"`
	Op     string             `json:"op,omitempty" description:"what was being done"`
	Kind   pipeline.Kind      `json:"kind" required:"true"`
	Field  string             `json:"field,omitempty" description:"member at fault"`
	Reason string             `json:"reason" required:"true" description:"why, for a person"`
	Hint   string             `json:"hint,omitempty" description:"what to do"`
	At     *pipeline.Position `json:"at,omitempty" description:"place in a model's source"`
}

// DatasourceRejection is the data of datasource.rejected. Datasource and
// Deployment are those of a control message, which is kept with the reason.
type DatasourceRejection struct {
	Rejection
	Datasource int64 `json:"datasource,omitempty" minimum:"1"`
	Deployment int64 `json:"deployment,omitempty" minimum:"0"`
}

// UnusedDatasource is the fact that no training begins on a datasource, for the
// reason that is kept with it.
func UnusedDatasource(source string, d pipeline.Datasource) event.Event {
	return New(DatasourceRejected, source, strconv.FormatInt(d.ID, 10), DatasourceRejection{
		Rejection:  Rejection{Kind: pipeline.Conflict, Field: d.Unused.Field, Reason: d.Unused.Reason, Hint: d.Unused.Hint},
		Datasource: d.ID, Deployment: d.Deployment,
	})
}

// Subject is the data of a command about an existing thing that says no more;
// the id may repeat the subject.
type Subject struct {
	ID int64 `json:"id,omitempty" minimum:"1"`
}

// Deleted is the data of a fact about a thing that is gone.
type Deleted struct {
	ID   int64  `json:"id"`
	Name string `json:"name,omitempty"`
}

// Validated is the data of model.validated: what the source builds, and the
// hash by which a model of the same source is recognised.
type Validated struct {
	SourceHash string `json:"source_hash"`
	pipeline.Export
}

// Prediction is the data of prediction.made: of one output its value, nested as
// its shape is; of several an object by name.
type Prediction struct {
	Values json.RawMessage `json:"values" types:"array,object,number"`
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

// About is what spans say of an event: nothing that a record holds.
func About(e event.Event) []attribute.KeyValue {
	if IsRecord(e) {
		about := []attribute.KeyValue{semconv.MessagingOperationTypeProcess, semconv.MessagingOperationName("process")}
		if r, err := RecordOf(e); err == nil {
			about = append(about, tracing.AboutPlace(r.Topic, r.Partition)...)
			about = append(about, semconv.MessagingKafkaOffset(int(r.Offset)))
		}
		return about
	}
	about := []attribute.KeyValue{semconv.CloudEventsEventType(e.Type()), semconv.CloudEventsEventID(e.ID()), semconv.CloudEventsEventSource(e.Source())}
	if e.Subject() != "" {
		about = append(about, semconv.CloudEventsEventSubject(e.Subject()))
	}
	return about
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

// Apply writes the members that the data of e gives over the resource that to
// points at. Only those of the form F are read; a member that is left out, or
// null, stays as it is. A member id, which may repeat the subject, is passed
// over.
func Apply[F any](e event.Event, to any) error {
	var given map[string]json.RawMessage
	if err := pipelineJSON(e.Data(), &given); err != nil {
		return err
	}
	delete(given, "id")
	for name, v := range given {
		if string(v) == "null" {
			delete(given, name)
		}
	}
	members, err := json.Marshal(given)
	if err != nil {
		return err
	}
	if err := pipelineJSON(members, new(F)); err != nil {
		return err
	}
	empty(to, given)
	if err := json.Unmarshal(members, to); err != nil {
		return ExplainJSON(err)
	}
	return nil
}

// empty clears the members of a struct that are about to be read, so that
// nothing of what they held is mixed in or written over.
func empty(to any, given map[string]json.RawMessage) {
	v := reflect.ValueOf(to).Elem()
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if _, ok := given[name]; ok {
			v.Field(i).SetZero()
		}
	}
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
