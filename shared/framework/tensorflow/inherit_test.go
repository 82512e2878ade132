package tensorflow_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/frameworktest"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestGoesOnAsKeras trains on some records, then a model that takes that one's
// weights on others, and holds the second training against Keras' fit after fit: in
// the same model, which drops out or normalizes batches, with another learning rate,
// with layers frozen, and by another optimizer.
func TestGoesOnAsKeras(t *testing.T) {
	names := []string{"dense-same", "cnn-same", "dense-rate", "dense-frozen", "cnn-frozen", "dense-optimizer"}
	root, err := kept("onward", "testdata/onward.py", names...)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			parent, m := modelIn(t, root, name+"-parent"), modelIn(t, root, name)
			from := trainedFor(t, parent, !strings.HasSuffix(name, "same"))
			tr := m.Open(t, tensorflow.Framework{})
			state, err := tr.Inherit(from)
			if err != nil || (state != "") != strings.HasSuffix(name, "optimizer") {
				t.Fatalf("the state of the optimizer: %q, %v", state, err)
			}
			plan, got := m.Plan, map[string][]float64{}
			plan.Engine, plan.Inherits = kerasmodel.Graph, true
			_, err = tr.Fit(t.Context(), frameworktest.ArraysOf(tr, m.Training), plan, framework.Watch{Epoch: func(e pipeline.Epoch) {
				for metric, v := range e.Training {
					got[metric] = append(got[metric], v)
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			for metric, values := range m.History {
				for i, v := range values {
					same(t, fmt.Sprintf("%s[%d]", metric, i), got[metric][i], v, epochsWithin*max(1, math.Abs(v)))
				}
			}
			evaluated, err := tr.Evaluate(t.Context(), frameworktest.ArraysOf(tr, m.Training), plan.BatchSize, 0)
			if err != nil {
				t.Fatal(err)
			}
			for metric, v := range evaluatedBy(t, m.Dir) {
				same(t, "evaluated "+metric, evaluated[metric], v, within)
			}
			if strings.HasSuffix(name, "frozen") {
				keptFrozen(t, tr, from, m)
			}
		})
	}
	t.Run("engine chosen", func(t *testing.T) {
		chosenFromAncestor(t, modelIn(t, root, "dense-same-parent"), modelIn(t, root, "dense-same"))
	})
}

// keptFrozen holds that of the weights of the ancestor those of frozen layers are the
// same, bit by bit, and all others are not.
func keptFrozen(t *testing.T, tr framework.Trainer, from framework.Ancestor, m frameworktest.Model) {
	t.Helper()
	dir := t.TempDir()
	if err := tr.Save(dir); err != nil {
		t.Fatal(err)
	}
	before, after := weightsIn(t, from.Dir, from.Dir), weightsIn(t, dir, m.Dir)
	if len(before) != len(after) {
		t.Errorf("%d weights were frozen or trained, of %d", len(after), len(before))
	}
	for path, value := range after {
		frozen := strings.HasPrefix(path, "layers/conv2d/") || strings.HasPrefix(path, "layers/batch_normalization/") || strings.HasPrefix(path, "layers/dense/") && !strings.HasPrefix(m.Name, "cnn")
		if bytes.Equal(before[path], value) != frozen {
			t.Errorf("%s: frozen %v, but it was %x and is %x", path, frozen, before[path], value)
		}
	}
}

// weightsIn reads the weights of the .keras file in dir, which was exported in template.
func weightsIn(t *testing.T, dir, template string) map[string][]byte {
	t.Helper()
	places, err := kerasmodel.ReadVariables(template)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.OpenReader(filepath.Join(dir, kerasmodel.KerasFile))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	file, err := fs.ReadFile(z, "model.weights.h5")
	if err != nil {
		t.Fatal(err)
	}
	weights := map[string][]byte{}
	for _, p := range places {
		if p.Offset >= 0 && !strings.HasPrefix(p.Path, kerasmodel.OfOptimizer) {
			weights[p.Name()] = file[p.Offset : p.Offset+p.Bytes]
		}
	}
	return weights
}

// chosenFromAncestor holds that measuring engines leaves no trace in what a model
// has inherited.
func chosenFromAncestor(t *testing.T, parent, m frameworktest.Model) {
	from := trainedFor(t, parent, false)
	train := func(e pipeline.Engine) (string, framework.FitReport) {
		tr, plan := m.Open(t, tensorflow.Framework{}), m.Plan
		if _, err := tr.Inherit(from); err != nil {
			t.Fatal(err)
		}
		plan.Engine, plan.Inherits, plan.Epochs = e, true, 2200 // of 3 batches
		report, err := tr.Fit(t.Context(), frameworktest.ArraysOf(tr, m.Training), plan, framework.Watch{})
		if err != nil {
			t.Fatal(err)
		}
		hash, err := tr.WeightsHash()
		if err != nil {
			t.Fatal(err)
		}
		return hash, report
	}
	chosen, report := train(pipeline.Auto)
	if !strings.Contains(report.Reason, "of compiling") {
		t.Fatalf("nothing was measured: %+v", report)
	}
	if pinned, _ := train(report.Engine); pinned != chosen {
		t.Errorf("weights %s with the engine chosen (%s), %s with it pinned", chosen, report.Reason, pinned)
	}
}

// trainedFor trains a model in the graph and saves it, with the names of its
// variables where they are wanted.
func trainedFor(t *testing.T, m frameworktest.Model, named bool) framework.Ancestor {
	t.Helper()
	tr, plan := m.Open(t, tensorflow.Framework{}), m.Plan
	plan.Engine = kerasmodel.Graph
	if _, err := tr.Fit(t.Context(), frameworktest.ArraysOf(tr, m.Training), plan, framework.Watch{}); err != nil {
		t.Fatal(err)
	}
	a := framework.Ancestor{Dir: t.TempDir()}
	if err := tr.Save(a.Dir); err != nil {
		t.Fatal(err)
	}
	if named {
		a.From = &m.Export
		if err := os.CopyFS(filepath.Join(a.Dir, kerasmodel.Template), os.DirFS(filepath.Join(m.Dir, kerasmodel.Template))); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func evaluatedBy(t *testing.T, dir string) (m pipeline.Metrics) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "evaluated.json"))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}
