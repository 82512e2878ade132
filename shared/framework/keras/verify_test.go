package keras

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/savedmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// sample is one real export for the tests of the verifier.
var sample struct {
	once   sync.Once
	dir    string
	export pipeline.Export
	err    error
}

// exported copies the sample into a folder of the test's own.
func exported(t *testing.T) (dir string, e pipeline.Export) {
	t.Helper()
	w := sharedWorker(t)
	sample.once.Do(func() {
		if sample.dir, sample.err = os.MkdirTemp("", "kafkaml-test-export-"); sample.err == nil {
			sample.export, sample.err = w.Export(t.Context(), framework.Source{Imports: imports, Text: small}, sample.dir)
		}
	})
	if sample.err != nil {
		t.Fatal(sample.err)
	}
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(sample.dir)); err != nil {
		t.Fatal(err)
	}
	return dir, deepCopy(t, sample.export)
}

func deepCopy(t *testing.T, e pipeline.Export) (c pipeline.Export) {
	t.Helper()
	data, err := json.Marshal(e)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// refused reports whether Verify refuses for a reason that holds says.
func refused(t *testing.T, dir string, e pipeline.Export, says string) {
	t.Helper()
	err := Verify(dir, e)
	var refusal *pipeline.Error
	if !errors.As(err, &refusal) || refusal.Kind != pipeline.Invalid || !strings.Contains(refusal.Reason, says) {
		t.Errorf("got %v, want a refusal with %q", err, says)
	}
}

// TestDescriptions changes the child's description of a true graph.
func TestDescriptions(t *testing.T) {
	long := strings.Repeat("x", 3000)
	cases := map[string]struct {
		change func(*pipeline.Export)
		says   string
	}{
		"no input":                {func(e *pipeline.Export) { e.Inputs = nil }, "at least one input"},
		"another input":           {func(e *pipeline.Export) { e.Inputs[0].Name = "other" }, "the graph has"},
		"name with a path":        {func(e *pipeline.Export) { e.Inputs[0].Signature = "../x" }, "letters, digits"},
		"long name":               {func(e *pipeline.Export) { e.Outputs[0].Name = long }, "short line"},
		"two of a name":           {func(e *pipeline.Export) { e.Outputs = append(e.Outputs, e.Outputs[0]) }, "short line"},
		"unknown type":            {func(e *pipeline.Export) { e.Inputs[0].DType = "float33" }, "unknown"},
		"another type":            {func(e *pipeline.Export) { e.Inputs[0].DType = "int64" }, "described as int64"},
		"another shape":           {func(e *pipeline.Export) { e.Inputs[0].Shape = []int{5} }, "described as"},
		"open shape":              {func(e *pipeline.Export) { e.Inputs[0].Shape = []int{-1} }, "described as"},
		"large shape":             {func(e *pipeline.Export) { e.Inputs[0].Shape = []int{1 << 31, 1 << 31, 1 << 31} }, "too large"},
		"negative shape":          {func(e *pipeline.Export) { e.Inputs[0].Shape = []int{-2} }, "too large"},
		"many axes":               {func(e *pipeline.Export) { e.Inputs[0].Shape = make([]int, 100) }, "too large"},
		"many inputs":             {func(e *pipeline.Export) { e.Inputs = make([]pipeline.Tensor, 101) }, "are allowed"},
		"another label":           {func(e *pipeline.Export) { e.Labels[0].DType = "float32" }, "described as"},
		"no label":                {func(e *pipeline.Export) { e.Labels = nil }, "the graph has"},
		"too many parameters":     {func(e *pipeline.Export) { e.Parameters = 1 << 40 }, "parameters are described"},
		"more trainable than all": {func(e *pipeline.Export) { e.TrainableParameters = 24 }, "trainable"},
		"negative parameters":     {func(e *pipeline.Export) { e.Parameters, e.TrainableParameters = -1, -2 }, "trainable"},
		"negative operations":     {func(e *pipeline.Export) { e.Operations = -1 }, "operations"},
		"unknown task":            {func(e *pipeline.Export) { e.Task = "x" }, "the task"},
		"negative classes":        {func(e *pipeline.Export) { e.Classes = -1 }, "classes"},
		"loss of lines":           {func(e *pipeline.Export) { e.Loss = "a\nb" }, "a short line"},
		"long optimizer":          {func(e *pipeline.Export) { e.Optimizer = long }, "a short line"},
		"many metrics":            {func(e *pipeline.Export) { e.Metrics = make([]string, 1000) }, "metrics"},
		"other metrics":           {func(e *pipeline.Export) { e.Metrics = []string{"loss", "mae"} }, "metrics of train"},
		"metric of control codes": {func(e *pipeline.Export) { e.Metrics[1] = "\x1b[2J" }, "metrics"},
		"many layers":             {func(e *pipeline.Export) { e.Layers = make([]pipeline.Layer, maxLayers+1) }, "layers"},
		"layer without a name":    {func(e *pipeline.Export) { e.Layers[0].Name = "" }, "the layer"},
		"layer of broken text":    {func(e *pipeline.Export) { e.Layers[0].Output = "\xff" }, "the layer"},
		"layer of many parents":   {func(e *pipeline.Export) { e.Layers[0].Inputs = make([]string, 2000) }, "the layer"},
		"many libraries":          {func(e *pipeline.Export) { e.Libraries = manyLibraries() }, "libraries"},
		"variables of others":     {func(e *pipeline.Export) { e.Variables += "w" }, "variables"},
		"unknown variable":        {func(e *pipeline.Export) { e.Variables = "x" + e.Variables[1:] }, "variables"},
		"many monitors":           {func(e *pipeline.Export) { e.Monitors = manyMonitors() }, "metrics"},
		"monitor of lines":        {func(e *pipeline.Export) { e.Monitors["a\nb"] = pipeline.ModeMin }, "metrics"},
		"unknown mode":            {func(e *pipeline.Export) { e.Monitors["loss"] = "up" }, "metrics"},
		"weighted unsaid":         {func(e *pipeline.Export) { e.Weighted = false }, `"train_weighted" is not expected`},
	}
	dir, e := exported(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			changed := deepCopy(t, e)
			c.change(&changed)
			refused(t, dir, changed, c.says)
		})
	}
	if err := Verify(dir, e); err != nil {
		t.Error(err)
	}
}

func manyLibraries() pipeline.Libraries {
	l := pipeline.Libraries{}
	for _, c := range "abcdefghijklmnop" {
		l[string(c)] = "1"
	}
	return l
}

func manyMonitors() map[string]pipeline.MetricMode {
	m := map[string]pipeline.MetricMode{}
	for i := range 1000 {
		m[fmt.Sprint("m", i)] = ""
	}
	return m
}

// TestFiles changes the files around the graph.
func TestFiles(t *testing.T) {
	write := func(name, text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	variables := func(change func([]Variable) []Variable) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			path := filepath.Join(dir, "keras/variables.json")
			var vs []Variable
			data, err := os.ReadFile(path)
			if err == nil {
				err = json.Unmarshal(data, &vs)
			}
			if err == nil {
				data, err = json.Marshal(change(vs))
			}
			if err == nil {
				err = os.WriteFile(path, data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	one := func(change func(*Variable)) func(*testing.T, string) {
		return variables(func(vs []Variable) []Variable { change(&vs[0]); return vs })
	}
	cases := map[string]struct {
		change func(*testing.T, string)
		says   string // empty: it is fine
	}{
		"no template": {func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, "keras")); err != nil {
				t.Fatal(err)
			}
		}, ""},
		"another file":         {write("model/evil.so", "x"), "not expected"},
		"an asset":             {write("model/assets/x", "x"), "not expected"},
		"half a template":      {func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "keras/config.json")) }, "files"},
		"no variables":         {func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "model/variables/variables.index")) }, "files"},
		"empty graph":          {write("model/saved_model.pb", ""), "0 graphs"},
		"no graph":             {write("model/saved_model.pb", "\xff\xff"), "saved_model.pb"},
		"config of no JSON":    {write("keras/config.json", "{"), "no JSON"},
		"weights of no HDF5":   {write("keras/model.weights.h5", "0123456789"), "no HDF5"},
		"table of no JSON":     {write("keras/variables.json", "x"), "variables.json"},
		"table of more":        {write("keras/variables.json", `[{"exec":"x"}]`), "variables.json"},
		"empty table":          {write("keras/variables.json", "[]"), "lists 0 variables"},
		"offset in the head":   {one(func(v *Variable) { v.Offset = 0 }), "no dataset"},
		"offset behind":        {one(func(v *Variable) { v.Offset = 1 << 40 }), "no dataset"},
		"offset overflows":     {one(func(v *Variable) { v.Offset = 1<<63 - 1 }), "no dataset"},
		"negative offset":      {one(func(v *Variable) { v.Offset = -2 }), "offset"},
		"not in the file":      {one(func(v *Variable) { v.Offset = -1 }), ""},
		"another size":         {one(func(v *Variable) { v.Bytes++ }), "size"},
		"another type":         {one(func(v *Variable) { v.DType = "int32" }), "variables.json says"},
		"another shape":        {one(func(v *Variable) { v.Shape = []int{3, 4} }), "variables.json says"},
		"name of lines":        {one(func(v *Variable) { v.Name = "a\nb" }), "path, name, offset or size is wrong"},
		"path of lines":        {one(func(v *Variable) { v.Path = "a\nb" }), "path"},
		"one upon another":     {variables(func(vs []Variable) []Variable { vs[1].Offset = vs[0].Offset; return vs }), "that of another"},
		"one more":             {variables(func(vs []Variable) []Variable { return append(vs, vs[0]) }), "lists"},
		"a link for the graph": {link("model/saved_model.pb"), "not expected"},
		"a link for the table": {link("keras/variables.json"), "not expected"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir, e := exported(t)
			c.change(t, dir)
			if c.says != "" {
				refused(t, dir, e, c.says)
			} else if err := Verify(dir, e); err != nil {
				t.Error(err)
			}
		})
	}
}

// link puts a symbolic link to the file itself, moved away, in its place.
func link(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		away := filepath.Join(t.TempDir(), "away")
		if err := errors.Join(os.Rename(filepath.Join(dir, name), away), os.Symlink(away, filepath.Join(dir, name))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMutations changes random bytes of a real graph: no panic, and what still
// passes has no operation that is not allowed.
func TestMutations(t *testing.T) {
	dir, e := exported(t)
	graph, err := os.ReadFile(filepath.Join(dir, "model", "saved_model.pb"))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	passed := 0
	for i := range 1500 {
		b := append([]byte(nil), graph...)
		for range 1 + r.IntN(8) {
			b[r.IntN(len(b))] = byte(r.Uint32())
		}
		if i%3 == 0 {
			b = b[:r.IntN(len(b))]
		}
		m, err := savedmodel.Parse(b)
		if err != nil {
			continue
		}
		g, err := checkGraph(m)
		if err != nil || g.checkSignatures(e) != nil {
			continue
		}
		passed++
		for _, fn := range m.Functions {
			for _, n := range fn.Nodes {
				if !allowed[n.Op] && !saverOps[n.Op] {
					t.Fatalf("operation %q passed", n.Op)
				}
			}
		}
	}
	t.Logf("%d of 1500 mutations of %d bytes passed: changes of constants and names", passed, len(graph))
}

// TestAllowList holds that the list has nothing that could be taken for
// reaching out of the graph.
func TestAllowList(t *testing.T) {
	if len(allowed) < 300 {
		t.Errorf("%d operations", len(allowed))
	}
	for op := range allowed {
		for _, part := range []string{"File", "Save", "Restore", "PyFunc", "Dataset", "Iterator", "Debug", "Print", "Summary", "Remote", "Queue", "Send", "Recv", "Collective", "Decode", "Proto", "Session", "Host", "TPU"} {
			if strings.Contains(op, part) && !strings.HasPrefix(op, "UnicodeDecode") {
				t.Errorf("%s is allowed", op)
			}
		}
	}
}
