package tensorflow_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/frameworktest"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/framework/onnx"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// python runs a script with the toolchain's Keras.
func python(args ...string) ([]byte, error) {
	interpreter, site, err := toolchain.Python()
	if err != nil {
		return nil, err
	}
	packages, err := toolchain.ONNXPackages()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(interpreter, args...)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+site+string(os.PathListSeparator)+packages, "PYTHONDONTWRITEBYTECODE=1", "TF_CPP_MIN_LOG_LEVEL=3")
	return cmd.CombinedOutput()
}

// fitArguments are those of equality.py.
type fitArguments struct {
	BatchSize       int             `json:"batch_size"`
	Epochs          int             `json:"epochs"`
	InitialEpoch    int             `json:"initial_epoch"`
	StepsPerEpoch   int             `json:"steps_per_epoch"`
	ValidationSteps int             `json:"validation_steps"`
	ValidationFreq  int             `json:"validation_freq"`
	ClassWeight     map[int]float64 `json:"class_weight"`
}

// family is one of the families.
func family(t testing.TB, name string) frameworktest.Model {
	t.Helper()
	root, err := families()
	if err != nil {
		t.Fatal(err)
	}
	return modelIn(t, root, name)
}

// modelIn is a model that equality.py left in a folder.
func modelIn(t testing.TB, root, name string) frameworktest.Model {
	t.Helper()
	dir := filepath.Join(root, name)
	column := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name+".bin"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	m := frameworktest.Model{
		Name: name, Dir: dir, Engines: []pipeline.Engine{kerasmodel.Graph},
		Training: column, Held: func(name string) []byte { return column("v" + name) },
	}
	if slices.Contains([]string{"cnn", "lstm", "outputs", "custom_step", "averaged"}, name) { // compiling takes seconds, and needs a second pass over the records
		m.Engines = append(m.Engines, kerasmodel.XLA)
	}
	var fit fitArguments
	for name, into := range map[string]any{"export.json": &m.Export, "fit.json": &fit, "history.json": &m.History, "predict.json": &m.Outputs} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatal(name, err)
		}
	}
	m.Plan = framework.Plan{
		BatchSize: fit.BatchSize, Epochs: fit.Epochs, InitialEpoch: fit.InitialEpoch, StepsPerEpoch: fit.StepsPerEpoch,
		ClassWeight: fit.ClassWeight, ValidationSteps: fit.ValidationSteps, ValidationFreq: fit.ValidationFreq,
	}
	return m
}

// TestFramework trains every family in the graph, and some under XLA, and holds
// them against Keras.
func TestFramework(t *testing.T) {
	root, err := families()
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := filepath.Glob(filepath.Join(root, "*"))
	if err != nil {
		t.Fatal(err)
	}
	subject := frameworktest.Subject{Framework: tensorflow.Framework{}, Models: []frameworktest.Model{family(t, "dense")}, Servers: framework.Frameworks{onnx.Framework{}}}
	for _, dir := range dirs {
		if name := filepath.Base(dir); name != "dense" {
			subject.Models = append(subject.Models, family(t, name))
		}
	}
	if len(subject.Models) < 13 {
		t.Errorf("only %d families", len(subject.Models))
	}
	frameworktest.Exercise(t, subject)
}

// noNumbers is a split whose first column is NaN.
type noNumbers struct{ framework.Split }

func (s noNumbers) Read(ctx context.Context, pass int, first int64, n int, dst [][]byte) error {
	err := s.Split.Read(ctx, pass, first, n, dst)
	for b := dst[0]; len(b) >= 4; b = b[4:] {
		binary.LittleEndian.PutUint32(b, math.Float32bits(float32(math.NaN())))
	}
	return err
}

// TestUnsoundWeights holds that weights of NaN are found, those of the model and
// not of its optimizer.
func TestUnsoundWeights(t *testing.T) {
	m := family(t, "dense")
	tr, plan := m.Open(t, tensorflow.Framework{}), m.Plan
	plan.Engine = kerasmodel.Graph
	if _, err := tr.Fit(t.Context(), noNumbers{frameworktest.ArraysOf(tr, m.Training)}, plan, framework.Watch{}); err != nil {
		t.Fatal(err)
	}
	if weights, err := tr.Unsound(); !strings.HasPrefix(weights, "layers/") || strings.Contains(weights, "vars") || err != nil {
		t.Errorf("the weights of %q: %v", weights, err)
	}
}

// TestChoiceLeavesNoTrace compares the weights of a training whose engine was
// chosen, by measuring where the steps would repay it, with those of one whose
// engine was pinned.
func TestChoiceLeavesNoTrace(t *testing.T) {
	train := func(m frameworktest.Model, steps int, e pipeline.Engine) (string, []pipeline.Stage, framework.FitReport) {
		tr, p := m.Open(t, tensorflow.Framework{}), m.Plan
		p.Engine, p.StepsPerEpoch, p.Epochs = e, 0, max(p.Epochs, steps/7) // of 7 batches each
		var stages []pipeline.Stage
		watch := framework.Watch{Stage: func(s pipeline.Stage) { stages = append(stages, s) }}
		report, err := tr.Fit(t.Context(), frameworktest.ArraysOf(tr, m.Training), p, watch)
		if err != nil {
			t.Fatal(err)
		}
		hash, err := tr.WeightsHash()
		if err != nil {
			t.Fatal(err)
		}
		return hash, stages, report
	}
	cases := []struct {
		family string
		steps  int
		stages []pipeline.Stage
	}{{"cnn", 0, nil}, {"dense", 6_500, []pipeline.Stage{pipeline.StageChoosingEngine, pipeline.StageTraining}}}
	for _, c := range cases {
		t.Run(c.family, func(t *testing.T) {
			m := family(t, c.family)
			chosen, stages, report := train(m, c.steps, pipeline.Auto)
			if c.steps > 0 && !strings.Contains(report.Reason, "of compiling") || !slices.Equal(stages, c.stages) {
				t.Errorf("stages %v, %+v", stages, report)
			}
			if pinned, _, _ := train(m, c.steps, report.Engine); pinned != chosen {
				t.Errorf("weights %s with the engine chosen (%s), %s with it pinned", chosen, report.Reason, pinned)
			}
		})
	}
}

func TestFitRefusesClassWeights(t *testing.T) {
	cases := []struct{ name, family string }{
		{"under XLA", "weighted"},
		{"of several outputs", "outputs"},
		{"of a train_step without weights", "custom_step"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := family(t, c.family)
			tr, p := m.Open(t, tensorflow.Framework{}), m.Plan
			p.ClassWeight, p.Engine = map[int]float64{0: 1}, kerasmodel.Graph
			if c.family == "weighted" {
				p.Engine = kerasmodel.XLA
			}
			if _, err := tr.Fit(t.Context(), frameworktest.ArraysOf(tr, m.Training), p, framework.Watch{}); err == nil {
				t.Error("no error")
			}
		})
	}
}
