package codec

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Array is the numbers of one sample or label, little-endian and row-major, and
// the texts beside them.
type Array struct {
	DType DType
	Data  []byte
	Whole []bool // of Float64: which numbers are an int64 in their place; nil where none is
	Texts []byte // one after the other, as AppendText stores them; nil where there are none
}

// Elements is how many numbers the array holds.
func (a Array) Elements() int {
	if size := a.DType.Size(); size > 0 {
		return len(a.Data) / size
	}
	return 0
}

// Encoder turns arrays into the values and keys of training records. Any number
// of goroutines may use it at once.
type Encoder struct {
	sample, label writer
}

// writer appends the encoded numbers of a to dst.
type writer interface {
	encode(dst []byte, a Array) ([]byte, error)
}

// NewEncoder reads the same input_config as New. Without members for a label
// (label_type, label_scheme, label_field) it encodes samples only.
//
// AVRO and JSON take the numbers of an array for their fields in order: one for
// each, and what is left for the one array field; fields of text take its texts
// likewise. In AVRO a NaN is null where the field can be; in JSON it always is. A
// single label of JSON is the bare number. RAW of type string is the one text.
func NewEncoder(format pipeline.Format, config json.RawMessage) (*Encoder, error) {
	switch format {
	case pipeline.RAW:
		return newRawEncoder(config)
	case pipeline.AVRO:
		return newAvroEncoder(config)
	case pipeline.JSON:
		return newJSONEncoder(config)
	}
	return nil, pipeline.Invalidf("input_format", "%q cannot be written", string(format)).WithHint("use RAW, AVRO or JSON")
}

// Sample appends the value of a record to dst.
func (e *Encoder) Sample(dst []byte, a Array) ([]byte, error) { return e.sample.encode(dst, a) }

// Label appends the key of a record to dst.
func (e *Encoder) Label(dst []byte, a Array) ([]byte, error) {
	if e.label == nil {
		return dst, fmt.Errorf("the input_config describes no label")
	}
	return e.label.encode(dst, a)
}

// Divide says how many numbers, or texts, each field takes, for AVRO and JSON with
// several array fields. It must come before the first record.
func (e *Encoder) Divide(sample, label []int) {
	if w, ok := e.sample.(divided); ok {
		w.divide(sample)
	}
	if w, ok := e.label.(divided); ok {
		w.divide(label)
	}
}

// MarkTexts says which fields of a sample hold text, for JSON, whose config does
// not tell. It must come before the first record.
func (e *Encoder) MarkTexts(fields []bool) {
	if w, ok := e.sample.(*jsonWriter); ok {
		w.texts = fields
	}
}

// divided is a writer of several fields.
type divided interface{ divide(counts []int) }

func newRawEncoder(config json.RawMessage) (*Encoder, error) {
	var c rawConfig
	if err := unmarshalConfig(config, &c); err != nil {
		return nil, err
	}
	var e *Encoder
	if c.DataType == String.String() {
		e = &Encoder{sample: rawTextWriter{}}
	} else {
		t, err := rawType("data", c.DataType, nil)
		if err != nil {
			return nil, err
		}
		e = &Encoder{sample: &rawWriter{t, c.DataReshape}}
	}
	if c.LabelType == "" {
		return e, nil
	}
	t, err := rawType("label", c.LabelType, nil)
	if err != nil {
		return nil, err
	}
	e.label = &rawWriter{t, c.LabelReshape}
	return e, nil
}

// rawWriter casts to the wire's type.
type rawWriter struct {
	dtype DType
	shape []int
}

func (w *rawWriter) encode(dst []byte, a Array) ([]byte, error) {
	if got, want := a.Elements(), product(w.shape); got != want {
		return dst, fmt.Errorf("%d numbers do not fill %s", got, shapeText(w.shape))
	}
	from, size := len(dst), a.Elements()*w.dtype.Size()
	dst = append(dst, make([]byte, size)...) // without an allocation where there is room
	if len(a.Whole) > 0 {
		return dst, w.mixed(dst[from:], newNumbers(a))
	}
	return dst, Cast(dst[from:], w.dtype, a.Data, a.DType)
}

// mixed casts numbers of two types.
func (w *rawWriter) mixed(dst []byte, n *numbers) error {
	for i := 0; n.left() > 0; i++ {
		v, at := n.next(), dst[i*w.dtype.Size():]
		switch {
		case v.integer && !putInteger(at, w.dtype, v.i):
			return misfit(v.i, i, w.dtype)
		case !v.integer && !putFloat(at, w.dtype, v.f):
			return misfit(v.f, i, w.dtype)
		}
	}
	return nil
}

func newAvroEncoder(config json.RawMessage) (*Encoder, error) {
	var c avroConfig
	if err := unmarshalConfig(config, &c); err != nil {
		return nil, err
	}
	s, err := parseAvro("input_config.data_scheme", c.DataScheme)
	if err != nil {
		return nil, err
	}
	e := &Encoder{sample: &avroWriter{fields: s.fields}}
	switch string(c.LabelScheme) {
	case "", "null", `""`:
		return e, nil
	}
	if s, err = parseNumbers("input_config.label_scheme", c.LabelScheme); err != nil {
		return nil, err
	}
	e.label = &avroWriter{fields: s.fields}
	return e, nil
}

// WrittenFields are the fields of a record schema in the order in which they are
// written, and which of them hold text.
func WrittenFields(scheme json.RawMessage) (names []string, texts []bool, err error) {
	s, err := parseAvro("input_config.data_scheme", scheme)
	if err != nil {
		return nil, nil, err
	}
	for i := range s.fields {
		names, texts = append(names, s.fields[i].name), append(texts, s.fields[i].holdsText())
	}
	return names, texts, nil
}

func newJSONEncoder(config json.RawMessage) (*Encoder, error) {
	var c jsonConfig
	if err := unmarshalConfig(config, &c); err != nil {
		return nil, err
	}
	if len(c.DataFields) == 0 {
		return nil, pipeline.Invalidf("input_config.data_fields", "names no field")
	}
	e := &Encoder{sample: &jsonWriter{names: c.DataFields}}
	if len(c.LabelField) > 0 {
		e.label = &jsonWriter{names: c.LabelField, bare: len(c.LabelField) == 1}
	}
	return e, nil
}

// jsonWriter writes one object, or the value of its one member.
type jsonWriter struct {
	names  []string
	counts []int  // of numbers in each, or texts; nil: one, or all in the only field
	texts  []bool // which hold text; nil: none
	bare   bool
}

func (w *jsonWriter) divide(counts []int) { w.counts = counts }

func (w *jsonWriter) encode(dst []byte, a Array) ([]byte, error) {
	n := newNumbers(a)
	if w.bare {
		return n.json(dst, n.left()), n.done()
	}
	dst = append(dst, '{')
	for i, name := range w.names {
		if i > 0 {
			dst = append(dst, ',')
		}
		quoted, err := json.Marshal(name)
		if err != nil {
			return dst, err
		}
		dst = append(append(dst, quoted...), ':')
		if i < len(w.texts) && w.texts[i] {
			if dst, err = n.jsonTexts(dst, w.take(i, n)); err != nil {
				return dst, fmt.Errorf("field %q: %w", name, err)
			}
			continue
		}
		dst = n.json(dst, w.take(i, n))
	}
	return append(dst, '}'), n.done()
}

func (w *jsonWriter) take(field int, n *numbers) int {
	switch {
	case field < len(w.counts):
		return w.counts[field]
	case len(w.names) == 1:
		return n.left() + countTexts(n.Texts)
	}
	return 1
}

// json appends the next numbers: one bare, several as an array.
func (n *numbers) json(dst []byte, count int) []byte {
	if count == 1 {
		return n.next().json(dst)
	}
	dst = append(dst, '[')
	for i := range count {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = n.next().json(dst)
	}
	return append(dst, ']')
}

func (v value) json(dst []byte) []byte {
	switch {
	case v.integer:
		return strconv.AppendInt(dst, v.i, 10)
	case math.IsNaN(v.f) || math.IsInf(v.f, 0):
		return append(dst, "null"...)
	case v.single:
		return strconv.AppendFloat(dst, v.f, 'g', -1, 32)
	}
	return strconv.AppendFloat(dst, v.f, 'g', -1, 64)
}
