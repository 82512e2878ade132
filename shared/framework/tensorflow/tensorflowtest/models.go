// Package tensorflowtest exports small Keras models with the real exporter,
// for the tests of what runs them.
package tensorflowtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// Model is an exported model and what Keras says of a few records.
type Model struct {
	Dir     string // holds model/ and keras/, and open.onnx where it has that form
	Export  pipeline.Export
	Inputs  map[string][]json.RawMessage // by name, one nested array a record
	Outputs map[string][]json.RawMessage
}

// SavedModel is the folder that TensorFlow loads.
func (m Model) SavedModel() string { return filepath.Join(m.Dir, "model") }

// Flat gives the numbers of a nested array, row-major.
func Flat(t testing.TB, nested json.RawMessage) []float64 {
	t.Helper()
	var parts []json.RawMessage
	if json.Unmarshal(nested, &parts) == nil {
		var all []float64
		for _, p := range parts {
			all = append(all, Flat(t, p)...)
		}
		return all
	}
	var v float64
	if err := json.Unmarshal(nested, &v); err != nil {
		t.Fatalf("%s is not a number: %v", nested, err)
	}
	return []float64{v}
}

// Texts gives the texts of an array that is not nested, or the one text.
func Texts(t testing.TB, array json.RawMessage) (all []string) {
	t.Helper()
	var one string
	if json.Unmarshal(array, &one) == nil {
		return []string{one}
	}
	if err := json.Unmarshal(array, &all); err != nil {
		t.Fatalf("%s is not an array of texts: %v", array, err)
	}
	return all
}

// Load gives a model of models.py by its name: small, mnist, cnn, convolved, several, words, fatal,
// sequence, distance, own_classes, structured, review, letters, worded, noisy. The first call on
// a machine exports them all, in some seconds; they are kept in the temporary
// folder until the exporter changes.
func Load(t testing.TB, name string) Model {
	t.Helper()
	m := Model{Dir: filepath.Join(exported(t), name)}
	read(t, filepath.Join(m.Dir, "export.json"), &m.Export)
	var records struct {
		Inputs, Outputs map[string][]json.RawMessage
	}
	read(t, filepath.Join(m.Dir, "records.json"), &records)
	m.Inputs, m.Outputs = records.Inputs, records.Outputs
	return m
}

func read(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func exported(t testing.TB) string {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	here := filepath.Dir(file)
	worker := filepath.Join(here, "..", "..", "keras", "worker")
	dir := filepath.Join(os.TempDir(), "kafkaml-test-models-"+digest(t, filepath.Join(here, "models.py"), worker))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	python, site, err := toolchain.Python()
	if err != nil {
		t.Fatal(err)
	}
	onnx, err := toolchain.ONNXPackages()
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(os.TempDir(), "kafkaml-test-models-")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, filepath.Join(here, "models.py"), worker, fresh) // #nosec G204 -- our own script
	cmd.Env = append(os.Environ(), "PYTHONPATH="+site+string(os.PathListSeparator)+onnx, "TF_CPP_MIN_LOG_LEVEL=3", "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("export the models: %v\n%s", err, out)
	}
	if err := os.Rename(fresh, dir); err != nil { // another test was first: its models are the same
		_ = os.RemoveAll(fresh)
	}
	return dir
}

// digest names what the models depend on: the script and the exporter.
func digest(t testing.TB, script, worker string) string {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(worker, "*.py"))
	if err != nil {
		t.Fatal(err)
	}
	sources = append(sources, script)
	slices.Sort(sources)
	h := sha256.New()
	for _, s := range sources {
		b, err := os.ReadFile(s)
		if err != nil {
			t.Fatal(err)
		}
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
