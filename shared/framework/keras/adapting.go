package keras

import (
	"fmt"

	"github.com/kafkaml/kafkaml/shared/framework/keras/savedmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// addAdapting adds the signatures of the layers that are to be adapted: of each
// level set<level>, which takes what was counted, and seen<level> where the graph
// computes what enters one of its layers.
func (g *graph) addAdapting(expected map[string]side, want pipeline.Export) {
	for i, a := range want.Adapt {
		set := fmt.Sprintf("set%d", a.Level)
		if expected[set] == nil {
			expected[set] = side{}
		}
		for name, t := range taken(a) {
			expected[set][partName(i, name)] = t
		}
		if a.Input < 0 {
			expected[fmt.Sprintf("seen%d", a.Level)] = tensors(want.Inputs, "x", -1)
		}
	}
}

// partName is what a signature calls a tensor of the i-th layer to be adapted.
func partName(i int, part string) string { return fmt.Sprintf("a%d_%s", i, part) }

// info is a tensor of a type and shape.
func info(dtype string, dims ...int64) savedmodel.TensorInfo {
	t, _ := savedmodel.ParseDType(dtype)
	return savedmodel.TensorInfo{Type: t, Shape: savedmodel.Shape{Dims: dims}}
}

// taken are the inputs of set for a layer.
func taken(a pipeline.Adapt) side {
	switch a.Kind {
	case pipeline.AdaptMoments:
		n := int64(a.Columns)
		return side{"mean": info("float64", n), "variance": info("float64", n)}
	case pipeline.AdaptQuantiles:
		return side{"boundaries": info("float32", -1)}
	}
	s := side{"words": info(wordType(a), -1)}
	if a.Documents {
		s["documents"], s["records"] = info("int64", -1), info("int64")
	}
	return s
}

// given are the outputs of seen for a layer.
func given(a pipeline.Adapt) side {
	switch a.Kind {
	case pipeline.AdaptMoments:
		return side{"numbers": info("float64", -1, int64(a.Columns))}
	case pipeline.AdaptQuantiles:
		return side{"numbers": info("float32", -1)}
	}
	s := side{"words": info(wordType(a), -1), "counts": info("int64", -1)}
	if a.Documents {
		s["documents"], s["records"] = info("int64", -1), info("int64", -1)
	}
	return s
}

func wordType(a pipeline.Adapt) string {
	if a.Integers {
		return "int64"
	}
	return "string"
}

// checkSeen holds the outputs of the signatures seen to what is counted of them.
func (g *graph) checkSeen(want pipeline.Export) error {
	outputs := map[string]side{}
	for i, a := range want.Adapt {
		if a.Input >= 0 {
			continue
		}
		name := fmt.Sprintf("seen%d", a.Level)
		if outputs[name] == nil {
			outputs[name] = side{}
		}
		for part, t := range given(a) {
			outputs[name][partName(i, part)] = t
		}
	}
	for name, expected := range outputs {
		got := g.Signatures[name].Outputs
		if err := sameNames(got, expected); err != nil {
			return fmt.Errorf("outputs of %s: %w", name, err)
		}
		for part, t := range got {
			if w := expected[part]; t.Type != w.Type || !compatible(t.Shape, w.Shape) {
				return fmt.Errorf("the output %s of %s is %s %v, %s %v is expected", part, name, t.Type, t.Shape.Dims, w.Type, w.Shape.Dims)
			}
		}
	}
	return nil
}
