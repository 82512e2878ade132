package onnxtest

import "fmt"

// Small is a net of x[3] to y[2]: a layer of 4 with ReLU and one of 2, whose
// weights are w0 to w3.
func Small() Model {
	return Model{Graph: Graph{
		Nodes: []Node{
			{Name: "hidden/matmul", Op: "MatMul", In: []string{"x", "w0"}, Out: []string{"a"}},
			{Name: "hidden/add", Op: "Add", In: []string{"a", "w1"}, Out: []string{"b"}},
			{Name: "hidden/relu", Op: "Relu", In: []string{"b"}, Out: []string{"c"}},
			{Name: "out/matmul", Op: "MatMul", In: []string{"c", "w2"}, Out: []string{"d"}},
			{Name: "out/add", Op: "Add", In: []string{"d", "w3"}, Out: []string{"y"}},
		},
		Initializers: []Tensor{
			Floats("w0", []int64{3, 4}, 1, -1, 0.5, 2, -2, 1, 0.25, -0.5, 3, -1, 1, 0.125),
			Floats("w1", []int64{4}, 0.5, -0.5, 1, 0),
			Floats("w2", []int64{4, 2}, 1, -1, 2, 0.5, -0.25, 1, 0.5, 2),
			Floats("w3", []int64{2}, 0.25, -0.75),
		},
		Inputs:  []Value{{Name: "x", DType: Float32, Dims: []int64{-1, 3}}},
		Outputs: []Value{{Name: "y", DType: Float32, Dims: []int64{-1, 2}}},
	}}
}

// SmallOutputs is what Small gives for a record.
func SmallOutputs(x [3]float64) [2]float64 {
	w0 := [3][4]float64{{1, -1, 0.5, 2}, {-2, 1, 0.25, -0.5}, {3, -1, 1, 0.125}}
	w1 := [4]float64{0.5, -0.5, 1, 0}
	w2 := [4][2]float64{{1, -1}, {2, 0.5}, {-0.25, 1}, {0.5, 2}}
	y := [2]float64{0.25, -0.75}
	for k := range w1 {
		hidden := w1[k]
		for i := range x {
			hidden += x[i] * w0[i][k]
		}
		for o := range y {
			y[o] += max(0, hidden) * w2[k][o]
		}
	}
	return y
}

// Dense is a net of x to y with a layer of each size after the first, ReLU
// between them, and small weights.
func Dense(sizes ...int64) Model {
	m := Model{}
	last := len(sizes) - 1
	at := "x"
	for i := range last {
		in, out := sizes[i], sizes[i+1]
		name := func(of string) string { return fmt.Sprint(of, i) }
		w, b := make([]float32, in*out), make([]float32, out)
		for k := range w {
			w[k] = float32(k%13-6) / 64
		}
		m.Graph.Initializers = append(m.Graph.Initializers, Floats(name("w"), []int64{in, out}, w...), Floats(name("b"), []int64{out}, b...))
		next := name("layer")
		if i == last-1 {
			next = "y"
		}
		m.Graph.Nodes = append(m.Graph.Nodes,
			Node{Op: "MatMul", In: []string{at, name("w")}, Out: []string{name("product")}},
			Node{Op: "Add", In: []string{name("product"), name("b")}, Out: []string{name("sum")}},
			Node{Op: "Relu", In: []string{name("sum")}, Out: []string{next}})
		at = next
	}
	m.Graph.Inputs = []Value{{Name: "x", DType: Float32, Dims: []int64{-1, sizes[0]}}}
	m.Graph.Outputs = []Value{{Name: "y", DType: Float32, Dims: []int64{-1, sizes[last]}}}
	return m
}

// OpenSmall is Small with its weights as inputs.
func OpenSmall() Model {
	m := Small()
	for _, t := range m.Graph.Initializers {
		m.Graph.Inputs = append(m.Graph.Inputs, Value{Name: t.Name, DType: t.DType, Dims: t.Dims})
	}
	m.Graph.Initializers = nil
	return m
}

// Endless is a net of x[3] to y[3] that doubles x without end where its first
// value is above 0, and else gives it as it is.
func Endless() Model {
	body := Graph{
		Nodes: []Node{
			{Op: "Identity", In: []string{"on"}, Out: []string{"on2"}},
			{Op: "Add", In: []string{"a", "a"}, Out: []string{"a2"}},
		},
		Inputs:  []Value{{Name: "i", DType: Int64}, {Name: "on", DType: Bool}, {Name: "a", DType: Float32, Rankless: true}},
		Outputs: []Value{{Name: "on2", DType: Bool}, {Name: "a2", DType: Float32, Rankless: true}},
	}
	return Model{Graph: Graph{
		Nodes: []Node{
			{Op: "ReduceMax", In: []string{"x"}, Out: []string{"most"}, Attributes: []Attribute{Int("keepdims", 0)}},
			{Op: "Greater", In: []string{"most", "zero"}, Out: []string{"go"}},
			{Name: "forever", Op: "Loop", In: []string{"", "go", "x"}, Out: []string{"y"}, Attributes: []Attribute{Body("body", body)}},
		},
		Initializers: []Tensor{Floats("zero", nil, 0)},
		Inputs:       []Value{{Name: "x", DType: Float32, Dims: []int64{-1, 3}}},
		Outputs:      []Value{{Name: "y", DType: Float32, Dims: []int64{-1, 3}}},
	}}
}

// Exploding is a net of x[1] to y[1] that makes as many elements as the largest
// value of x says, and gives x + 1.
func Exploding() Model {
	return Model{Graph: Graph{
		Nodes: []Node{
			{Op: "ReduceMax", In: []string{"x"}, Out: []string{"most"}, Attributes: []Attribute{Int("keepdims", 0)}},
			{Op: "Cast", In: []string{"most"}, Out: []string{"n"}, Attributes: []Attribute{Int("to", Int64)}},
			{Op: "Unsqueeze", In: []string{"n", "axes"}, Out: []string{"shape"}},
			{
				Name: "explode", Op: "ConstantOfShape", In: []string{"shape"}, Out: []string{"ones"},
				Attributes: []Attribute{Constant("value", Floats("", []int64{1}, 1))},
			},
			{Op: "ReduceMax", In: []string{"ones"}, Out: []string{"one"}, Attributes: []Attribute{Int("keepdims", 0)}},
			{Op: "Add", In: []string{"x", "one"}, Out: []string{"y"}},
		},
		Initializers: []Tensor{Longs("axes", 0)},
		Inputs:       []Value{{Name: "x", DType: Float32, Dims: []int64{-1, 1}}},
		Outputs:      []Value{{Name: "y", DType: Float32, Dims: []int64{-1, 1}}},
	}}
}
