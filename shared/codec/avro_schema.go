package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/linkedin/goavro/v2"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// avroKind is what a field holds, and so how its bytes are read.
type avroKind uint8

const (
	avroInt avroKind = iota + 1
	avroLong
	avroFloat
	avroDouble
	avroBoolean
	avroEnum
	avroArray
	avroText
)

var avroPrimitives = map[string]avroKind{
	"int": avroInt, "long": avroLong, "float": avroFloat, "double": avroDouble, "boolean": avroBoolean,
	"string": avroText, "bytes": avroText,
}

// avroNumbers is what a field for numbers may be.
const avroNumbers = "a field is int, long, float, double, boolean, enum, a union of them, an array of them, or one of these or null; a number within a record or map, a decimal, and text are read by their paths: \"inputs\" of the input_config"

// avroType is a compiled field type.
type avroType struct {
	kind     avroKind
	symbols  []string   // of an enum
	remap    []int64    // of an enum: the reader's number of each symbol, -1 where it has none; nil: the same
	items    *avroType  // of an array
	branches int        // of a union; 0 where there is none
	null     int        // the union's null branch, -1 where there is none
	value    int        // the union's branch that the kind above is of; written where there are several
	options  []avroType // what each branch of a union of several numbers holds; nil for one of one
}

// parseNumbers is parseAvro for a schema whose fields all hold numbers.
func parseNumbers(field string, raw json.RawMessage) (*avroSchema, error) {
	return parseRecord(field, raw, false)
}

func notNumber(config, field string) error {
	return pipeline.Invalidf(config, "field %q: text is not a number", field).WithHint(avroNumbers)
}

// holdsText reports whether a field holds text, or an array of it.
func (t *avroType) holdsText() bool { return t.element().kind == avroText }

// element is the type of the values that a field holds, in arrays or alone.
func (t *avroType) element() *avroType {
	for t.kind == avroArray {
		t = t.items
	}
	return t
}

// avroField is a named field of a record schema.
type avroField struct {
	name string
	avroType
}

// avroSchema is a compiled record schema.
type avroSchema struct {
	fields []avroField
}

// maxDepth bounds arrays within arrays: a schema is untrusted.
const maxDepth = 8

// parseAvro compiles a record schema, given as JSON or as a string that holds
// it. field is the member of the input_config to blame.
func parseAvro(field string, raw json.RawMessage) (*avroSchema, error) {
	return parseRecord(field, raw, true)
}

// parseRecord compiles a schema, with fields of text or without, and names the
// first field that it refuses.
func parseRecord(field string, raw json.RawMessage, texts bool) (*avroSchema, error) {
	text, err := schemaText(raw)
	if err != nil {
		return nil, pipeline.Invalidf(field, "%v", err).
			WithHint("give an Avro record schema; records framed by a schema registry need none where SCHEMA_REGISTRY_URL is set")
	}
	plain, err := AvroPlain(text)
	if err == nil {
		text = plain
		_, err = goavro.NewCodec(text) // it checks the schema
	}
	if err != nil {
		return nil, notSchema(field, text, err)
	}
	var record struct {
		Type   string `json:"type"`
		Fields []struct {
			Name string          `json:"name"`
			Type json.RawMessage `json:"type"`
		} `json:"fields"`
	}
	if err := json.Unmarshal([]byte(text), &record); err != nil || record.Type != "record" {
		return nil, pipeline.Invalidf(field, "is not a record schema").WithHint(`wrap it: {"type": "record", "name": ..., "fields": [...]}`)
	}
	p := avroParser{enums: map[string][]string{}}
	s := &avroSchema{}
	for _, f := range record.Fields {
		t, err := p.typeOf(f.Type, 0)
		if err != nil {
			return nil, pipeline.Invalidf(field, "field %q: %v", f.Name, err).
				WithHint(avroNumbers)
		}
		if !texts && t.holdsText() {
			return nil, notNumber(field, f.Name)
		}
		s.fields = append(s.fields, avroField{f.Name, t})
	}
	return s, nil
}

func notSchema(field, text string, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return pipeline.Invalidf(field, "is not an Avro schema: it is not JSON, and begins with %s", shown([]byte(strings.TrimSpace(text)))).
			WithHint("give the schema's own text, as an .avsc file holds it")
	}
	return pipeline.Invalidf(field, "is not an Avro schema: %v", err)
}

// schemaText unwraps a schema that came as a string. The original producers
// may send Python's spelling, with single quotes.
func schemaText(raw json.RawMessage) (string, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" || string(raw) == `""` {
		return "", fmt.Errorf("is missing")
	}
	if raw[0] != '"' {
		return string(raw), nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", err
	}
	text = strings.TrimPrefix(text, byteOrderMark)
	if !json.Valid([]byte(text)) {
		text = strings.ReplaceAll(text, "'", `"`)
	}
	return text, nil
}

// avroParser remembers the enums by name, so that a later field may refer to
// an earlier one's type.
type avroParser struct{ enums map[string][]string }

func (p avroParser) typeOf(raw json.RawMessage, depth int) (avroType, error) {
	if depth > maxDepth {
		return avroType{}, fmt.Errorf("arrays are nested more than %d deep", maxDepth)
	}
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0:
		return avroType{}, fmt.Errorf("has no type")
	case raw[0] == '[':
		return p.union(raw, depth)
	case raw[0] == '{':
		return p.complex(raw, depth)
	}
	var name string
	if err := json.Unmarshal(raw, &name); err != nil {
		return avroType{}, err
	}
	if kind, ok := avroPrimitives[name]; ok {
		return avroType{kind: kind, null: -1}, nil
	}
	if symbols, ok := p.enums[name[strings.LastIndexByte(name, '.')+1:]]; ok {
		return avroType{kind: avroEnum, symbols: symbols, null: -1}, nil
	}
	return avroType{}, fmt.Errorf("type %q is not a number", name)
}

func (p avroParser) complex(raw json.RawMessage, depth int) (avroType, error) {
	var t struct {
		Type    json.RawMessage `json:"type"`
		Name    string          `json:"name"`
		Symbols []string        `json:"symbols"`
		Items   json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return avroType{}, err
	}
	switch string(bytes.TrimSpace(t.Type)) {
	case `"enum"`:
		p.enums[t.Name[strings.LastIndexByte(t.Name, '.')+1:]] = t.Symbols
		return avroType{kind: avroEnum, symbols: t.Symbols, null: -1}, nil
	case `"array"`:
		items, err := p.typeOf(t.Items, depth+1)
		return avroType{kind: avroArray, items: &items, null: -1}, err
	}
	return p.typeOf(t.Type, depth+1) // {"type": "int", "logicalType": ...}
}

func (p avroParser) union(raw json.RawMessage, depth int) (avroType, error) {
	var branches []json.RawMessage
	if err := json.Unmarshal(raw, &branches); err != nil {
		return avroType{}, err
	}
	options := make([]avroType, len(branches))
	for i, b := range branches {
		if string(bytes.TrimSpace(b)) == `"null"` {
			continue
		}
		var err error
		if options[i], err = p.typeOf(b, depth+1); err != nil {
			return avroType{}, fmt.Errorf("union: %w", err)
		}
	}
	return unionOf(options)
}

// unionOf is a union of some types; that of null is zero.
func unionOf(options []avroType) (avroType, error) {
	null, widest := -1, -1
	for i := range options {
		if options[i].kind == 0 {
			null = i
			continue
		}
		if options[i].branches > 0 {
			return avroType{}, fmt.Errorf("union within a union")
		}
		if widest >= 0 && !options[i].joins(options[widest]) {
			return avroType{}, fmt.Errorf("union of types that are not all one number, or all text")
		}
		if widest < 0 || options[i].wider(options[widest]) {
			widest = i
		}
	}
	if widest < 0 {
		return avroType{}, fmt.Errorf("union of nothing but null")
	}
	t := options[widest]
	t.branches, t.null, t.value = len(options), null, widest
	if len(options) > 2 || null < 0 {
		t.options = options
	}
	return t, nil
}

// joins reports whether a union may be of both types: each is one number, or
// each is text.
func (t *avroType) joins(other avroType) bool {
	return t.kind != avroArray && other.kind != avroArray && (t.kind == avroText) == (other.kind == avroText)
}

// wider reports whether t holds more numbers than another type of a union.
func (t *avroType) wider(other avroType) bool {
	order := []avroKind{avroBoolean, avroEnum, avroInt, avroFloat, avroLong, avroDouble}
	return slices.Index(order, t.kind) > slices.Index(order, other.kind)
}

// AvroField is a field of a record schema.
type AvroField struct {
	Name string
	Type json.RawMessage
}

// AvroFields are the fields of a record schema, in order.
func AvroFields(schema string) ([]AvroField, error) {
	var record struct {
		Type   string
		Fields []AvroField
	}
	if err := json.Unmarshal([]byte(schema), &record); err != nil {
		return nil, err
	}
	if record.Type != "record" {
		return nil, fmt.Errorf("the schema is not of a record")
	}
	return record.Fields, nil
}
