package keras

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/savedmodel"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// zoo is every source under testdata/zoo; between them they use all of Keras'
// optimizers, losses and schedules and most layers.
func zoo(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("testdata/zoo/*.py")
	if err != nil || len(files) == 0 {
		t.Fatal("no models", err)
	}
	models := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		models[strings.TrimSuffix(filepath.Base(f), ".py")] = string(text)
	}
	return models
}

// withoutONNX are the families that have no ONNX form, and why. All others have one.
var withoutONNX = map[string]string{
	"adapted":         "StringLookup has no ONNX form",
	"custom_layer":    "the layer wild (Wild) draws random numbers where the model predicts (RandomStandardNormal)",
	"generator":       "the layer sample (Sample) draws random numbers where the model predicts (StatelessRandomGetKeyCounter)",
	"keras_ops":       "the operation Svd of the layer ops has no ONNX form",
	"mixed_precision": "the layer dense_1 (Dense) computes in bfloat16, which ONNX Runtime rounds otherwise",
	"preprocessed":    "IntegerLookup has no ONNX form",
	"text":            "StringLookup has no ONNX form",
}

// draws counts the random draws in what XLA compiles of an export, and those that
// leave the algorithm open, on which XLA spends 100 times as long.
func draws(t *testing.T, dir string) (left, all int) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "model", "saved_model.pb"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := savedmodel.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	var count func(name string)
	count = func(name string) {
		f := m.Functions[name]
		if f == nil || seen[name] {
			return
		}
		seen[name] = true
		for _, n := range f.Nodes {
			switch {
			case n.Op == "StatelessRandomGetKeyCounter":
				left++
			case strings.HasPrefix(n.Op, "StatelessRandom"):
				all++
			}
			for _, a := range n.Attrs {
				for _, called := range a.Calls {
					count(called)
				}
			}
		}
	}
	for name, f := range m.Functions {
		if _, compiled := f.Attrs["_XlaMustCompile"]; compiled {
			count(name)
		}
	}
	return left, all
}

// converted are the families that are converted to TFLite in the short form of
// TestZoo: a kind of layers each, and one without such a form. KAFKAML_LONG=1
// converts all.
var converted = []string{"convolutions", "lstm", "several_inputs", "text"}

// TestZoo exports and verifies every family of models. It fails where Keras
// uses an operation that the allow list lacks, and where a family has no ONNX or
// TFLite form that should have one.
func TestZoo(t *testing.T) {
	w, long := sharedWorker(t), os.Getenv("KAFKAML_LONG") != ""
	for name, source := range zoo(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			e, err := w.Export(t.Context(), framework.Source{Imports: imports, Text: source}, dir)
			if err != nil {
				t.Fatal(err)
			}
			if e.NoONNX != withoutONNX[name] {
				t.Errorf("no ONNX form: %q, want %q", e.NoONNX, withoutONNX[name])
			}
			if _, err := os.Stat(filepath.Join(dir, onnxmodel.Open.Path)); (err == nil) != (e.NoONNX == "") {
				t.Errorf("%s: %v, and the reason is %q", onnxmodel.Open.Path, err, e.NoONNX)
			}
			if left, all := draws(t, dir); left > 0 || name == "convolutions" && all == 0 {
				t.Errorf("of %d random draws in what XLA compiles, %d leave the algorithm open", all, left)
			}
			if len(e.Layers) == 0 || e.Parameters == 0 || len(e.Metrics) == 0 || e.Metrics[0] != "loss" {
				t.Errorf("description is thin: %+v", e)
			}
			if !long && !slices.Contains(converted, name) {
				return
			}
			c := framework.Conversion{Form: pipeline.FormatKey{Name: pipeline.TFLite}, Dir: asTrained(t, dir), Export: e}
			got, err := w.Convert(t.Context(), c, filepath.Join(dir, "converted"))
			if reason := reasonWithout(t, err); reason != withoutTFLite[name] {
				t.Errorf("no TFLite form: %q, want %q", reason, withoutTFLite[name])
			} else if reason == "" && len(got.Inputs) != len(e.Inputs) {
				t.Errorf("the inputs are %+v", got.Inputs)
			}
		})
	}
}
