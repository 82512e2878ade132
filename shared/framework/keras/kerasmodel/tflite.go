package kerasmodel

import (
	"fmt"
	"slices"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// tfliteTypes are those of inputs and outputs that TFLite computes with.
var tfliteTypes = []string{"float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"}

// NoTFLite is why no model of an export has a TFLite form, "" where it may have
// one: whether its operations have is for the converter to say.
func NoTFLite(e pipeline.Export) string {
	for _, side := range []struct {
		what    string
		tensors []pipeline.Tensor
	}{{"input", e.Inputs}, {"output", e.Outputs}} {
		for _, t := range side.tensors {
			switch {
			case t.DType == "string":
				return fmt.Sprintf("TFLite has no operations on text, and the %s %s is text", side.what, t.Name)
			case !slices.Contains(tfliteTypes, t.DType):
				return fmt.Sprintf("TFLite does not compute with %s, the type of the %s %s", t.DType, side.what, t.Name)
			}
		}
	}
	return ""
}
