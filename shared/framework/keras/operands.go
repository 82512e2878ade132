package keras

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/framework/keras/savedmodel"
)

// Some operations that Keras uses end the process on operands that they do not
// check themselves, instead of failing. Those operands are refused. An operation
// that does so and that Keras does not use is not allowed at all; killers_test.go
// looks for both.

// guarded holds the operands of operations, each by what the node itself and the
// handles that reach it say.
var guarded = map[string]func(h *handles, scope string, n *savedmodel.Node) error{
	// An index of -1 is read as a place before the list.
	"TensorListSetItem": func(_ *handles, _ string, n *savedmodel.Node) error {
		if n.Attrs["resize_if_index_out_of_bounds"].True {
			return refusedOperand(n, "grows its list as it is written to", "give a tf.TensorArray its size, without dynamic_size")
		}
		return nil
	},
	"ScatterNd": noTexts, "ScatterNdNonAliasingAdd": noTexts, "TensorScatterAdd": noTexts, "TensorScatterSub": noTexts,
	"TensorScatterMax": noTexts, "TensorScatterMin": noTexts, "TensorScatterUpdate": noTexts,
	// A transform of no values.
	"RFFT": func(h *handles, scope string, n *savedmodel.Node) error {
		if len(n.Inputs) < 2 || !h.positive(scope, n.Inputs[1], 0) {
			return refusedOperand(n, "transforms a length that is not known", "give keras.ops.rfft an fft_length, or its input a shape")
		}
		return nil
	},
	"AvgPool": windows(4, "ksize", "strides"), "AvgPoolGrad": windows(4, "ksize", "strides"),
	"Conv2D": windows(4, "strides", "dilations"), "Conv2DBackpropFilter": windows(4, "strides", "dilations"), "Conv2DBackpropInput": windows(4, "strides", "dilations"),
	"DepthwiseConv2dNative": windows(4, "strides", "dilations"), "DepthwiseConv2dNativeBackpropFilter": windows(4, "strides", "dilations"),
	"DepthwiseConv2dNativeBackpropInput": windows(4, "strides", "dilations"), "Conv3DBackpropFilterV2": windows(5, "strides", "dilations"),
	"ResourceGather": func(h *handles, scope string, n *savedmodel.Node) error {
		return h.sameTypes(scope, n, n.Attrs["dtype"].Types)
	},
	"LookupTableExportV2": func(h *handles, scope string, n *savedmodel.Node) error {
		return h.sameTypes(scope, n, slices.Concat(n.Attrs["Tkeys"].Types, n.Attrs["Tvalues"].Types))
	},
}

// noTexts: shapes that do not fit are checked for numbers only.
func noTexts(_ *handles, _ string, n *savedmodel.Node) error {
	if slices.Contains(n.Attrs["T"].Types, savedmodel.String) {
		return refusedOperand(n, "scatters texts", "scatter numbers, and look the texts up")
	}
	return nil
}

// windows holds that attributes of a convolution or a pooling say a number for each of
// so many axes, and the paddings, where there are any, two.
func windows(axes int, names ...string) func(*handles, string, *savedmodel.Node) error {
	return func(_ *handles, _ string, n *savedmodel.Node) error {
		for _, name := range names {
			a, said := n.Attrs[name]
			if said && len(a.Ints) != axes || !said && name != "dilations" {
				return refusedOperand(n, fmt.Sprintf("has %d %s for %d axes", len(a.Ints), name, axes), "build the graph with Keras")
			}
		}
		if pads := n.Attrs["explicit_paddings"].Ints; len(pads) != 0 && len(pads) != 2*axes {
			return refusedOperand(n, fmt.Sprintf("has %d paddings for %d axes", len(pads), axes), "build the graph with Keras")
		}
		return nil
	}
}

func refusedOperand(n *savedmodel.Node, what, hint string) error {
	return &nodeError{node: n.Name, op: n.Op, text: fmt.Sprintf("the operation %s %s, which could end its process (%s)", n.Op, what, plain(n.Name, 200)), hint: hint}
}

// checkOperands holds the guarded operations of the graph and of its functions.
func (g *graph) checkOperands() error {
	h := newHandles(g)
	for scope, s := range h.scopes {
		for _, n := range s.nodes {
			if guard := guarded[n.Op]; guard != nil && g.Functions[n.Op] == nil {
				if err := guard(h, scope, n); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// handles finds what handles of variables and tables refer to, through Identity,
// loops and the arguments of functions.
type handles struct {
	graph  *graph
	scopes map[string]scope // by function, "" is the graph itself
	calls  map[string][]call
	known  map[string]referred // by scope and tensor
}

type scope struct {
	nodes map[string]*savedmodel.Node
	args  []savedmodel.Arg
}

// call is where a function gets its arguments from.
type call struct {
	scope  string
	node   *savedmodel.Node
	inputs []string
}

// referred are the types of what a handle may refer to: that of a variable, those
// of a table's keys and values. It is unclear where that cannot be told.
type referred struct {
	types   [][]savedmodel.DType
	unclear bool
}

func newHandles(g *graph) *handles {
	h := &handles{graph: g, scopes: map[string]scope{"": {nodes: g.nodes}}, calls: map[string][]call{}, known: map[string]referred{}}
	for name, fn := range g.Functions {
		s := scope{nodes: map[string]*savedmodel.Node{}, args: fn.Args}
		for i := range fn.Nodes {
			s.nodes[fn.Nodes[i].Name] = &fn.Nodes[i]
		}
		h.scopes[name] = s
	}
	for name, s := range h.scopes {
		for _, n := range s.nodes {
			inputs := slices.DeleteFunc(slices.Clone(n.Inputs), func(i string) bool { return strings.HasPrefix(i, "^") })
			if chooses := n.Op == "If" || n.Op == "StatelessIf" || n.Op == "Case" || n.Op == "StatelessCase"; chooses && len(inputs) > 0 {
				inputs = inputs[1:]
			}
			for called := range g.calledBy(n) {
				h.calls[called] = append(h.calls[called], call{name, n, inputs})
			}
		}
	}
	return h
}

// sameTypes holds that the first input of a node refers to what has such types.
func (h *handles) sameTypes(scope string, n *savedmodel.Node, want []savedmodel.DType) error {
	if len(n.Inputs) == 0 {
		return refusedOperand(n, "has no operands", "build the graph with Keras")
	}
	r := h.of(scope, n.Inputs[0], 0)
	if r.unclear || slices.ContainsFunc(r.types, func(t []savedmodel.DType) bool { return !slices.Equal(t, want) }) {
		return refusedOperand(n, "may read a value of another type than it names", "read variables and tables as they were made")
	}
	return nil
}

// deepestHandle bounds the operations and calls from a handle to what it is of.
const deepestHandle = 1000

func (h *handles) of(scope, tensor string, depth int) referred {
	key := scope + "\x00" + tensor
	if r, ok := h.known[key]; ok {
		return r
	}
	if depth > deepestHandle {
		return referred{unclear: true}
	}
	r := h.find(scope, tensor, depth)
	h.known[key] = r
	return r
}

func (h *handles) find(scope, tensor string, depth int) referred {
	s := h.scopes[scope]
	n := s.nodes[nodeOf(tensor)]
	if n == nil {
		return h.argument(scope, slices.IndexFunc(s.args, func(a savedmodel.Arg) bool { return a.Name == tensor }), depth)
	}
	switch n.Op {
	case "VarHandleOp":
		return referred{types: [][]savedmodel.DType{n.Attrs["dtype"].Types}}
	case "HashTableV2", "MutableHashTableV2", "MutableDenseHashTableV2", "AnonymousHashTable", "AnonymousMutableHashTable", "AnonymousMutableDenseHashTable":
		return referred{types: [][]savedmodel.DType{slices.Concat(n.Attrs["key_dtype"].Types, n.Attrs["value_dtype"].Types)}}
	case "Identity", "IdentityN", "While", "StatelessWhile": // a loop gives back the handles that it was given
		if i := outputOf(tensor); i < len(n.Inputs) && !h.changes(n, i) {
			return h.of(scope, n.Inputs[i], depth+1)
		}
	}
	return referred{unclear: true}
}

// positive reports whether a tensor is a constant of numbers above zero, wherever it
// comes from.
func (h *handles) positive(scope, tensor string, depth int) bool {
	if depth > deepestHandle {
		return false
	}
	s := h.scopes[scope]
	if n := s.nodes[nodeOf(tensor)]; n != nil {
		if n.Op == "Identity" && len(n.Inputs) > 0 {
			return h.positive(scope, n.Inputs[0], depth+1)
		}
		values := n.Attrs["value"].Tensors
		return n.Op == "Const" && len(values) == 1 && len(values[0].Ints) > 0 && slices.Min(values[0].Ints) > 0
	}
	i := slices.IndexFunc(s.args, func(a savedmodel.Arg) bool { return a.Name == tensor })
	return i >= 0 && len(h.calls[scope]) > 0 && !slices.ContainsFunc(h.calls[scope], func(c call) bool {
		return i >= len(c.inputs) || h.changes(c.node, i) || !h.positive(c.scope, c.inputs[i], depth+1)
	})
}

// changes reports whether a node is a loop that may go on with another handle than
// the one that it was given at i.
func (h *handles) changes(n *savedmodel.Node, i int) bool {
	if !strings.HasSuffix(n.Op, "While") {
		return false
	}
	for _, name := range n.Attrs["body"].Calls {
		fn := h.graph.Functions[name]
		if fn == nil || i >= len(fn.Args) || i >= len(fn.Outs) || !h.isArgument(fn, fn.Rets[fn.Outs[i]], fn.Args[i].Name) {
			return true
		}
	}
	return false
}

// isArgument reports whether a tensor of a function is its argument itself.
func (h *handles) isArgument(fn *savedmodel.Function, tensor, arg string) bool {
	for range deepestPath {
		if tensor == arg {
			return true
		}
		n := h.scopes[fn.Name].nodes[nodeOf(tensor)]
		if n == nil || n.Op != "Identity" || len(n.Inputs) == 0 {
			return false
		}
		tensor = n.Inputs[0]
	}
	return false
}

// argument is what a function's argument may refer to, of all its calls.
func (h *handles) argument(function string, i, depth int) (all referred) {
	if i < 0 {
		return referred{unclear: true}
	}
	for _, c := range h.calls[function] {
		if i >= len(c.inputs) || h.changes(c.node, i) {
			return referred{unclear: true}
		}
		one := h.of(c.scope, c.inputs[i], depth+1)
		all.types, all.unclear = append(all.types, one.types...), all.unclear || one.unclear
		if len(all.types) > deepestHandle {
			return referred{unclear: true}
		}
	}
	return all
}

// outputOf is which output of its node a tensor is: "a" and "a:0" and "a:out:0"
// are the first.
func outputOf(tensor string) int {
	last := tensor[strings.LastIndexByte(tensor, ':')+1:]
	n := 0
	for _, c := range last {
		if c < '0' || c > '9' || n > 1<<20 {
			return 0
		}
		n = 10*n + int(c-'0')
	}
	return n
}
