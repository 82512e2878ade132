package onnxgraph

import (
	"fmt"
	"slices"
	"strings"
)

// checkInterface holds a graph's inputs and outputs against those wanted.
func (g *graph) checkInterface(want Want) error {
	inputs := g.open()
	if len(inputs) != len(want.Inputs)+len(want.Open) || len(g.outputs) < len(want.Outputs) {
		return fmt.Errorf("it has %d inputs and %d outputs, %d and %d are expected: it takes %s and gives %s",
			len(inputs), len(g.outputs), len(want.Inputs)+len(want.Open), len(want.Outputs), list(inputs), list(g.outputs))
	}
	for _, w := range want.Inputs {
		if err := find(inputs, w, "input", true, matches); err != nil {
			return err
		}
	}
	for _, w := range want.Open {
		if err := find(inputs, w, "weight", false, matches); err != nil {
			return err
		}
	}
	for _, w := range want.Outputs {
		if err := find(g.outputs, w, "output", true, mayMatch); err != nil {
			return err
		}
	}
	return nil
}

// find holds the value of a name against what is wanted of it.
func find(values []value, w Tensor, what string, batch bool, fits func(size, want int64) bool) error {
	i := slices.IndexFunc(values, func(v value) bool { return v.name == w.Name })
	if i < 0 {
		return fmt.Errorf("it has no %s %q, but %s", what, w.Name, list(values))
	}
	v := values[i]
	dtype, ok := typeOf(w.DType)
	if !ok || dtype == typeString {
		return refuse("serve it by TensorFlow", "the %s %q is %s, which has no place in a graph", what, w.Name, w.DType)
	}
	shape := make([]int64, 0, len(w.Shape)+1)
	if batch {
		shape = append(shape, -1)
	}
	for _, d := range w.Shape {
		shape = append(shape, int64(d))
	}
	same := slices.EqualFunc(v.dims, shape, fits) && (!batch || v.anyRecords(what))
	if what == "output" && !v.shaped {
		same = true
	}
	if v.dtype != dtype || !same {
		return fmt.Errorf("its %s %q is %s, expected is %s of shape %v", what, w.Name, v, w.DType, shape)
	}
	return nil
}

// anyRecords reports whether the first size leaves the number of records open.
// LightGBM's exporter says 1 of its labels, which are one for each record: what a
// run gives is checked.
func (v value) anyRecords(what string) bool {
	return len(v.dims) > 0 && (v.dims[0] == -1 || what == "output" && v.dims[0] == 1)
}

func matches(size, want int64) bool { return size == want }

// mayMatch is for outputs, of which a graph need not know a size: those that a
// run gives are checked.
func mayMatch(size, want int64) bool { return size == want || size == -1 || want == -1 }

func (v value) String() string {
	switch {
	case v.dtype == 0:
		return "no tensor"
	case !v.shaped:
		return nameOf(v.dtype) + " of no known shape"
	}
	return fmt.Sprintf("%s of shape %v", nameOf(v.dtype), v.dims)
}

// list names values for a person.
func list(values []value) string {
	var names []string
	for i, v := range values {
		if i == 5 {
			names = append(names, "...")
			break
		}
		names = append(names, fmt.Sprintf("%.60q (%s)", v.name, v))
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}
