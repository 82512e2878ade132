package keras

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxmodel"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxtest"
)

// TestConversionThatEnds holds that a model is taken whatever becomes of its conversion.
func TestConversionThatEnds(t *testing.T) {
	w := sharedWorker(t)
	cases := map[string]struct{ write, says string }{
		"is killed":        {"os.kill(os.getpid(), 9)", "^its conversion took too much memory or time and was ended$"},
		"takes for ever":   {"while True: pass", "^its conversion takes more than 0.1 s of processor time$"},
		"leaves no file":   {"return ''", "^the export is not complete$"},
		"leaves no graph":  {"os.mkdir('export/onnx'); open(path, 'wb').write(b'garbage'); return ''", "^the ONNX graph is refused: "},
		"says much":        {"return 'a\\n\\x1b[2J' + 'b' * 1_000_000", `^a \[2Jb{400,500}$`},
		"says other lines": {"os.write(3, b'{}\\n'); return ''", "interfered with the process"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			source := "import child, onnx_form\nchild._CONVERSION = 0.1\ndef write(_, path):\n    " + c.write + "\nonnx_form.write = write\n" + small
			e, err := w.Export(t.Context(), framework.Source{Imports: imports + prelude, Text: source}, dir)
			if err != nil { // it wrote more than a child may
				e.NoONNX = err.Error()
			}
			if !regexp.MustCompile(c.says).MatchString(e.NoONNX) || (err != nil) != (name == "says other lines") {
				t.Errorf("no ONNX form: %q, %v, want %q", e.NoONNX, err, c.says)
			}
			if _, err := os.Stat(filepath.Join(dir, onnxmodel.Open.Path)); err == nil {
				t.Error("a graph is left")
			}
		})
	}
}

// TestONNXForms converts small models of what is particular in conversion, and
// has onnx's own evaluator run them beside Keras.
func TestONNXForms(t *testing.T) {
	t.Parallel()
	const fits = 1e-5
	reasons := map[string]string{
		"same name":           "the input a has the name of an output or of a weight",
		"remembers":           "the model changes its own variables where it predicts, which an ONNX graph does not",
		"checks":              "the layer own (Layer) refuses records by their values (Assert), which an ONNX graph does not",
		"bicubic":             "Resizing has no ONNX form",
		"boundaries to learn": "Discretization has no ONNX form where the training adapts it",
	}
	o := options(t)
	var said map[string]struct {
		Reason     string
		Difference *float64
	}
	printed(t, o, &said, "testdata/onnx_forms.py", "worker", o.SitePackages, o.ONNXPackages)
	if len(said) <= len(reasons) {
		t.Fatalf("%d models", len(said))
	}
	for name, got := range said {
		if got.Reason != reasons[name] {
			t.Errorf("%s has no ONNX form: %q, want %q", name, got.Reason, reasons[name])
		}
		if got.Difference != nil && !(*got.Difference <= fits) {
			t.Errorf("%s differs by %g", name, *got.Difference)
		}
	}
}

// TestForgedONNX puts what is no graph of the model into the place of its ONNX
// form: the model is taken, that is not, and nothing is followed.
func TestForgedONNX(t *testing.T) {
	dir, e := exported(t)
	graph := filepath.Join(dir, onnxmodel.Open.Path)
	real, err := os.ReadFile(graph)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.WriteFile(elsewhere, real, 0o600); err != nil {
		t.Fatal(err)
	}
	const noFile, noGraph = "^the export (is not complete|holds something that is not a plain file of at most 64 MiB)$", "^the ONNX graph is refused: "
	cases := map[string]struct {
		make func(path string) error
		says string
	}{
		"the graph itself": {func(path string) error { return os.WriteFile(path, real, 0o600) }, "^$"},
		"link":             {func(path string) error { return os.Symlink(elsewhere, path) }, noFile},
		"second name":      {func(path string) error { return os.Link(elsewhere, path) }, noFile},
		"pipe":             {func(path string) error { return syscall.Mkfifo(path, 0o600) }, noFile},
		"folder":           {func(path string) error { return os.Mkdir(path, 0o700) }, noFile},
		"huge file": {func(path string) error {
			if err := os.WriteFile(path, real, 0o600); err != nil {
				return err
			}
			return os.Truncate(path, maxONNX+1)
		}, noFile},
		"garbage":          {func(path string) error { return os.WriteFile(path, []byte("garbage"), 0o600) }, noGraph},
		"half of it":       {func(path string) error { return os.WriteFile(path, real[:len(real)/2], 0o600) }, noGraph},
		"nothing":          {func(path string) error { return os.WriteFile(path, nil, 0o600) }, noGraph},
		"a file elsewhere": {func(path string) error { return os.WriteFile(path, external(), 0o600) }, "keeps its values in another file"},
		"other weights": {func(path string) error {
			return os.WriteFile(path, bytes.ReplaceAll(real, []byte("v000"), []byte("v999")), 0o600)
		}, noGraph},
		"other inputs": {func(path string) error {
			return os.WriteFile(path, bytes.ReplaceAll(real, []byte("input"), []byte("inptu")), 0o600)
		}, noGraph},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			scratch, to, e := t.TempDir(), t.TempDir(), deepCopy(t, e)
			place := filepath.Join(scratch, "export", "onnx")
			if err := os.CopyFS(filepath.Join(scratch, "export"), os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(scratch, "export", onnxmodel.Open.Path)); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(place, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := c.make(filepath.Join(place, onnxmodel.Open.Path)); err != nil {
				t.Fatal(err)
			}
			if err := collect(scratch, to, &e); err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(c.says).MatchString(e.NoONNX) {
				t.Errorf("no ONNX form: %q, want %q", e.NoONNX, c.says)
			}
			if _, err := fs.Stat(os.DirFS(to), onnxmodel.Open.Path); (err == nil) != (e.NoONNX == "") {
				t.Errorf("the graph is there: %v", err)
			}
			if err := Verify(to, e); err != nil {
				t.Error(err)
			}
		})
	}
}

// external is a graph of the sample's inputs and outputs whose kernel lies in another file.
func external() []byte {
	at := onnxtest.Bytes(onnxtest.Bytes(nil, 1, []byte("location")), 2, []byte("/etc/passwd"))
	return onnxtest.Model{Graph: onnxtest.Graph{
		Nodes:        []onnxtest.Node{{Op: "MatMul", In: []string{"input", "kernel"}, Out: []string{"output"}}},
		Initializers: []onnxtest.Tensor{{Name: "kernel", DType: onnxtest.Float32, Dims: []int64{4, 2}, Extra: onnxtest.Number(onnxtest.Bytes(nil, 13, at), 14, 1)}},
		Inputs:       []onnxtest.Value{{Name: "input", DType: onnxtest.Float32, Dims: []int64{-1, 4}}},
		Outputs:      []onnxtest.Value{{Name: "output", DType: onnxtest.Float32, Dims: []int64{-1, 2}}},
	}}.Encode()
}

// printed runs a script of the tests and reads the JSON that it prints into said.
func printed(t *testing.T, o Options, said any, script string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), o.Python, append([]string{"-I", "-S", "-B", script}, args...)...)
	c.Env = append(os.Environ(), "TF_CPP_MIN_LOG_LEVEL=3")
	var wrong bytes.Buffer
	c.Stderr = &wrong
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, wrong.Bytes())
	}
	if err := json.Unmarshal(out, said); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
