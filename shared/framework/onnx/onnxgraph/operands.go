package onnxgraph

import (
	"fmt"
	"math"
)

// guarded holds the operands of operators that end the process on some that the
// runtime does not check; killers_test.go of the package onnx looks for them.
var guarded = map[string]func(n *node, known *constants) error{
	"RandomNormal": normal, "RandomNormalLike": normal, "RandomUniform": uniform, "RandomUniformLike": uniform,
	"Conv": groups, "ConvInteger": groups, "ConvTranspose": groups, "DeformConv": groups, "QLinearConv": groups,
	"GatherND": func(n *node, _ *constants) error {
		return n.within("batch_dims", 0, 1<<10)
	},
	"MaxRoiPool": func(n *node, _ *constants) error { return n.within("pooled_shape", 1, 1<<16) },
	"CastLike": func(n *node, known *constants) error { // which is computed as the graph is loaded
		for _, name := range n.inputs {
			if known.find(name) == nil {
				return nil
			}
		}
		return fmt.Errorf("it casts a constant, which could end its process")
	},
}

func (n *node) checkOperands(known *constants) error {
	if guard := guarded[n.op]; guard != nil && n.domain == onnx {
		return guard(n, known)
	}
	return nil
}

// groups holds that a convolution has at least one.
func groups(n *node, _ *constants) error { return n.within("group", 1, 1<<31) }

// within holds all numbers of an attribute, where it is there.
func (n *node) within(name string, least, most int64) error {
	if a := n.attribute(name); a != nil {
		for _, v := range a.ints {
			if v < least || v > most {
				return fmt.Errorf("its attribute %s has %d, which is not within %d and %d, and could end its process", name, v, least, most)
			}
		}
	}
	return nil
}

// number is an attribute's, or what stands for it.
func (n *node) number(name string, otherwise float64) float64 {
	if a := n.attribute(name); a != nil {
		return a.float
	}
	return otherwise
}

func normal(n *node, _ *constants) error {
	mean, scale := n.number("mean", 0), n.number("scale", 1)
	if math.IsNaN(mean) || !(scale > 0) || math.IsInf(mean+scale, 0) {
		return fmt.Errorf("it draws by a mean of %g and a deviation of %g, which could end its process", mean, scale)
	}
	return nil
}

func uniform(n *node, _ *constants) error {
	low, high := n.number("low", 0), n.number("high", 1)
	if !(low <= high) || math.IsInf(high-low, 0) || high-low > math.MaxFloat32 {
		return fmt.Errorf("it draws from %g to %g, which could end its process", low, high)
	}
	return nil
}
