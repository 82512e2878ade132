package onnxgraph

import "fmt"

// onnx and ml are the domains of operators that are allowed.
const (
	onnx = "ai.onnx"
	ml   = "ai.onnx.ml"

	microsoft = "com.microsoft" // of operators that ONNX Runtime itself puts into a model
)

// model is what is looked at of a ModelProto.
type model struct {
	ir       int64
	opsets   map[string]int64 // version by domain
	graph    *graph
	producer string // that wrote it

	producerVersion string
}

type graph struct {
	nodes           []node
	initializers    []tensor
	inputs, outputs []value
}

type node struct {
	name, op, domain string
	inputs, outputs  []string
	attributes       []attribute
}

// at adds to an error at which node it is.
func (n *node) at(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("node %.100q (%.100s): %w", n.name, n.op, err)
}

type attribute struct {
	name    string
	ints    []int64 // the first ones
	float   float64 // of one that is a number
	tensors []tensor
	graphs  []*graph
}

// value is an input or output: a tensor, or of dtype 0 something else.
type value struct {
	name   string
	dtype  int32
	shaped bool
	dims   []int64 // -1: open
}

// constants are the values of a graph that are known without running it.
type constants struct {
	own    map[string]*tensor // by name; nil for one that is not known
	around *constants         // of the graph that this one is within; nil for the outermost
}

// find gives a constant, nil where the name is of none.
func (c *constants) find(name string) *tensor {
	for ; c != nil; c = c.around {
		if t, ok := c.own[name]; ok {
			return t
		}
	}
	return nil
}

// scope gathers the constants of a graph.
func (g *graph) scope(around *constants) *constants {
	own := map[string]*tensor{}
	for _, v := range g.inputs {
		own[v.name] = nil
	}
	for i := range g.initializers {
		own[g.initializers[i].name] = &g.initializers[i]
	}
	for i := range g.nodes {
		n := &g.nodes[i]
		for _, o := range n.outputs {
			own[o] = nil
		}
		if t := n.constant(); t != nil && len(n.outputs) == 1 {
			own[n.outputs[0]] = t
		}
	}
	return &constants{own, around}
}

// constant is the tensor that a node Constant gives, nil for another one.
func (n *node) constant() *tensor {
	if n.op != "Constant" || len(n.attributes) != 1 {
		return nil
	}
	a := &n.attributes[0]
	switch a.name {
	case "value":
		if len(a.tensors) == 1 {
			return &a.tensors[0]
		}
	case "value_int", "value_ints":
		t := &tensor{dtype: 7, elements: int64(len(a.ints))}
		for _, v := range a.ints {
			t.values = append(t.values, float64(v))
		}
		return t
	}
	return nil
}

// attribute finds one by its name, nil where there is none.
func (n *node) attribute(name string) *attribute {
	for i := range n.attributes {
		if n.attributes[i].name == name {
			return &n.attributes[i]
		}
	}
	return nil
}
