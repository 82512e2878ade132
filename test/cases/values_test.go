package cases

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// column is one tensor of a stream: its values are a function of record and
// element, so that Keras and the product get the same.
type column struct {
	name  string // of the model's input or output; empty where there is one only
	dtype string // NumPy's name
	shape []int  // of one record
	fill  func(record, element int) float64
	text  func(record int) string // of a column of strings
}

func (c column) elements() int {
	n := 1
	for _, d := range c.shape {
		n *= d
	}
	return n
}

// parts are values in 0 to 1 that float32 holds exactly as they are sent.
func parts(record, element int) float64 {
	return float64(float32((record*37+element*11+record*element*5)%97) / 97)
}

func tenths(record, element int) float64 { return float64(float32(parts(record, element+3) * 10)) }

func bytesOf(record, element int) float64 {
	return float64((record*37 + element*11 + record*element*5) % 251)
}

// classes are labels below n.
func classes(n int) func(int, int) float64 {
	return func(record, element int) float64 { return float64((record*7 + element*3 + record/3) % n) }
}

func zeros(int, int) float64 { return 0 }

// oneHot are one-hot rows of n.
func oneHot(n int) func(int, int) float64 {
	return func(record, element int) float64 {
		if element%n == int(classes(n)(record, element/n)) {
			return 1
		}
		return 0
	}
}

// x is a column of float32 parts of a shape.
func x(shape ...int) column { return column{dtype: "float32", shape: shape, fill: parts} }

// of gives a column another type and values.
func (c column) of(dtype string, fill func(int, int) float64) column {
	c.dtype, c.fill = dtype, fill
	return c
}

func (c column) named(name string) column {
	c.name = name
	return c
}

// raw is one record's value as RAW has it.
func (c column) raw(record int) (b []byte) {
	for e := range c.elements() {
		b = appendValue(b, c.dtype, c.fill(record, e))
	}
	return b
}

func appendValue(b []byte, dtype string, v float64) []byte {
	le := binary.LittleEndian
	switch dtype {
	case "float32":
		return le.AppendUint32(b, math.Float32bits(float32(v)))
	case "float64":
		return le.AppendUint64(b, math.Float64bits(v))
	case "int8", "uint8", "bool":
		return append(b, byte(int(v)))
	case "int16", "uint16":
		return le.AppendUint16(b, uint16(int(v))) // #nosec G115 -- small
	case "int32", "uint32":
		return le.AppendUint32(b, uint32(int(v))) // #nosec G115 -- small
	case "int64":
		return le.AppendUint64(b, uint64(int64(v))) // #nosec G115 -- as it is
	}
	panic("no such type: " + dtype)
}

// object is one record's value as JSON has it.
func (c column) object(record int) any {
	if c.text != nil {
		return c.text(record)
	}
	if len(c.shape) == 0 {
		return c.fill(record, 0)
	}
	var all []float64
	for e := range c.elements() {
		all = append(all, c.fill(record, e))
	}
	return all
}

// avro is one record's value as AVRO has it: a number, or an array of them.
func (c column) avro(record int) (b []byte) {
	if c.text != nil {
		text := c.text(record)
		return append(binary.AppendVarint(b, int64(len(text))), text...)
	}
	number := func(v float64) {
		if strings.HasPrefix(c.dtype, "float") {
			b = appendValue(b, c.dtype, v)
		} else {
			b = binary.AppendVarint(b, int64(v))
		}
	}
	if len(c.shape) == 0 {
		number(c.fill(record, 0))
		return b
	}
	b = binary.AppendVarint(b, int64(c.elements()))
	for e := range c.elements() {
		number(c.fill(record, e))
	}
	return append(b, 0)
}

func (c column) avroType() any {
	kind := map[string]string{"float32": "float", "float64": "double", "int64": "long", "string": "string"}[c.dtype]
	if kind == "" {
		kind = "int"
	}
	if len(c.shape) == 0 || c.text != nil {
		return kind
	}
	return message{"type": "array", "items": kind}
}

// scheme is the schema of some columns.
func scheme(name string, columns []column) string {
	var fields []any
	for i, c := range columns {
		if c.name == "" {
			c.name = fmt.Sprintf("%s%d", strings.ToLower(name), i)
		}
		fields = append(fields, message{"name": c.name, "type": c.avroType()})
	}
	text, _ := json.Marshal(message{"type": "record", "name": name, "fields": fields}) // of texts and numbers
	return string(text)
}

func sizes(shape []int) string { return strings.Trim(fmt.Sprint(shape), "[]") }
