package keras

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework/keras/savedmodel"
)

// killing are operations that ended their process under fuzz_ops.py, and that
// Keras does not use: those of TensorFlow's own optimizers, which read a variable
// of another type than they name, and those that do not check ranks and sizes.
var killing = strings.Fields(`Conv ConjugateTranspose FakeQuantWithMinMaxVarsPerChannel FakeQuantWithMinMaxVarsPerChannelGradient
IRFFT2D IRFFT3D RFFT2D RFFT3D QuantizeAndDequantizeV3 RaggedGather ResourceGatherNd ResourceStridedSliceAssign
ResourceApplyAdaMax ResourceApplyAdadelta ResourceApplyAdagrad ResourceApplyAdagradDA ResourceApplyAdagradV2 ResourceApplyAdam
ResourceApplyAdamWithAmsgrad ResourceApplyAddSign ResourceApplyCenteredRMSProp ResourceApplyFtrl ResourceApplyFtrlV2
ResourceApplyGradientDescent ResourceApplyKerasMomentum ResourceApplyMomentum ResourceApplyPowerSign ResourceApplyProximalAdagrad
ResourceApplyProximalGradientDescent ResourceApplyRMSProp ResourceSparseApplyAdadelta ResourceSparseApplyAdagrad
ResourceSparseApplyAdagradDA ResourceSparseApplyCenteredRMSProp ResourceSparseApplyFtrl ResourceSparseApplyFtrlV2
ResourceSparseApplyKerasMomentum ResourceSparseApplyMomentum ResourceSparseApplyProximalAdagrad
ResourceSparseApplyProximalGradientDescent ResourceSparseApplyRMSProp`)

// unchecked are operations that Keras uses and that end their process where the
// ranks of operands do not fit, or a size is zero. TensorFlow holds what is known of
// both against each other when it loads a graph; a graph that leaves them open and
// gives wrong ones ends its own process.
var unchecked = []string{"RFFT", "ScatterNd", "ScatterNdNonAliasingAdd", "TensorScatterAdd", "TensorScatterSub", "TensorScatterMax", "TensorScatterMin", "TensorScatterUpdate"}

// Operations that end their process, and that no layer of Keras needs, are refused.
func TestAttackKillingOperations(t *testing.T) {
	for _, op := range killing {
		if allowed[op] {
			t.Errorf("%s is allowed", op)
		}
	}
	short := map[string]string{"FakeQuantWithMinMaxVarsPerChannel": "1", "ResourceApplyAdaMax": "20"} // by draws that find it
	for op, draws := range short {
		if found := fuzz(t, draws, op); !slices.Contains(found, op) {
			t.Errorf("%s no longer ends its process: the list can be shortened, or nothing is tried", op)
		}
	}
	if os.Getenv("KAFKAML_LONG") == "" {
		return
	}
	for _, op := range fuzz(t, "300", slices.Sorted(maps.Keys(allowed))...) {
		if guarded[op] == nil && !slices.Contains(unchecked, op) {
			t.Errorf("%s ends its process, and nothing is held of its operands", op)
		}
	}
}

// fuzz gives those of the operations that ended their process.
func fuzz(t *testing.T, draws string, ops ...string) (found []string) {
	t.Helper()
	o := options(t)
	c := exec.CommandContext(t.Context(), o.Python, append([]string{"-I", "-S", "testdata/fuzz_ops.py", o.SitePackages, draws, "1"}, ops...)...)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(out); s.Scan(); {
		var death struct{ Op, Signal string }
		if err := json.Unmarshal(s.Bytes(), &death); err != nil {
			t.Errorf("%s: %v", s.Text(), err)
		}
		found = append(found, death.Op)
	}
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	return found
}

// typed is an attribute of one type.
func typed(kinds ...savedmodel.DType) savedmodel.Attr { return savedmodel.Attr{Types: kinds} }

// Operands that end the process are refused wherever the handle comes from.
func TestAttackKillingOperands(t *testing.T) {
	const float, long = savedmodel.DType(1), savedmodel.DType(9)
	variable := func(name string, kind savedmodel.DType) savedmodel.Node {
		return savedmodel.Node{Name: name, Op: "VarHandleOp", Attrs: map[string]savedmodel.Attr{"dtype": typed(kind)}}
	}
	gather := func(handle string) savedmodel.Node {
		return savedmodel.Node{Name: "gather", Op: "ResourceGather", Inputs: []string{handle, "i"}, Attrs: map[string]savedmodel.Attr{"dtype": typed(float)}}
	}
	node := func(name, op string, attr string, function string, inputs ...string) savedmodel.Node {
		return savedmodel.Node{Name: name, Op: op, Inputs: inputs, Attrs: map[string]savedmodel.Attr{attr: {Calls: []string{function}}}}
	}
	function := func(name string, rets map[string]string, nodes ...savedmodel.Node) *savedmodel.Function {
		return &savedmodel.Function{
			Name: name, Args: []savedmodel.Arg{{Name: "a", Type: savedmodel.Resource}, {Name: "b", Type: savedmodel.Resource}},
			Outs: []string{"x", "y"}, Rets: rets, Nodes: nodes,
		}
	}
	same, swapped := map[string]string{"x": "a", "y": "b"}, map[string]string{"x": "b", "y": "a"}
	v, w := variable("v", float), variable("w", long)
	for name, c := range map[string]struct {
		nodes     []savedmodel.Node
		functions []*savedmodel.Function
		refused   bool
	}{
		"a variable of its type":    {nodes: []savedmodel.Node{v, gather("v")}},
		"one of another":            {nodes: []savedmodel.Node{w, gather("w")}, refused: true},
		"by an identity":            {nodes: []savedmodel.Node{w, {Name: "id", Op: "Identity", Inputs: []string{"w"}}, gather("id:0")}, refused: true},
		"one that was chosen":       {nodes: []savedmodel.Node{v, w, {Name: "s", Op: "SelectV2", Inputs: []string{"c", "v", "w"}}, gather("s")}, refused: true},
		"an argument":               {[]savedmodel.Node{v, w, node("call", "PartitionedCall", "f", "f", "v", "w")}, []*savedmodel.Function{function("f", same, gather("a"))}, false},
		"another argument":          {[]savedmodel.Node{v, w, node("call", "PartitionedCall", "f", "f", "v", "w")}, []*savedmodel.Function{function("f", same, gather("b"))}, true},
		"an argument of two calls":  {[]savedmodel.Node{v, w, node("one", "PartitionedCall", "f", "f", "v", "w"), node("two", "PartitionedCall", "f", "f", "w", "v")}, []*savedmodel.Function{function("f", same, gather("a"))}, true},
		"an argument of a branch":   {[]savedmodel.Node{v, w, node("if", "If", "then_branch", "f", "c", "v", "w")}, []*savedmodel.Function{function("f", same, gather("a"))}, false},
		"in a loop":                 {[]savedmodel.Node{v, w, node("loop", "While", "body", "f", "v", "w")}, []*savedmodel.Function{function("f", same, gather("a"))}, false},
		"in a loop that swaps":      {[]savedmodel.Node{v, w, node("loop", "While", "body", "f", "v", "w")}, []*savedmodel.Function{function("f", swapped, gather("a"))}, true},
		"behind a loop":             {[]savedmodel.Node{v, w, node("loop", "While", "body", "f", "v", "w"), gather("loop:0")}, []*savedmodel.Function{function("f", same)}, false},
		"behind a loop, the second": {[]savedmodel.Node{v, w, node("loop", "While", "body", "f", "v", "w"), gather("loop:1")}, []*savedmodel.Function{function("f", same)}, true},
		"behind a loop that swaps":  {[]savedmodel.Node{v, w, node("loop", "While", "body", "f", "v", "w"), gather("loop:0")}, []*savedmodel.Function{function("f", swapped)}, true},
		"a list that grows":         {nodes: []savedmodel.Node{{Name: "l", Op: "TensorListSetItem", Attrs: map[string]savedmodel.Attr{"resize_if_index_out_of_bounds": {True: true}}}}, refused: true},
		"a list that does not":      {nodes: []savedmodel.Node{{Name: "l", Op: "TensorListSetItem", Attrs: map[string]savedmodel.Attr{"resize_if_index_out_of_bounds": {}}}}},
		"texts that are scattered":  {nodes: []savedmodel.Node{{Name: "s", Op: "ScatterNd", Attrs: map[string]savedmodel.Attr{"T": typed(savedmodel.String)}}}, refused: true},
		"a table of other types": {nodes: []savedmodel.Node{
			{Name: "t", Op: "MutableHashTableV2", Attrs: map[string]savedmodel.Attr{"key_dtype": typed(long), "value_dtype": typed(float)}},
			{Name: "e", Op: "LookupTableExportV2", Inputs: []string{"t"}, Attrs: map[string]savedmodel.Attr{"Tkeys": typed(savedmodel.String), "Tvalues": typed(float)}},
		}, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := &graph{Model: &savedmodel.Model{Nodes: c.nodes, Functions: map[string]*savedmodel.Function{}}, nodes: map[string]*savedmodel.Node{}}
			for i := range c.nodes {
				g.nodes[c.nodes[i].Name] = &c.nodes[i]
			}
			for _, f := range c.functions {
				g.Functions[f.Name] = f
			}
			if err := g.checkOperands(); (err != nil) != c.refused {
				t.Errorf("%v, refused: %v", err, c.refused)
			}
		})
	}
}
