package onnxgraph_test

import (
	"math"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxgraph"
	ox "github.com/kafkaml/kafkaml/shared/framework/onnx/onnxtest"
)

// with is a change of the first node of Small.
func with(change func(*ox.Node)) func(*ox.Model) {
	return func(m *ox.Model) { change(&m.Graph.Nodes[0]) }
}

// feed puts a node in front of Small whose output no other takes.
func feed(n ox.Node, tensors ...ox.Tensor) func(*ox.Model) {
	return func(m *ox.Model) {
		n.Out = []string{"unused"}
		m.Graph.Nodes = append(m.Graph.Nodes, n)
		m.Graph.Initializers = append(m.Graph.Initializers, tensors...)
	}
}

// entry is an entry of a map of texts.
func entry(key, value string) []byte {
	return ox.Bytes(ox.Bytes(nil, 1, []byte(key)), 2, []byte(value))
}

// within puts a graph into as many branches of If.
func within(g ox.Graph, depth int) ox.Graph {
	for range depth {
		g = ox.Graph{Nodes: []ox.Node{{
			Op: "If", In: []string{"yes"}, Out: []string{"r"},
			Attributes: []ox.Attribute{ox.Body("then_branch", g)},
		}}, Outputs: []ox.Value{{Name: "r", DType: ox.Float32}}}
	}
	return g
}

// branch puts a graph into a branch of Small.
func branch(g ox.Graph) func(*ox.Model) {
	return func(m *ox.Model) {
		m.Graph.Nodes = append(m.Graph.Nodes, ox.Node{Op: "If", In: []string{"yes"}, Out: []string{"r"}, Attributes: []ox.Attribute{ox.Body("then_branch", g)}})
		m.Graph.Initializers = append(m.Graph.Initializers, ox.True("yes"))
	}
}

func one(n ox.Node) ox.Graph { return ox.Graph{Nodes: []ox.Node{n}} }

// doubling is the body of a loop.
var doubling = ox.Graph{
	Nodes:   []ox.Node{{Op: "Add", In: []string{"a", "a"}, Out: []string{"a2"}}},
	Inputs:  []ox.Value{{Name: "i", DType: ox.Int64}, {Name: "on", DType: ox.Bool}, {Name: "a", DType: ox.Float32, Rankless: true}},
	Outputs: []ox.Value{{Name: "on", DType: ox.Bool}, {Name: "a2", DType: ox.Float32, Rankless: true}},
}

func loop(body ox.Graph) func(*ox.Model) {
	return feed(ox.Node{Op: "Loop", In: []string{"", "", "x"}, Attributes: []ox.Attribute{ox.Body("body", body)}})
}

var (
	external = ox.Tensor{Name: "e", DType: ox.Float32, Dims: []int64{1}, Extra: ox.Bytes(nil, 13, entry("location", "/etc/passwd"))}
	elsewhat = ox.Tensor{Name: "e", DType: ox.Float32, Dims: []int64{1}, Raw: make([]byte, 4), Extra: ox.Number(nil, 14, 1)}
	text     = ox.Tensor{Name: "e", DType: ox.String, Dims: []int64{1}, Extra: ox.Bytes(nil, 6, []byte("text"))}
)

// forgeries change Small, each with a part of the reason for which it is
// refused; none where it is fine.
var forgeries = map[string]struct {
	change func(*ox.Model)
	says   string
}{
	"nothing":             {func(*ox.Model) {}, ""},
	"domain written out":  {func(m *ox.Model) { m.Opsets = map[string]int64{"ai.onnx": 18}; m.Graph.Nodes[1].Domain = "ai.onnx" }, ""},
	"unused domain":       {func(m *ox.Model) { m.Opsets = map[string]int64{"": 18, "com.evil": 1} }, ""},
	"both domains":        {func(m *ox.Model) { m.Opsets = map[string]int64{"": 18, "ai.onnx.ml": 3} }, ""},
	"default of an input": {func(m *ox.Model) { m.Graph.Inputs = append(m.Graph.Inputs, ox.OpenSmall().Graph.Inputs[1:]...) }, ""},
	"output of no shape":  {func(m *ox.Model) { m.Graph.Outputs[0].Rankless = true }, ""},
	"graph in a graph":    {branch(within(one(ox.Node{Op: "Relu", In: []string{"x"}, Out: []string{"z"}}), 5)), ""},
	"names of an element": {func(m *ox.Model) { m.Graph.Nodes[0].Name = "dense/ä" }, ""},

	"no file":         {func(m *ox.Model) { *m = ox.Model{Opsets: map[string]int64{}} }, "does not say in which version"},
	"old format":      {func(m *ox.Model) { m.IR = 2 }, "format has version 2"},
	"future format":   {func(m *ox.Model) { m.IR = 14 }, "format has version 14, 3 to 13"},
	"old operators":   {func(m *ox.Model) { m.Opsets = map[string]int64{"": 1} }, "version 1, 7 to 26"},
	"new operators":   {func(m *ox.Model) { m.Opsets = map[string]int64{"": 27} }, "version 27, 7 to 26"},
	"one opset twice": {func(m *ox.Model) { m.Opsets = map[string]int64{"": 18, "ai.onnx": 17} }, "in two versions"},
	"training":        {func(m *ox.Model) { m.Extra = ox.Bytes(nil, 20, nil) }, "training"},
	"functions":       {func(m *ox.Model) { m.Extra = ox.Bytes(nil, 25, nil) }, "functions of its own"},
	"devices":         {func(m *ox.Model) { m.Extra = ox.Bytes(nil, 26, nil) }, "devices"},
	"second graph":    {func(m *ox.Model) { m.Extra = ox.Bytes(nil, 7, m.Graph.Encode()) }, "member 7, which can be there once"},
	"second version":  {func(m *ox.Model) { m.Extra = ox.Number(nil, 1, 8) }, "member 1, which can be there once"},
	"unknown member":  {func(m *ox.Model) { m.Extra = ox.Bytes(nil, 31, nil) }, "member 31 is not known"},
	"high member":     {func(m *ox.Model) { m.Extra = ox.Bytes(nil, 12345, nil) }, "member 12345 is not known"},
	"another form":    {func(m *ox.Model) { m.Graph.Extra = ox.Number(nil, 1, 1) }, "another form"},
	"cut off":         {func(m *ox.Model) { m.Extra = []byte{0x72, 0xff} }, "EOF"},

	"custom operator":    {with(func(n *ox.Node) { n.Op = "Evil" }), `node "hidden/matmul" (Evil): the operator Evil`},
	"custom domain":      {with(func(n *ox.Node) { n.Domain = "com.microsoft" }), `"com.microsoft": only ai.onnx`},
	"domain without set": {with(func(n *ox.Node) { n.Domain, n.Op = "ai.onnx.ml", "Scaler" }), "is not allowed"},
	"picture":            {with(func(n *ox.Node) { n.Op = "ImageDecoder" }), "is not allowed"},
	"text that grows":    {with(func(n *ox.Node) { n.Op = "StringConcat" }), "works on text"},
	"overload":           {with(func(n *ox.Node) { n.Extra = ox.Bytes(nil, 8, []byte("f")) }), "calls a function"},
	"node of a device":   {with(func(n *ox.Node) { n.Extra = ox.Bytes(nil, 10, nil) }), "certain devices"},
	"two operators":      {with(func(n *ox.Node) { n.Extra = ox.Bytes(nil, 4, []byte("Relu")) }), "member 4, which can be there once"},
	"long name":          {with(func(n *ox.Node) { n.Name = strings.Repeat("x", 2000) }), "no text of at most"},
	"broken name":        {with(func(n *ox.Node) { n.Out = []string{"\xff"} }), "no text of at most"},
	"output twice":       {with(func(n *ox.Node) { n.Out = []string{"y"} }), `"y" is made twice`},
	"operand of nowhere": {with(func(n *ox.Node) { n.In[0] = "nope" }), `"nope" is taken, but nothing makes it`},
	"output is an input": {func(m *ox.Model) { m.Graph.Outputs = append(m.Graph.Outputs, m.Graph.Inputs[0]) }, `its output "x" is its input`},
	"input made again":   {with(func(n *ox.Node) { n.Out = []string{"x"} }), `"x" is made twice`},

	"attribute twice": {with(func(n *ox.Node) { n.Attributes = []ox.Attribute{ox.Int("a", 1), ox.Int("a", 2)} }), "is there twice"},
	"attribute of two": {with(func(n *ox.Node) {
		n.Attributes = []ox.Attribute{ox.Valued("a", 2, ox.Bytes(ox.Number(nil, 3, 1), 4, nil))}
	}), "not of the type that it names"},
	"attribute of another":  {with(func(n *ox.Node) { n.Attributes = []ox.Attribute{ox.Valued("a", 1, ox.Number(nil, 3, 1))} }), "not of the type that it names"},
	"attribute of no type":  {with(func(n *ox.Node) { n.Attributes = []ox.Attribute{ox.Valued("a", 0, ox.Number(nil, 3, 1))} }), "not of the type that it names"},
	"attribute of function": {with(func(n *ox.Node) { n.Attributes = []ox.Attribute{ox.Valued("a", 2, ox.Bytes(nil, 21, []byte("b")))} }), "refers to an attribute"},
	"long text":             {with(func(n *ox.Node) { n.Attributes = []ox.Attribute{ox.Text("a", strings.Repeat("x", 1000))} }), "a text of more"},
	"body of no loop":       {with(func(n *ox.Node) { n.Attributes = []ox.Attribute{ox.Body("body", ox.Graph{})} }), "holds a graph"},

	"external initializer": {feed(ox.Node{Op: "Relu", In: []string{"e"}}, external), "another file"},
	"external location":    {feed(ox.Node{Op: "Relu", In: []string{"e"}}, elsewhat), "another file"},
	"external constant":    {feed(ox.Node{Op: "Constant", Attributes: []ox.Attribute{ox.Constant("value", external)}}), "another file"},
	"external constants":   {feed(ox.Node{Op: "Constant", Attributes: []ox.Attribute{ox.Valued("value", 9, ox.Bytes(nil, 10, external.Encode()))}}), "another file"},
	"external sparse":      {func(m *ox.Model) { m.Graph.Extra = ox.Bytes(nil, 15, ox.Bytes(nil, 1, external.Encode())) }, "another file"},
	"external indices":     {func(m *ox.Model) { m.Graph.Extra = ox.Bytes(nil, 15, ox.Bytes(nil, 2, external.Encode())) }, "another file"},
	"external in sparse":   {feed(ox.Node{Op: "Constant", Attributes: []ox.Attribute{ox.Valued("sparse_value", 11, ox.Bytes(nil, 22, ox.Bytes(nil, 1, external.Encode())))}}), "another file"},
	"external in a branch": {branch(ox.Graph{Initializers: []ox.Tensor{external}}), "another file"},
	"external in branches": {branch(within(ox.Graph{Initializers: []ox.Tensor{external}}, 4)), "another file"},
	"custom in a branch":   {branch(within(one(ox.Node{Op: "Evil"}), 4)), "the operator Evil"},
	"deep branches":        {branch(within(ox.Graph{}, 17)), "graphs within each other"},

	"too little data":   {func(m *ox.Model) { m.Graph.Initializers[0].Raw = make([]byte, 4) }, "it holds 4 bytes, float32 [3 4] has 48"},
	"no data":           {func(m *ox.Model) { m.Graph.Initializers[0].Raw = nil }, "values of another number"},
	"data twice":        {func(m *ox.Model) { m.Graph.Initializers[1].Extra = ox.Bytes(nil, 4, make([]byte, 16)) }, "values of another number"},
	"data of a segment": {func(m *ox.Model) { m.Graph.Initializers[1].Extra = ox.Bytes(nil, 3, nil) }, "part of a tensor"},
	"negative size":     {func(m *ox.Model) { m.Graph.Initializers[0].Dims = []int64{-3, -4} }, "a size of -3"},
	"overflowing size":  {func(m *ox.Model) { m.Graph.Initializers[0].Dims = []int64{1 << 62, 1 << 62} }, "too large"},
	"many dimensions":   {func(m *ox.Model) { m.Graph.Initializers[0].Dims = make([]int64, 100) }, "dimensions"},
	"unknown type":      {func(m *ox.Model) { m.Graph.Initializers[0].DType = 77 }, "type 77"},
	"text":              {feed(ox.Node{Op: "Identity", In: []string{"e"}}, text), "holds text"},
	"tensor twice":      {func(m *ox.Model) { m.Graph.Initializers[1].Name = "w0" }, "is there twice"},
	"large sparse": {func(m *ox.Model) {
		values, indices := ox.Floats("s", []int64{1}, 1), ox.Longs("i", 1)
		m.Graph.Extra = ox.Bytes(nil, 15, ox.Number(ox.Bytes(ox.Bytes(nil, 1, values.Encode()), 2, indices.Encode()), 3, 1<<32))
	}, "5 tensors of 17179869288 bytes"},

	"large shape":    {feed(ox.Node{Op: "ConstantOfShape", In: []string{"s"}}, ox.Longs("s", 1<<20, 1<<20)), "elements, more than"},
	"large constant": {feed(ox.Node{Op: "Expand", In: []string{"x", "s"}}, ox.Longs("s", 1<<40, 3)), "elements, more than"},
	"large tile":     {feed(ox.Node{Op: "Tile", In: []string{"x", "s"}}, ox.Longs("s", 1, 1<<30)), "elements, more than"},
	"large resize":   {feed(ox.Node{Op: "Resize", In: []string{"x", "", "s"}}, ox.Floats("s", []int64{2}, 1e9, 1e9)), "elements, more than"},
	"large range":    {feed(ox.Node{Op: "Range", In: []string{"f", "t", "by"}}, ox.Floats("f", nil, 0), ox.Floats("t", nil, 1), ox.Floats("by", nil, 1e-20)), "elements, more than"},
	"range for ever": {feed(ox.Node{Op: "Range", In: []string{"f", "t", "by"}}, ox.Floats("f", nil, 0), ox.Floats("t", nil, 1), ox.Floats("by", nil, 0)), "elements, more than"},
	"fair range":     {feed(ox.Node{Op: "Range", In: []string{"f", "t", "by"}}, ox.Floats("f", nil, 0), ox.Floats("t", nil, 10), ox.Floats("by", nil, 1)), ""},
	"large in a branch": {func(m *ox.Model) {
		branch(one(ox.Node{Op: "ConstantOfShape", In: []string{"s"}, Out: []string{"z"}}))(m)
		m.Graph.Initializers = append(m.Graph.Initializers, ox.Longs("s", 1<<40))
	}, "elements, more than"},
	"made in a branch": {func(m *ox.Model) {
		branch(ox.Graph{Nodes: []ox.Node{
			{Op: "Shape", In: []string{"x"}, Out: []string{"s"}}, {Op: "ConstantOfShape", In: []string{"s"}, Out: []string{"z"}},
		}})(m)
		m.Graph.Initializers = append(m.Graph.Initializers, ox.Longs("s", 1<<40))
	}, ""},
	"no trip count":   {feed(ox.Node{Op: "Loop", In: []string{"s", "", "x"}, Attributes: []ox.Attribute{ox.Body("body", doubling)}}, ox.Longs("s")), "has 0 values, not one"},
	"loop of nothing": {loop(ox.Graph{Inputs: doubling.Inputs, Outputs: doubling.Inputs[1:]}), "a loop whose body computes nothing"},
	"loop of constants": {loop(ox.Graph{
		Nodes:  []ox.Node{{Op: "Constant", Out: []string{"one"}, Attributes: []ox.Attribute{ox.Int("value_int", 1)}}, {Op: "Neg", In: []string{"one"}, Out: []string{"a2"}}},
		Inputs: doubling.Inputs, Outputs: doubling.Outputs,
	}), "a loop whose body computes nothing"},
	"loop of shapes": {loop(ox.Graph{
		Nodes:  []ox.Node{{Op: "Shape", In: []string{"a"}, Out: []string{"s"}}, {Op: "Cast", In: []string{"s"}, Out: []string{"a2"}, Attributes: []ox.Attribute{ox.Int("to", 1)}}},
		Inputs: doubling.Inputs, Outputs: doubling.Outputs,
	}), "a loop whose body computes nothing"},
	"loop":              {loop(doubling), ""},
	"no group":          {feed(ox.Node{Op: "Conv", In: []string{"x", "w0"}, Attributes: []ox.Attribute{ox.Int("group", 0)}}), "its attribute group has 0"},
	"batch dims below":  {feed(ox.Node{Op: "GatherND", In: []string{"x", "s"}, Attributes: []ox.Attribute{ox.Int("batch_dims", -1)}}, ox.Longs("s", 0)), "its attribute batch_dims has -1"},
	"pooled to nothing": {feed(ox.Node{Op: "MaxRoiPool", In: []string{"x", "w0"}, Attributes: []ox.Attribute{ox.Ints("pooled_shape", 2, 0)}}), "its attribute pooled_shape has 0"},
	"cast of constants": {feed(ox.Node{Op: "CastLike", In: []string{"w0", "s"}}, ox.Longs("s", 0)), "it casts a constant"},
	"drawn backwards":   {feed(ox.Node{Op: "RandomUniformLike", In: []string{"x"}, Attributes: []ox.Attribute{ox.Number32("low", 2)}}), "it draws from 2 to 1"},
	"drawn from NaN":    {feed(ox.Node{Op: "RandomUniformLike", In: []string{"x"}, Attributes: []ox.Attribute{ox.Number32("high", float32(math.NaN()))}}), "it draws from 0 to NaN"},
	"no deviation":      {feed(ox.Node{Op: "RandomNormalLike", In: []string{"x"}, Attributes: []ox.Attribute{ox.Number32("scale", -1)}}), "a deviation of -1"},
	"a fair draw":       {feed(ox.Node{Op: "RandomNormalLike", In: []string{"x"}, Attributes: []ox.Attribute{ox.Number32("scale", 2)}}), ""},

	"large attribute": {feed(ox.Node{Op: "RandomNormal", Attributes: []ox.Attribute{ox.Ints("shape", 1<<31, 4)}}), "elements, more than"},

	"another input":     {func(m *ox.Model) { m.Graph.Inputs[0].Name, m.Graph.Nodes[0].In[0] = "z", "z" }, `no input "x", but "z" (float32 of shape [-1 3])`},
	"another type":      {func(m *ox.Model) { m.Graph.Inputs[0].DType = ox.Float64 }, "float64 of shape [-1 3], expected is float32"},
	"another shape":     {func(m *ox.Model) { m.Graph.Inputs[0].Dims = []int64{-1, 4} }, "expected is float32 of shape [-1 3]"},
	"fixed batch":       {func(m *ox.Model) { m.Graph.Inputs[0].Dims = []int64{1, 3} }, "expected is float32 of shape [-1 3]"},
	"open shape":        {func(m *ox.Model) { m.Graph.Inputs[0].Dims = []int64{-1, -1} }, "expected is float32 of shape [-1 3]"},
	"input of no type":  {func(m *ox.Model) { m.Graph.Inputs[0].DType = 0 }, "no tensor"},
	"input of no shape": {func(m *ox.Model) { m.Graph.Inputs[0].Rankless = true }, "of no known shape"},
	"one more input":    {func(m *ox.Model) { m.Graph.Inputs = append(m.Graph.Inputs, ox.Value{Name: "w9", DType: 1}) }, "2 inputs and 1 outputs"},
	"one more output": {func(m *ox.Model) {
		m.Graph.Outputs = append(m.Graph.Outputs, ox.Value{Name: "a", DType: 1})
		m.Graph.Outputs[0].Name = "b"
	}, `no output "y"`},
	"another output":       {func(m *ox.Model) { m.Graph.Outputs[0].Name = "a" }, `no output "y"`},
	"output of fixed rows": {func(m *ox.Model) { m.Graph.Outputs[0].Dims = []int64{3, 2} }, "expected is float32 of shape [-1 2]"},
	"input with a default": {func(m *ox.Model) {
		m.Graph.Initializers = append(m.Graph.Initializers, ox.Floats("x", []int64{1, 3}, 1, 2, 3))
	}, "0 inputs"},
}

func TestForgeries(t *testing.T) {
	for name, c := range forgeries {
		t.Run(name, func(t *testing.T) {
			m := ox.Small()
			c.change(&m)
			err := onnxgraph.Verify(m.Encode(), small)
			if c.says != "" {
				refused(t, err, c.says)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}
