package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnximport"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxmodel"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxtest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform/fence"
	"github.com/kafkaml/kafkaml/shared/platform/local"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "check" {
		main()
	}
	os.Exit(m.Run())
}

// killer is a net that reverses sequences of a tensor that has but one dimension, which
// is known only as it runs: it ends its process.
func killer() onnxtest.Model {
	m := onnxtest.Small()
	g := &m.Graph
	g.Nodes[len(g.Nodes)-1].Out[0] = "net"
	g.Nodes = append(g.Nodes,
		onnxtest.Node{Op: "ReduceMax", In: []string{"x"}, Out: []string{"most"}, Attributes: []onnxtest.Attribute{onnxtest.Int("keepdims", 0)}},
		onnxtest.Node{Op: "Cast", In: []string{"most"}, Out: []string{"zero"}, Attributes: []onnxtest.Attribute{onnxtest.Int("to", onnxtest.Int64)}},
		onnxtest.Node{Op: "Add", In: []string{"zero", "1"}, Out: []string{"dimensions"}},
		onnxtest.Node{Op: "Tile", In: []string{"-1", "dimensions"}, Out: []string{"sizes"}},
		onnxtest.Node{Op: "Reshape", In: []string{"net", "sizes"}, Out: []string{"flat"}},
		onnxtest.Node{Op: "ReverseSequence", In: []string{"flat", "dimensions"}, Out: []string{"y"}},
	)
	g.Initializers = append(g.Initializers, onnxtest.Longs("1", 1), onnxtest.Longs("-1", -1))
	return m
}

// A graph is opened and run in a process behind fences, which tells what is wrong with
// it, and whose own end is told from that.
func TestAttackGraphThatIsChecked(t *testing.T) {
	wide := onnxtest.Small()
	wide.Graph.Outputs[0].Dims[1] = 3
	for name, c := range map[string]struct {
		model  onnxtest.Model
		policy string // of the fences
		kind   pipeline.Kind
		says   string
	}{
		"served":           {model: onnxtest.Small()},
		"wide":             {model: wide, kind: pipeline.Invalid, says: `declares [3] for the output "y"`},
		"ends its process": {model: killer(), kind: pipeline.Invalid, says: "it ends the process that serves it: "},
		"cannot be tried":  {model: onnxtest.Small(), policy: "unknown", kind: pipeline.Unavailable, says: "neither some nor off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(fence.Variable, c.policy)
			dir := t.TempDir()
			file := filepath.Join(dir, "file")
			if err := os.WriteFile(file, c.model.Encode(), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := onnximport.Importer{}.Import(t.Context(), file, dir)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			err = local.Check(t.Context(), os.Args[0], pipeline.CheckJob{Framework: onnxmodel.Name, Folder: dir, Trained: framework.ImportedTrained, Export: got.Export})
			t.Log(time.Since(began), err)
			if c.says == "" && err != nil || c.says != "" && (pipeline.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v, want %s: %q", err, c.kind, c.says)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "check-*")); len(left) > 0 {
				t.Error("left: ", left)
			}
		})
	}
}
