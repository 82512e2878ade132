package onnxgraph

import (
	"fmt"
	"math"
)

// mostElements bounds a tensor that the graph's own constants ask for: 1 GiB of
// float32. What the values of a record ask for is bounded as the graph runs.
const mostElements = 1 << 28

// asked says how many elements, at least, a tensor has that an operator makes
// of its inputs' constants, where those are known.
var asked = map[string]func(n *node, in func(int) []float64) float64{
	"ConstantOfShape": func(_ *node, in func(int) []float64) float64 { return product(in(0)) },
	"Expand":          func(_ *node, in func(int) []float64) float64 { return product(in(1)) },
	"Tile":            func(_ *node, in func(int) []float64) float64 { return product(in(1)) },
	"Resize":          func(_ *node, in func(int) []float64) float64 { return max(product(in(2)), product(in(3))) },
	"Upsample":        func(_ *node, in func(int) []float64) float64 { return product(in(1)) },
	"Range":           func(_ *node, in func(int) []float64) float64 { return steps(in(0), in(1), in(2)) },
	"OneHot":          func(_ *node, in func(int) []float64) float64 { return product(in(1)) },
	"Pad":             func(_ *node, in func(int) []float64) float64 { return largest(in(1)) },
	"CenterCropPad":   func(_ *node, in func(int) []float64) float64 { return product(in(1)) },
	"Col2Im":          func(_ *node, in func(int) []float64) float64 { return product(in(1)) },
	"AffineGrid":      func(_ *node, in func(int) []float64) float64 { return product(in(1)) },
	"MaxUnpool":       func(_ *node, in func(int) []float64) float64 { return product(in(2)) },
	"DFT":             func(_ *node, in func(int) []float64) float64 { return product(in(1)) },
	"HannWindow":      func(_ *node, in func(int) []float64) float64 { return product(in(0)) },
	"HammingWindow":   func(_ *node, in func(int) []float64) float64 { return product(in(0)) },
	"BlackmanWindow":  func(_ *node, in func(int) []float64) float64 { return product(in(0)) },
	"MelWeightMatrix": func(_ *node, in func(int) []float64) float64 { return product(in(0)) * product(in(1)) / 2 },
	"RandomNormal":    func(n *node, _ func(int) []float64) float64 { return n.ints("shape") },
	"RandomUniform":   func(n *node, _ func(int) []float64) float64 { return n.ints("shape") },
	"ConvTranspose": func(n *node, _ func(int) []float64) float64 {
		return max(n.ints("output_shape"), n.ints("output_padding"))
	},
}

// single are the inputs of operators that are one value, which the runtime
// reads of an empty tensor too.
var single = map[string][]int{
	"If": {0}, "Loop": {0, 1}, "Range": {0, 1, 2}, "OneHot": {1}, "CumSum": {1}, "CumProd": {1}, "TopK": {1}, "Trilu": {1},
	"Dropout": {1, 2}, "NonMaxSuppression": {2, 3, 4}, "Clip": {1, 2}, "Pad": {2}, "DFT": {1, 2}, "STFT": {1, 3},
	"HannWindow": {0}, "HammingWindow": {0}, "BlackmanWindow": {0}, "MelWeightMatrix": {0, 1, 2, 3, 4},
	"SequenceAt": {1}, "SequenceInsert": {2}, "SequenceErase": {1},
}

// checkSingle refuses constants of another number of values where one is read.
func (n *node) checkSingle(known *constants) error {
	if n.domain != onnx {
		return nil
	}
	for _, i := range single[n.op] {
		if i >= len(n.inputs) {
			continue
		}
		if t := known.find(n.inputs[i]); t != nil && t.elements != 1 {
			return fmt.Errorf("its input %.100q has %d values, not one", n.inputs[i], t.elements)
		}
	}
	return nil
}

// checkSize refuses a node that would make too large a tensor.
func (n *node) checkSize(known *constants) error {
	of := asked[n.op]
	if of == nil || n.domain != onnx {
		return nil
	}
	size := of(n, func(i int) []float64 {
		if i < len(n.inputs) {
			if t := known.find(n.inputs[i]); t != nil {
				return t.values
			}
		}
		return nil
	})
	if !(size <= mostElements) {
		return fmt.Errorf("it makes a tensor of %g elements, more than %d", size, mostElements)
	}
	return nil
}

// product is that of sizes, 0 of none; -1 and 0, which stand for the input's
// own, count as 1.
func product(sizes []float64) float64 {
	if len(sizes) == 0 {
		return 0
	}
	n := 1.0
	for _, s := range sizes {
		if s < -1 {
			return math.Inf(1)
		}
		if s > 1 || math.IsNaN(s) {
			n *= s
		}
	}
	return n
}

func largest(sizes []float64) (most float64) {
	for _, s := range sizes {
		most = max(most, s)
	}
	return most
}

func steps(from, to, by []float64) float64 {
	if len(from) != 1 || len(to) != 1 || len(by) != 1 {
		return 0
	}
	return max(0, math.Ceil((to[0]-from[0])/by[0]))
}

// ints is the product of the sizes in an attribute.
func (n *node) ints(name string) float64 {
	a := n.attribute(name)
	if a == nil {
		return 0
	}
	var sizes []float64
	for _, v := range a.ints {
		sizes = append(sizes, float64(v))
	}
	return product(sizes)
}
