package eventing

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
	out := make(map[string]described, len(payloads))
	for typ, p := range payloads {
		set := &schema.Set{}
		body := p.make(set)
		body.WithSchema("https://json-schema.org/draft/2020-12/schema").WithID("urn:kafkaml:schema:" + typ).WithDescription(p.about)
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

// PayloadSchema makes the schema of typ's data with its definitions in set, and
// gives the sentence that says what it is.
func PayloadSchema(typ string, set *schema.Set) (s schema.Schema, about string, ok bool) {
	p, ok := payloads[typ]
	if !ok {
		return s, "", false
	}
	return p.make(set), p.about, true
}

// Validate holds an event against CloudEvents 1.0 and, for a type of ours, its
// data against the type's schema. The error is an Invalid pipeline.Error that
// names the member.
func Validate(e event.Event) error {
	if err := e.Validate(); err != nil {
		return &pipeline.Error{Op: "read event", Kind: pipeline.Invalid, Reason: "is not a CloudEvent: " + flat(err), Err: err}
	}
	return ValidateData(e.Type(), e.Data())
}

// ValidateData holds data against the schema of typ. No data is validated as
// {}; a type without a schema takes any data.
func ValidateData(typ string, data []byte) error {
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
		return pipeline.Invalidf(orData(at), "%v is not one of %v", k.Got, k.Want)
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
	return pipeline.Invalidf(orData(at), "is off the schema: %s", flat(ve))
}

func orData(at string) string {
	if at == "" {
		return "data"
	}
	return at
}

// flat puts an error of several lines on one.
func flat(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
