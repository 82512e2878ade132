// Package api writes the contract of the functions as documents for programs:
// OpenAPI 3.1 of what they answer over HTTP, AsyncAPI 3.0 of events and topics.
// Both are made of what the functions serve by, and of the Go types that they
// read and write, so neither can say what is not so.
package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/schema"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// version is that of the contract: what would break it gets another.
const version = "1"

// The media types of the contract.
const (
	JSON        = "application/json"
	Text        = "text/plain"
	Stream      = "text/event-stream"
	Binary      = "application/octet-stream"
	Form        = "multipart/form-data"
	cloudEvent  = "application/cloudevents+json"
	problemJSON = "application/problem+json"
)

// Part is what one function offers.
type Part struct {
	Name       string
	Prefix     string      // before its paths, "/model-register"; empty at the root
	Operations []Operation // beside the event door, health and metrics
	Takes      []string    // types that its event door takes
	Examples   []any       // events for its door, beside those that are made of the examples of their data
	Facts      []string    // prefixes of the types that its GET /events shows; nil where it has none
	Flows      []Flow      // the topics that it reads and writes
	Batch      string      // what a request of eventing.BatchType to its event door is; empty where it takes none
}

// Operation is one method of one path.
type Operation struct {
	Pattern string // of http.ServeMux: "GET /models/{id}"
	About   string // one sentence
	Query   []Param
	Body    Content // the zero Content where there is none
	Answer  Content
	Status  int     // of the answer; 200 when 0
	Errors  []int   // statuses of a refusal
	Refusal Content // the body of a refusal; problem details when zero
}

// Param is a member of the query of a request, or one of its headers.
type Param struct {
	Name     string
	About    string
	Header   bool
	Required bool
	Value    any // its type gives the schema
	Example  any // nil for none
}

// Content is a body: JSON of the type of a Go value or of the data of an event
// type, or bytes of another media type.
type Content struct {
	Media   string // JSON when empty; several with commas between
	Type    any
	Event   string // the type of the event whose data it is
	Example any    // nil: made of the example tags of the type
}

// Problem is the RFC 9457 problem document that answers a refused request.
type Problem struct {
	Type   string             `json:"type" description:"urn:kafkaml:problem: and the kind"`
	Title  string             `json:"title" description:"the status in words"`
	Status int                `json:"status"`
	Detail string             `json:"detail" description:"why, for a person"`
	Op     string             `json:"op,omitempty" description:"what was being done"`
	Kind   pipeline.Kind      `json:"kind"`
	Field  string             `json:"field,omitempty" description:"member at fault"`
	Hint   string             `json:"hint,omitempty" description:"what to do"`
	At     *pipeline.Position `json:"at,omitempty" description:"place in a model's source"`
}

// envelope is an event in structured mode.
type envelope struct {
	SpecVersion string          `json:"specversion" enum:"1.0"`
	ID          string          `json:"id" minLength:"1" description:"with the source: the same twice is one effect and the same answer"`
	Source      string          `json:"source" minLength:"1"`
	Type        string          `json:"type" minLength:"1"`
	Subject     string          `json:"subject,omitempty" description:"id of the thing that the event is about"`
	Time        string          `json:"time,omitempty"`
	ContentType string          `json:"datacontenttype,omitempty"`
	Data        json.RawMessage `json:"data,omitempty" description:"GET /schemas/{type} has its schema"`
}

// Command is the REST request that is the command typ; made says that it makes
// a thing, which is then answered with 201.
func Command(pattern, typ string, made bool) Operation {
	_, about, _ := eventing.PayloadSchema(typ, &schema.Set{})
	op := Operation{
		Pattern: pattern, About: about, Body: Content{Event: typ}, Answer: Content{Event: eventing.Answer(typ)},
		Query: []Param{{Name: "Idempotency-Key", Header: true, Value: "", About: "takes the place of the event's id: the same request twice is one effect and the same answer, another one under the same key is a conflict"}},
		Errors: []int{
			http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge,
			http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity,
		},
	}
	if made {
		op.Status = http.StatusCreated
	}
	return op
}

// components collects the schemas that a document refers to.
type components struct{ set schema.Set }

func newComponents() *components {
	return &components{schema.Set{Prefix: "#/components/schemas/", Definitions: map[string]schema.Schema{}}}
}

type object = map[string]any

func (c *components) ref(name string) object { return object{"$ref": c.set.Prefix + name} }

// named gives a reference to the schema of v, which becomes a component.
func (c *components) named(name string, v any) object {
	if _, ok := c.set.Definitions[name]; !ok {
		c.set.Definitions[name] = c.set.Answer(v, nil)
	}
	return c.ref(name)
}

// event gives a reference to the schema of a type's data, and its example; data
// without a schema may be anything.
func (c *components) event(typ string) (ref object, about string, example any) {
	s, about, ok := eventing.PayloadSchema(typ, &c.set)
	if !ok {
		return object{}, about, nil
	}
	if about != "" {
		s.WithDescription(about)
	}
	c.set.Definitions[typ] = s
	return c.ref(typ), about, exampleOf(s)
}

// exampleOf is an object of the members that have an example; nil where one
// that is required has none.
func exampleOf(s schema.Schema) any {
	example := object{}
	for name, p := range s.Properties {
		if p.TypeObject != nil && len(p.TypeObject.Examples) > 0 {
			example[name] = p.TypeObject.Examples[0]
		}
	}
	for _, name := range s.Required {
		if _, ok := example[name]; !ok {
			return nil
		}
	}
	if len(example) == 0 {
		return nil
	}
	return example
}

// write is a document as text. The types of the parts are ours, so that what
// cannot be written is met by every test.
func write(document object) []byte {
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		panic("write a document of the API: " + err.Error())
	}
	return append(text, '\n')
}

// identifier joins words to a name that generators of clients can use.
func identifier(words ...string) string {
	return strings.Trim(strings.NewReplacer("/", "-", "{", "", "}", "", "$", "", "--", "-").Replace(strings.Join(words, "-")), "-")
}

func info(title string) object {
	return object{
		"title": title, "version": version, "license": object{"name": "Apache-2.0"},
		"description": "Members may be added to answers and facts, so pass over those that you do not know. docs/wire.md says what is stable.",
	}
}
