// Package validate holds events and their data against the JSON Schemas of their
// types. It is apart from the types so that a program which only sends events,
// or takes records, does without a library of schemas.
package validate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/schema"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// described is the schema of one type's data, as a document and ready for use.
type described struct {
	document []byte
	schema   *jsonschema.Schema
}

// compiled holds the schema of each type; it is made on first use, once.
var compiled = sync.OnceValues(compile)

func compile() (map[string]described, error) {
	c := jsonschema.NewCompiler()
	types := eventing.Types()
	out := make(map[string]described, len(types))
	for _, typ := range types {
		set := &schema.Set{}
		body, about, ok := eventing.PayloadSchema(typ, set)
		if !ok {
			continue // its data is free
		}
		body.WithSchema("https://json-schema.org/draft/2020-12/schema").WithID("urn:kafkaml:schema:" + typ).WithDescription(about)
		if len(set.Definitions) > 0 {
			body.WithExtraPropertiesItem("$defs", set.Definitions)
		}
		document, err := json.MarshalIndent(body, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", typ, err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", typ, err)
		}
		if err := c.AddResource("urn:kafkaml:schema:"+typ, value); err != nil {
			return nil, fmt.Errorf("schema of %s: %w", typ, err)
		}
		s, err := c.Compile("urn:kafkaml:schema:" + typ)
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", typ, err)
		}
		out[typ] = described{append(document, '\n'), s}
	}
	return out, nil
}

// Schema gives the JSON Schema document that describes typ's data. ok is false
// for a type without one.
func Schema(typ string) (document []byte, ok bool) {
	all, err := compiled()
	d, ok := all[typ]
	return d.document, ok && err == nil
}

// Event holds an event against CloudEvents 1.0 and, for a type of ours, its
// data against the type's schema. The error is an Invalid pipeline.Error that
// names the member.
func Event(e event.Event) error {
	if err := e.Validate(); err != nil {
		return &pipeline.Error{Op: "read event", Kind: pipeline.Invalid, Reason: "is not a CloudEvent: " + eventing.Flat(err), Err: err}
	}
	return Data(e.Type(), e.Data())
}

// Data holds data against the schema of typ. No data is validated as
// {}; a type without a schema takes any data.
func Data(typ string, data []byte) error {
	all, err := compiled()
	if err != nil {
		return fmt.Errorf("compile schemas: %w", err)
	}
	d, ok := all[typ]
	if !ok {
		return nil
	}
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}")
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return &pipeline.Error{Kind: pipeline.Invalid, Field: "data", Reason: "is not JSON: " + err.Error(), Err: err}
	}
	return explain(typ, d.schema.Validate(v))
}

// explain names the first member at fault, deepest first.
func explain(typ string, err error) error {
	var ve *jsonschema.ValidationError
	if !errors.As(err, &ve) {
		return err
	}
	for len(ve.Causes) > 0 {
		ve = ve.Causes[0]
	}
	e := describe(ve)
	if e.Hint == "" {
		e.Hint = "GET /schemas/" + typ + " has the schema"
	}
	return e
}

func describe(ve *jsonschema.ValidationError) *pipeline.Error {
	at := strings.Join(ve.InstanceLocation, ".")
	member := func(names []string) string {
		slices.Sort(names)
		return strings.TrimPrefix(at+"."+names[0], ".")
	}
	switch k := ve.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		return pipeline.Invalidf(member(k.Properties), "is not a known member").WithHint("leave it out or mend its name")
	case *kind.Required:
		return pipeline.Invalidf(member(k.Missing), "is missing")
	case *kind.Type:
		return pipeline.Invalidf(orData(at), "has type %s, want %s", k.Got, strings.Join(k.Want, " or "))
	case *kind.Enum:
		return pipeline.Invalidf(orData(at), "%q is not one of %s", fmt.Sprint(k.Got), listed(k.Want))
	case *kind.Minimum:
		return pipeline.Invalidf(orData(at), "must be at least %s", k.Want.RatString())
	case *kind.Maximum:
		return pipeline.Invalidf(orData(at), "must be at most %s", k.Want.RatString())
	case *kind.MinLength:
		return pipeline.Invalidf(orData(at), "must have at least %d characters", k.Want)
	case *kind.MaxLength:
		return pipeline.Invalidf(orData(at), "must have at most %d characters, has %d", k.Want, k.Got)
	case *kind.MinItems:
		return pipeline.Invalidf(orData(at), "must have at least %d items", k.Want)
	case *kind.MaxItems:
		return pipeline.Invalidf(orData(at), "must have at most %d items", k.Want)
	case *kind.UniqueItems:
		return pipeline.Invalidf(orData(at), "names the same item twice")
	}
	return pipeline.Invalidf(orData(at), "is off the schema: %s", eventing.Flat(ve))
}

// listed names the values of an enum; an empty one is what absence means.
func listed(values []any) string {
	var names []string
	for _, v := range values {
		if name := fmt.Sprint(v); name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

func orData(at string) string {
	if at == "" {
		return "data"
	}
	return at
}
