package files

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// layout describes the rows of a source.
type layout struct {
	suits   pipeline.Format // the format to take unless one is asked for
	sample  array
	label   *array   // nil: the file holds none
	classes []string // of a label that was text
	total   int64    // rows, or unknown
}

// unknown is the total of a file that must be read to be counted.
const unknown = -1

// array describes a sample or a label: its shape and type as RAW, and the names
// and types of its numbers as fields. Fields are given or of one name.
type array struct {
	dtype  codec.DType
	shape  []int
	fields []field

	inexact error // RAW: why the type would round a number, nil where it does not
}

// field is a column of a table.
type field struct {
	name  string
	avro  string // the Avro type of one number or text
	count int    // numbers or texts; more than 1 makes it an array
	null  bool   // a number may be missing
	text  bool   // it holds text
}

// config writes the input_config of the layout in a format. dtype, where not
// empty, is the type of samples in RAW.
func (l layout) config(f pipeline.Format, dtype string) (json.RawMessage, error) {
	if dtype != "" && f != pipeline.RAW {
		return nil, pipeline.Invalidf("dtype", "only RAW has a type on the wire")
	}
	switch f {
	case pipeline.RAW:
		return l.raw(dtype)
	case pipeline.AVRO:
		return l.avro()
	case pipeline.JSON:
		return l.json()
	}
	return nil, pipeline.Invalidf("format", "%q cannot be written", string(f)).WithHint("use RAW, AVRO or JSON")
}

func (l layout) raw(dtype string) (json.RawMessage, error) {
	if slices.Contains(l.sample.marks(), true) {
		return l.rawText(dtype)
	}
	c := map[string]string{"data_type": l.sample.dtype.String(), "data_reshape": sizes(l.sample.shape)}
	if dtype != "" {
		t, err := codec.ParseDType(dtype)
		if err != nil || t.Size() == 0 {
			return nil, pipeline.Invalidf("dtype", "%q is not a type of numbers", dtype)
		}
		c["data_type"] = t.String()
	} else if l.sample.inexact != nil {
		return nil, l.sample.inexact
	}
	l.rawLabel(c)
	return json.Marshal(c)
}

func (l layout) rawLabel(c map[string]string) {
	if l.label != nil {
		c["label_type"], c["label_reshape"] = l.label.dtype.String(), sizes(l.label.shape)
	}
}

// rawText is the config of samples that are one text each.
func (l layout) rawText(dtype string) (json.RawMessage, error) {
	fields := l.sample.fields
	if len(fields) != 1 || fields[0].count != 1 {
		return nil, pipeline.Invalidf("format", "a record of RAW is one text, and the sample is more: %s", some(names(fields))).
			WithHint("--format AVRO or JSON sends text beside other values; --drop leaves columns out")
	}
	text := codec.String.String()
	if dtype != "" && dtype != text {
		return nil, pipeline.Invalidf("dtype", "%q does not hold text, and column %q is text", dtype, fields[0].name).WithHint("leave --dtype out")
	}
	c := map[string]string{"data_type": text, "data_reshape": "1"}
	l.rawLabel(c)
	return json.Marshal(c)
}

func sizes(shape []int) string {
	var s []string
	for _, d := range shape {
		s = append(s, fmt.Sprint(d))
	}
	return strings.Join(s, " ")
}

func (l layout) avro() (json.RawMessage, error) {
	c := map[string]any{"data_scheme": l.sample.schema("sample", "x", nil)}
	if l.label != nil {
		c["label_scheme"] = l.label.schema("label", "y", l.classes)
	}
	return json.Marshal(c)
}

// schema is the Avro record schema. Names that Avro does not allow are mended.
func (a array) schema(record, plain string, classes []string) any {
	type member struct {
		Name string `json:"name"`
		Type any    `json:"type"`
	}
	var members []member
	for _, f := range a.named(plain) {
		var t any = f.avro
		if symbols, ok := enumSymbols(classes); ok {
			t = map[string]any{"type": "enum", "name": record + "_class", "symbols": symbols}
		}
		if f.null {
			t = []any{"null", t}
		}
		if f.count > 1 {
			t = map[string]any{"type": "array", "items": t}
		}
		members = append(members, member{uniqueName(f.name, func(name string) bool {
			return slices.ContainsFunc(members, func(m member) bool { return m.Name == name })
		}), t})
	}
	return map[string]any{"type": "record", "name": record, "fields": members}
}

// enumSymbols are the classes as an Avro enum, where each can be a symbol.
func enumSymbols(classes []string) ([]string, bool) {
	for _, c := range classes {
		if codec.AvroName(c) != c {
			return nil, false
		}
	}
	return classes, len(classes) > 0
}

// named are the fields, or one for the whole array.
func (a array) named(plain string) []field {
	if len(a.fields) > 0 {
		return a.fields
	}
	n := 1
	for _, d := range a.shape {
		n *= d
	}
	return []field{{name: plain, avro: avroType(a.dtype), count: n}}
}

// counts are the numbers of each field; nil for no array.
func (a *array) counts() (all []int) {
	if a == nil {
		return nil
	}
	for _, f := range a.named("") {
		all = append(all, f.count)
	}
	return all
}

// marks says which fields hold text.
func (a array) marks() (all []bool) {
	for _, f := range a.fields {
		all = append(all, f.text)
	}
	return all
}

// avroType is the smallest Avro type that holds every value of a type.
func avroType(t codec.DType) string {
	switch t {
	case codec.Float64:
		return "double"
	case codec.Int64, codec.Uint64, codec.Uint32:
		return "long"
	case codec.Bool:
		return "boolean"
	}
	if t.Float() {
		return "float"
	}
	return "int"
}

// uniqueName mends a name and tells it from those that are taken.
func uniqueName(name string, taken func(string) bool) string {
	plain := codec.AvroName(name)
	for n := 2; taken(plain); n++ {
		plain = fmt.Sprintf("%s_%d", codec.AvroName(name), n)
	}
	return plain
}

func (l layout) json() (json.RawMessage, error) {
	c := map[string]any{"data_fields": names(l.sample.named("x"))}
	if l.label != nil {
		c["label_field"] = names(l.label.named("y"))
	}
	return json.Marshal(c)
}

func names(fields []field) []string {
	var all []string
	for _, f := range fields {
		all = append(all, f.name)
	}
	return all
}
