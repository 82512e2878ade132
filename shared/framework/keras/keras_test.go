package keras

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

const (
	imports = "import keras\nfrom keras import layers\nimport tensorflow as tf\n"
	small   = "model = keras.Sequential([keras.Input((4,)), layers.Dense(3, 'relu'), layers.Dense(2, 'softmax')])\n" +
		"model.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy'])\n"
)

// shared is one Worker for the tests that do no harm to it: a start takes
// seconds.
var shared struct {
	once   sync.Once
	worker *Worker
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.worker != nil {
		if err := shared.worker.Close(); err != nil {
			slog.Error("close the shared worker", "error", err)
			code = 1
		}
	}
	os.RemoveAll(sample.dir)
	os.Exit(code)
}

func sharedWorker(t *testing.T) *Worker {
	t.Helper()
	shared.once.Do(func() { shared.worker, shared.err = Start(context.Background(), options(t)) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.worker
}

func options(t *testing.T) Options {
	t.Helper()
	python, site, err := toolchain.Python()
	if err != nil {
		t.Fatal(err)
	}
	onnx, err := toolchain.ONNXPackages()
	if err != nil {
		t.Fatal(err)
	}
	optuna, err := toolchain.OptunaPackages()
	if err != nil {
		t.Fatal(err)
	}
	return Options{Python: python, SitePackages: site, ONNXPackages: onnx, StudyPackages: optuna}
}

// startWorker starts a Worker of the test's own.
func startWorker(t *testing.T, o Options) *Worker {
	t.Helper()
	w, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func TestExport(t *testing.T) {
	w := sharedWorker(t)
	if err := w.Health(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	e, err := w.Export(t.Context(), framework.Source{Imports: imports, Text: small + "print('héllo')\n"}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("a warm export of a small model took %v", time.Since(begun).Round(time.Millisecond))
	libraries := e.Libraries
	if e.Libraries = nil; e.Operations < 2*(4*3+3*2) {
		t.Errorf("%d operations", e.Operations)
	}
	e.Operations = 0
	want := pipeline.Export{
		Inputs:     []pipeline.Tensor{{Name: "input", DType: "float32", Shape: []int{4}}},
		Outputs:    []pipeline.Tensor{{Name: "output", DType: "float32", Shape: []int{2}}},
		Labels:     []pipeline.Tensor{{Name: "output", DType: "int32", Shape: []int{}}},
		Parameters: 23, TrainableParameters: 23,
		Layers: []pipeline.Layer{
			{Name: "dense", Class: "Dense", Output: "(None, 3)", Parameters: 15, Inputs: []string{"input_layer"}},
			{Name: "dense_1", Class: "Dense", Output: "(None, 2)", Parameters: 8, Inputs: []string{"dense"}},
		},
		Loss: "sparse_categorical_crossentropy", Optimizer: "Adam", Metrics: []string{"loss", "accuracy"},
		Task: pipeline.Classification, Classes: 2, Weighted: true, Printed: "héllo\n",
		Monitors:  map[string]pipeline.MetricMode{"loss": "min", "accuracy": "max", "val_loss": "min", "val_accuracy": "max"},
		Variables: "wwwworoooooooo",
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"python", "tensorflow", "keras", "numpy"} {
		if libraries[name] == "" {
			t.Errorf("no version of %s in %v", name, libraries)
		}
	}
}
