package onnx

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnximport"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// A graph that does not compute what it declares is told before it serves.
func TestCheck(t *testing.T) {
	then := func(op, sizes string, initializers ...onnxtest.Tensor) func(*onnxtest.Model) { // after the net
		return func(m *onnxtest.Model) {
			g := &m.Graph
			g.Nodes[len(g.Nodes)-1].Out[0] = "net"
			in := []string{"net"}
			if sizes != "" {
				in = append(in, sizes)
			}
			g.Nodes = append(g.Nodes, onnxtest.Node{Op: op, In: in, Out: []string{"y"}})
			g.Initializers = append(g.Initializers, initializers...)
		}
	}
	declares := func(dims ...int64) func(*onnxtest.Model) {
		return func(m *onnxtest.Model) { m.Graph.Outputs[0].Dims = dims }
	}
	summed := func(declared int64) func(*onnxtest.Model) { // takes any number of numbers, and sums them
		return func(m *onnxtest.Model) {
			g := &m.Graph
			g.Inputs[0].Dims[1], g.Outputs[0].Dims = -1, []int64{-1, declared}
			g.Initializers = []onnxtest.Tensor{onnxtest.Longs("axes", 1)}
			g.Nodes = []onnxtest.Node{{Op: "ReduceSum", In: []string{"x", "axes"}, Out: []string{"y"}}}
		}
	}
	for name, c := range map[string]struct {
		change func(*onnxtest.Model)
		says   string        // "": it is served
		kind   pipeline.Kind // of what it says; Invalid where it is left out
	}{
		"as declared":    {func(*onnxtest.Model) {}, "", ""},
		"an open output": {declares(-1, -1), "", ""},
		"an open input":  {func(m *onnxtest.Model) { m.Graph.Inputs[0].Dims[1] = -1 }, `the input "x" of a record has the open sizes [-1]`, pipeline.Unavailable},
		"a sum of any":   {summed(1), "", ""},
		"no sum of any":  {summed(3), `it declares [3] for the output "y" of a record, and computes [1]`, ""},
		"as many as come": {func(m *onnxtest.Model) {
			summed(1)(m)
			m.Graph.Initializers, m.Graph.Nodes = nil, []onnxtest.Node{{Op: "Identity", In: []string{"x"}, Out: []string{"y"}}}
		}, `it declares [1] for the output "y" of a record, and computes [8]`, ""},
		"as many as come, slowly": {func(m *onnxtest.Model) {
			*m = onnxtest.Endless()
			g := &m.Graph
			g.Inputs[0].Dims[1], g.Outputs[0].Dims[1] = -1, 1
			g.Initializers = []onnxtest.Tensor{onnxtest.Floats("zero", nil, -1), onnxtest.Longs("rounds", 20_000)}
			g.Nodes[2].In[0] = "rounds"
		}, `it declares [1] for the output "y" of a record, and computes [8]`, ""},
		"one size only": {func(m *onnxtest.Model) { // which may be that of the records
			summed(1)(m)
			m.Graph.Initializers, m.Graph.Nodes = []onnxtest.Tensor{onnxtest.Longs("sizes", -1, 1)}, []onnxtest.Node{{Op: "Reshape", In: []string{"x", "sizes"}, Out: []string{"y"}}}
		}, "", ""},
		"a half": {func(m *onnxtest.Model) {
			m.Graph.Outputs[0].DType = 10
			then("Cast", "")(m)
			m.Graph.Nodes[5].Attributes = []onnxtest.Attribute{onnxtest.Int("to", 10)}
		}, "", ""},
		"a half of another size": {func(m *onnxtest.Model) {
			declares(-1, 3)(m)
			m.Graph.Outputs[0].DType = 10
			then("Cast", "")(m)
			m.Graph.Nodes[5].Attributes = []onnxtest.Attribute{onnxtest.Int("to", 10)}
		}, "index: 1 Got: 3 Expected: 2", ""},
		"more than computed": {declares(-1, 3), `it declares [3] for the output "y" of a record, and computes [2]`, ""},
		"another rank":       {declares(-1, 1, 2), `it declares [1 2] for the output "y" of a record, and computes [2]`, ""},
		"one for the batch":  {then("ReduceMax", ""), `it declares [2] for the output "y" of a record, and computes [1]`, ""},
		"a softmax of rows": {func(m *onnxtest.Model) {
			then("Softmax", "")(m)
			m.Graph.Nodes[5].Attributes = []onnxtest.Attribute{onnxtest.Int("axis", 1)}
		}, "", ""},
		"a softmax of the batch": {func(m *onnxtest.Model) {
			then("Softmax", "")(m)
			m.Graph.Nodes[5].Attributes = []onnxtest.Attribute{onnxtest.Int("axis", 0)}
		}, `the output "y" of a record depends on the records beside it`, ""},
		"chance":         {then("RandomNormalLike", ""), "", ""},
		"one row only":   {then("Reshape", "sizes", onnxtest.Longs("sizes", 1, 2)), "on zeros, in a batch of 2: ", ""},
		"a batch of one": {then("Reshape", "sizes", onnxtest.Longs("sizes", 1, -1)), "gives shape [1 4] for 2 records, not a row for each", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := onnxtest.Small()
			c.change(&m)
			dir := t.TempDir()
			file := filepath.Join(dir, "file")
			if err := os.WriteFile(file, m.Encode(), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := onnximport.Importer{}.Import(t.Context(), file, dir)
			if err != nil {
				t.Fatal(err)
			}
			err = Framework{}.Check(framework.PredictorOptions{Dir: filepath.Join(dir, framework.ImportedTrained), Export: got.Export})
			if c.says == "" && err != nil || c.says != "" && (pipeline.KindOf(err) != cmp.Or(c.kind, pipeline.Invalid) || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}

// What is wrong with a graph says what to do about it.
func TestCheckHints(t *testing.T) {
	declared, endless := onnxtest.Small(), onnxtest.Endless()
	declared.Graph.Outputs[0].DType = onnxtest.Int64
	endless.Graph.Initializers[0] = onnxtest.Floats("zero", nil, -1) // zeros go round for ever, too
	long := export(3, 2)
	long.Outputs[0].DType = "int64"
	for name, c := range map[string]struct {
		model      onnxtest.Model
		export     pipeline.Export
		says, hint string
	}{
		"another type": {declared, long, "ONNX Runtime cannot load the model", "check_model"},
		"no end":       {endless, export(3, 3), "had not come to an end", "loops end"},
	} {
		err := Framework{}.Check(framework.PredictorOptions{Dir: written(t, c.model), Export: c.export, Deadline: time.Second})
		if err == nil || !strings.Contains(err.Error(), c.says) || pipeline.RejectionOf(err).Hint == "" || !strings.Contains(pipeline.RejectionOf(err).Hint, c.hint) {
			t.Errorf("%s: %v, with the hint %q", name, err, pipeline.RejectionOf(err).Hint)
		}
	}
}
