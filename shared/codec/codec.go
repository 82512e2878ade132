// Package codec turns the bytes of a record into the bytes of tensors, and back
// for producers. One decoder serves training and inference.
//
// A record's value is the sample and its key the label. Four formats are known:
// RAW (the array's bytes, little-endian, row-major), AVRO (a schemaless binary
// body, alone or framed by a schema registry), JSON (one object) and TELEGRAF_STR_JSON (that object as text in
// fields.value). What each may hold is said in New.
//
// The package holds no state of the process and reads nothing but its
// arguments: a schema that it lacks is asked of the caller (Missing). Records are untrusted: a malformed one is an error, never a panic.
package codec

import (
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Tensor is the layout of one input or label of one record, without the batch
// dimension. Every size is known.
type Tensor struct {
	Name  string
	DType DType
	Shape []int // empty for a scalar
	// Fields are the names of its elements, where a record gives each by a name
	// of its own; else nil.
	Fields []string
}

// Elements is the number of values of one record.
func (t Tensor) Elements() int { return product(t.Shape) }

// Bytes is the size of one record, little-endian and row-major; 0 for text, whose
// records differ in size.
func (t Tensor) Bytes() int { return t.Elements() * t.DType.Size() }

// Binding is what a model wants of each record. Labels is nil for inference;
// Inputs is nil where something else reads them, and only labels are decoded.
// Registry says that schemas of a registry can be had: whoever decodes asks it
// for what is Missing.
type Binding struct {
	Inputs, Labels []pipeline.Tensor
	Registry       bool
}

// samples reports whether the inputs are to be decoded.
func (b Binding) samples() bool { return len(b.Inputs) > 0 || len(b.Labels) == 0 }

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
