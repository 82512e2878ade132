// Package schema makes JSON Schemas of Go types, so that the struct that a
// program fills and the contract that others read are one. Beside the tags of
// json it reads these of a field:
//
//	required:"true"     a form without it is refused
//	minimum, maximum, minLength, maxLength, minItems, maxItems, uniqueItems, enum
//	description         for the schema, the command line and the page's types
//	example             of its value
//	types:"object,null" of a json.RawMessage, what it may be
//	refers:"model"      it holds the id of one, or ids
//	arg, flag           how the command line calls its value and its flag
package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/swaggest/jsonschema-go"
)

// Schema is a JSON Schema of draft 2020-12.
type Schema = jsonschema.Schema

// Set makes schemas that share definitions. Where names say so, refs point to
// Prefix + the definition's name.
type Set struct {
	Prefix      string // "#/$defs/" unless set
	Definitions map[string]Schema
}

// Form is the schema of what a person sends: a member it does not name is
// refused, and one tagged required has to be there.
func (s *Set) Form(v any) Schema {
	return s.reflect(v, jsonschema.InlineRefs, jsonschema.InterceptSchema(closed))
}

// Change is Form for an update: nothing is required, and the id may be
// repeated.
func (s *Set) Change(v any) Schema {
	form := s.Form(v)
	form.Required = nil
	id := jsonschema.Integer.ToSchemaOrBool()
	id.TypeObject.WithMinimum(1)
	form.WithPropertiesItem("id", id)
	return form
}

// Answer is the schema of what a function answers: each member that is always
// there is required, and later versions may add others. A member that has no
// description of its own has that of the form, which may be nil.
func (s *Set) Answer(v, form any) Schema {
	answer := s.reflect(v, jsonschema.InterceptProp(always))
	if form == nil {
		return answer
	}
	for name, given := range s.Form(form).Properties {
		p, ok := answer.Properties[name]
		if ok && p.TypeObject.Description == nil && given.TypeObject.Description != nil {
			text, _, _ := strings.Cut(*given.TypeObject.Description, " (default: ")
			p.TypeObject.WithDescription(text)
		}
	}
	return answer
}

func (s *Set) reflect(v any, options ...func(*jsonschema.ReflectContext)) Schema {
	if s.Prefix == "" {
		s.Prefix = "#/$defs/"
	}
	if s.Definitions == nil {
		s.Definitions = map[string]Schema{}
	}
	reflector := jsonschema.Reflector{}
	options = append(options,
		jsonschema.DefinitionsPrefix(s.Prefix), jsonschema.InterceptProp(declared),
		jsonschema.InterceptDefName(func(t reflect.Type, _ string) string { return t.Name() }),
		jsonschema.CollectDefinitions(func(name string, def Schema) { s.Definitions[name] = def }))
	made, err := reflector.Reflect(v, options...)
	if err != nil { // a tag that is wrong: every test of the package that has it meets it
		panic(fmt.Sprintf("schema of %T: %v", v, err))
	}
	return made
}

// closed refuses members that an object does not name.
func closed(p jsonschema.InterceptSchemaParams) (stop bool, err error) {
	if p.Processed && len(p.Schema.Properties) > 0 {
		no := false
		p.Schema.AdditionalProperties = &jsonschema.SchemaOrBool{TypeBoolean: &no}
	}
	return false, nil
}

// always requires the members that JSON always has.
func always(p jsonschema.InterceptPropParams) error {
	if _, options, _ := strings.Cut(p.Field.Tag.Get("json"), ","); p.Processed && !strings.Contains(options, "omitempty") && !slices.Contains(p.ParentSchema.Required, p.Name) {
		p.ParentSchema.Required = append(p.ParentSchema.Required, p.Name)
	}
	return nil
}

var raw = reflect.TypeFor[json.RawMessage]()

// declared gives raw JSON the types of its tag, and a list of ids the least of
// an id.
func declared(p jsonschema.InterceptPropParams) error {
	tag := p.Field.Tag
	switch {
	case !p.Processed:
	case p.Field.Type == raw && tag.Get("types") != "":
		var all []jsonschema.SimpleType
		for t := range strings.SplitSeq(tag.Get("types"), ",") {
			all = append(all, jsonschema.SimpleType(t))
		}
		p.PropertySchema.Type = &jsonschema.Type{SliceOfSimpleTypeValues: all}
	case p.Field.Type.Kind() == reflect.Slice && tag.Get("refers") != "":
		p.PropertySchema.Items.SchemaOrBool.TypeObject.WithMinimum(1)
	}
	return nil
}
