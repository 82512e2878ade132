// Package output is what an inference writes: the value of a prediction, the
// records that carry predictions and dead letters, and the topics they go to.
package output

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Values writes the value of a prediction:
//
//	{"values": [0.1, 0.9]}                            one output, nested by its shape
//	{"values": {"grid": [[1, 2], [3, 4]], "total": [5]}}   several, by name
//	{"values": ["good"]}                              an output of text
//
// A scalar output is a list of one. Floats are the shortest text that reads
// back as the same float32; NaN and infinities, which JSON does not have, are
// null. Of text, bytes that are not UTF-8 become U+FFFD.
type Values struct {
	before [][]byte // what stands before each output
	after  []byte
}

// NewValues writes the outputs of a model, in its order.
func NewValues(outputs []pipeline.Tensor) Values {
	if len(outputs) == 1 {
		return Values{before: [][]byte{[]byte(`{"values":`)}, after: []byte(`}`)}
	}
	v := Values{after: []byte(`}}`)}
	for i, o := range outputs {
		name, _ := json.Marshal(o.Name) // a string always marshals
		before := append([]byte(`,`), name...)
		if i == 0 {
			before = append([]byte(`{"values":{`), name...)
		}
		v.before = append(v.before, append(before, ':'))
	}
	return v
}

// Append adds the value of one row of outputs to dst.
func (v Values) Append(dst []byte, outputs []framework.Output, row int) []byte {
	for i := range outputs {
		o := &outputs[i]
		dst = append(dst, v.before[i]...)
		shape := o.Shape
		if len(shape) == 0 {
			shape = scalar
		}
		if o.DType == codec.String {
			dst, _ = appendNestedTexts(dst, o.Row(row), shape)
			continue
		}
		dst = appendNested(dst, o.DType, o.Row(row), shape)
	}
	return append(dst, v.after...)
}

var scalar = []int{1}

// appendNested writes the elements of data as nested arrays of shape.
func appendNested(dst []byte, d codec.DType, data []byte, shape []int) []byte {
	dst = append(dst, '[')
	if len(shape) == 1 {
		dst = AppendNumbers(dst, d, data)
		return append(dst, ']')
	}
	size := 0
	if shape[0] > 0 {
		size = len(data) / shape[0]
	}
	for i := range shape[0] {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendNested(dst, d, data[i*size:(i+1)*size], shape[1:])
	}
	return append(dst, ']')
}

// appendNestedTexts writes the first texts of stored as nested arrays of shape.
func appendNestedTexts(dst, stored []byte, shape []int) (_, rest []byte) {
	dst = append(dst, '[')
	for i := range shape[0] {
		if i > 0 {
			dst = append(dst, ',')
		}
		if len(shape) > 1 {
			dst, stored = appendNestedTexts(dst, stored, shape[1:])
			continue
		}
		var text []byte
		text, stored, _ = codec.CutText(stored)
		dst = codec.AppendQuoted(dst, text)
	}
	return append(dst, ']'), stored
}

// AppendTexts writes stored texts as JSON strings with commas between them.
func AppendTexts(dst, stored []byte) []byte {
	for first := true; ; first = false {
		text, rest, ok := codec.CutText(stored)
		if !ok {
			return dst
		}
		if !first {
			dst = append(dst, ',')
		}
		dst, stored = codec.AppendQuoted(dst, text), rest
	}
}

// AppendNumbers writes elements of little-endian data with commas between them.
func AppendNumbers(dst []byte, d codec.DType, data []byte) []byte {
	if d == codec.Float32 { // nearly every model
		for i := 0; i+4 <= len(data); i += 4 {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendFloat(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(data[i:]))), 32)
		}
		return dst
	}
	for i, size := 0, d.Size(); i+size <= len(data); i += size {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendNumber(dst, d, data[i:i+size])
	}
	return dst
}

// appendNumber writes one element of any type.
func appendNumber(dst []byte, d codec.DType, element []byte) []byte {
	le := binary.LittleEndian
	switch d {
	case codec.Bool:
		return strconv.AppendBool(dst, element[0] != 0)
	case codec.Uint8:
		return strconv.AppendUint(dst, uint64(element[0]), 10)
	case codec.Uint16:
		return strconv.AppendUint(dst, uint64(le.Uint16(element)), 10)
	case codec.Uint32:
		return strconv.AppendUint(dst, uint64(le.Uint32(element)), 10)
	case codec.Uint64:
		return strconv.AppendUint(dst, le.Uint64(element), 10)
	}
	if d.Integer() {
		var wide [8]byte
		if codec.Cast(wide[:], codec.Int64, element, d) != nil { // a narrower integer always fits
			return append(dst, "null"...)
		}
		return strconv.AppendInt(dst, int64(le.Uint64(wide[:])), 10) // #nosec G115 -- the bits of an int64
	}
	if d == codec.Float64 {
		return appendFloat(dst, math.Float64frombits(le.Uint64(element)), 64)
	}
	var wide [4]byte
	if codec.Cast(wide[:], codec.Float32, element, d) != nil {
		return append(dst, "null"...)
	}
	return appendFloat(dst, float64(math.Float32frombits(le.Uint32(wide[:]))), 32)
}

// appendFloat writes v as encoding/json would: with an exponent only where it
// is much shorter.
func appendFloat(dst []byte, v float64, bits int) []byte {
	a := math.Abs(v)
	switch {
	case a != a || a > math.MaxFloat64:
		return append(dst, "null"...)
	case a != 0 && (a < 1e-6 || a >= 1e21):
		return strconv.AppendFloat(dst, v, 'e', -1, bits)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, bits)
}
