package keras

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
ResourceSparseApplyProximalGradientDescent ResourceSparseApplyRMSProp
ParameterizedTruncatedNormal TensorListResize TensorListScatterIntoExistingList TensorListScatterV2 TensorScatterSub`)

// unchecked are operations that Keras uses and that end their process where the
// ranks of operands do not fit. TensorFlow holds what is known of them against each
// other when it loads a graph; a graph that leaves them open and gives wrong ones ends
// its own process, which costs it alone (SECURITY.md).
var unchecked = strings.Fields(`AvgPoolGrad Conv2D Conv2DBackpropFilter Conv2DBackpropInput Conv3DBackpropFilterV2 DepthwiseConv2dNative
DepthwiseConv2dNativeBackpropFilter DepthwiseConv2dNativeBackpropInput ScatterNd ScatterNdNonAliasingAdd TensorListGetItem
TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterUpdate`)

// Operations that end their process, and that no layer of Keras needs, are refused.
func TestAttackKillingOperations(t *testing.T) {
	for _, op := range killing {
		if allowed[op] {
			t.Errorf("%s is allowed", op)
		}
	}
	short := map[string]string{"FakeQuantWithMinMaxVarsPerChannel": "1", "ResourceApplyAdaMax": "20"} // by draws that find it
	for op, draws := range short {
		if found, _ := fuzz(t, draws, op); !slices.Contains(found, op) {
			t.Errorf("%s no longer ends its process: the list can be shortened, or nothing is tried", op)
		}
	}
	if os.Getenv("KAFKAML_LONG") == "" {
		return
	}
	for _, op := range fuzzAll(t) {
		if guarded[op] == nil && !slices.Contains(unchecked, op) {
			t.Errorf("%s ends its process, and nothing is held of its operands", op)
		}
	}
}

// fuzzAll is fuzz of what is allowed, on all processors. It takes up where it was
// ended where KAFKAML_FUZZED names a file to keep what was found in.
func fuzzAll(t *testing.T) (found []string) {
	t.Helper()
	todo := slices.Sorted(maps.Keys(allowed))
	file := cmp.Or(os.Getenv("KAFKAML_FUZZED"), filepath.Join(t.TempDir(), "fuzzed"))
	kept, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	for s := bufio.NewScanner(kept); s.Scan(); {
		op, ends, _ := strings.Cut(s.Text(), " ")
		todo = slices.DeleteFunc(todo, func(o string) bool { return o == op })
		if ends != "" {
			found = append(found, op)
		}
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	batches := slices.Collect(slices.Chunk(todo, 20)) // to begin a process costs as much as some
	next := atomic.Int32{}
	for range runtime.NumCPU() {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(batches); i = int(next.Add(1)) - 1 {
				deadly, whole := fuzz(t, "300", batches[i]...)
				if !whole {
					continue
				}
				mu.Lock()
				for _, op := range batches[i] {
					how := ""
					if slices.Contains(deadly, op) {
						how, found = " ends", append(found, op)
					}
					if _, err := fmt.Fprintf(kept, "%s%s\n", op, how); err != nil {
						t.Error(err)
					}
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return found
}

// fuzz gives those of the operations that ended their process; whole is false, and the
// test failed, where not all were tried.
func fuzz(t *testing.T, draws string, ops ...string) (found []string, whole bool) {
	t.Helper()
	o := options(t)
	c := exec.CommandContext(t.Context(), o.Python, append([]string{"-I", "-S", "testdata/fuzz_ops.py", o.SitePackages, draws, "1"}, ops...)...)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Error(err)
		return nil, false
	}
	for s := bufio.NewScanner(out); s.Scan(); {
		var tried struct {
			Op     string
			Deaths []struct {
				Signal string
				Draw   int
			}
			Slow int
		}
		if err := json.Unmarshal(s.Bytes(), &tried); err != nil {
			t.Errorf("%s: %v", s.Text(), err)
		}
		if len(tried.Deaths) > 0 {
			found = append(found, tried.Op)
			t.Logf("%s: %v", tried.Op, tried.Deaths)
		}
		if tried.Slow > 0 {
			t.Logf("%s: %d draws were given up", tried.Op, tried.Slow)
		}
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
		return nil, false
	}
	return found, true
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
	length := func(name string, n int64) savedmodel.Node {
		return savedmodel.Node{Name: name, Op: "Const", Attrs: map[string]savedmodel.Attr{"value": {Tensors: []savedmodel.Constant{{Ints: []int64{n}}}}}}
	}
	transform := func(length string) savedmodel.Node {
		return savedmodel.Node{Name: "rfft", Op: "RFFT", Inputs: []string{"x", length}}
	}
	convolution := func(name string, ints ...int64) savedmodel.Node {
		return savedmodel.Node{Name: "c", Op: "Conv2DBackpropFilter", Attrs: map[string]savedmodel.Attr{name: {Ints: ints}}}
	}
	padded := convolution("strides", 1, 1, 1, 1)
	padded.Attrs["explicit_paddings"] = savedmodel.Attr{Ints: []int64{1, 1, 1, 1}}
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
		"a transform of a length":   {nodes: []savedmodel.Node{length("l", 8), transform("l:output:0")}},
		"a transform of none":       {nodes: []savedmodel.Node{length("l", 0), transform("l:output:0")}, refused: true},
		"a transform of an operand": {nodes: []savedmodel.Node{{Name: "l", Op: "Placeholder"}, transform("l")}, refused: true},
		"a length by two calls":     {[]savedmodel.Node{length("l", 8), length("m", 0), node("one", "PartitionedCall", "f", "f", "l", "m"), node("two", "PartitionedCall", "f", "f", "m", "l")}, []*savedmodel.Function{function("f", same, transform("a"))}, true},
		"a length by a call":        {[]savedmodel.Node{length("l", 8), length("m", 0), node("one", "PartitionedCall", "f", "f", "l", "m")}, []*savedmodel.Function{function("f", same, transform("a"))}, false},
		"strides of four axes":      {nodes: []savedmodel.Node{convolution("strides", 1, 1, 1, 1)}},
		"strides of two":            {nodes: []savedmodel.Node{convolution("strides", 1, 1)}, refused: true},
		"no strides":                {nodes: []savedmodel.Node{convolution("dilations", 1, 1, 1, 1)}, refused: true},
		"paddings of two axes":      {nodes: []savedmodel.Node{padded}, refused: true},
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
