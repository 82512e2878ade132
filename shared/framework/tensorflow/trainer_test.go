package tensorflow_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// families are model families trained by Keras' own fit in this run of the
// tests; see testdata/equality.py.
var families = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "families-")
	if err != nil {
		return "", err
	}
	out, err := python("testdata/equality.py", "../keras/worker", dir)
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := families(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// python runs a script with the toolchain's Keras.
func python(args ...string) ([]byte, error) {
	interpreter, site, err := toolchain.Python()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(interpreter, args...)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+site, "PYTHONDONTWRITEBYTECODE=1", "TF_CPP_MIN_LOG_LEVEL=3")
	return cmd.CombinedOutput()
}

// arrays are samples in memory, in the trainer's own types.
type arrays struct {
	columns [][]byte // inputs, then labels
	bytes   []int    // of one record
}

func (a arrays) Len() int64 { return int64(len(a.columns[0]) / a.bytes[0]) }

func (a arrays) Read(_ context.Context, _ int, first int64, n int, dst [][]byte) error {
	for i, c := range a.columns {
		copy(dst[i], c[int(first)*a.bytes[i]:(int(first)+n)*a.bytes[i]])
	}
	return nil
}

// family is one of the families: its export, arrays, and what Keras made.
type family struct {
	dir     string
	export  pipeline.Export
	fit     fitArguments
	history map[string][]float64
	predict [][]float64
}

type fitArguments struct {
	BatchSize       int             `json:"batch_size"`
	Epochs          int             `json:"epochs"`
	InitialEpoch    int             `json:"initial_epoch"`
	StepsPerEpoch   int             `json:"steps_per_epoch"`
	ValidationSteps int             `json:"validation_steps"`
	ValidationFreq  int             `json:"validation_freq"`
	ClassWeight     map[int]float64 `json:"class_weight"`
}

func loadFamily(t testing.TB, dir string) family {
	t.Helper()
	f := family{dir: dir}
	for name, into := range map[string]any{
		"export.json": &f.export, "fit.json": &f.fit, "history.json": &f.history, "predict.json": &f.predict,
	} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatal(name, err)
		}
	}
	return f
}

func (f family) open(t testing.TB) *tensorflow.Trainer {
	t.Helper()
	tr, err := tensorflow.OpenTrainer(framework.TrainerOptions{
		Dir: f.dir, Export: f.export, Inputs: asStored(t, f.export.Inputs), Labels: asStored(t, f.export.Labels),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

func asStored(t testing.TB, want []pipeline.Tensor) []codec.Tensor {
	t.Helper()
	var out []codec.Tensor
	for _, w := range want {
		d, err := codec.ParseDType(w.DType)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, codec.Tensor{Name: w.Name, DType: d, Shape: w.Shape})
	}
	return out
}

// samples reads x0.bin .. y0.bin ..; prefix "v" is the validation split.
func (f family) samples(t testing.TB, tr *tensorflow.Trainer, prefix string) arrays {
	t.Helper()
	var a arrays
	for _, c := range tr.Columns() {
		b, err := os.ReadFile(filepath.Join(f.dir, prefix+c.Name+".bin"))
		if err != nil {
			t.Fatal(err)
		}
		a.columns, a.bytes = append(a.columns, b), append(a.bytes, c.Bytes())
	}
	return a
}

func (f family) plan(val framework.Split, e pipeline.Engine) framework.Plan {
	return framework.Plan{
		BatchSize: f.fit.BatchSize, Epochs: f.fit.Epochs, InitialEpoch: f.fit.InitialEpoch,
		StepsPerEpoch: f.fit.StepsPerEpoch, ClassWeight: f.fit.ClassWeight,
		Validation: val, ValidationSteps: f.fit.ValidationSteps, ValidationFreq: f.fit.ValidationFreq, Engine: e,
	}
}

// TestFitEqualsKeras trains every family in the graph and under XLA and holds
// each epoch's numbers, and the trained model's predictions, against Keras'.
func TestFitEqualsKeras(t *testing.T) {
	root, err := families()
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := filepath.Glob(filepath.Join(root, "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatal(dirs, err)
	}
	for _, dir := range dirs {
		f, name := loadFamily(t, dir), filepath.Base(dir)
		t.Run(name+"/graph", func(t *testing.T) { f.equal(t, kerasmodel.Graph) })
		if slices.Contains([]string{"dense", "cnn", "lstm", "outputs", "custom_step", "averaged"}, name) { // compiling takes seconds
			t.Run(name+"/xla", func(t *testing.T) { f.equal(t, kerasmodel.XLA) })
		}
	}
}

func (f family) equal(t *testing.T, engine pipeline.Engine) {
	tr := f.open(t)
	var epochs []pipeline.Epoch
	val := f.samples(t, tr, "v")
	_, err := tr.Fit(t.Context(), f.samples(t, tr, ""), f.plan(val, engine), framework.Watch{Epoch: func(e pipeline.Epoch) { epochs = append(epochs, e) }})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]float64{}
	for _, e := range epochs {
		for name, v := range e.Training {
			got[name] = append(got[name], v)
		}
		for name, v := range e.Validation {
			got["val_"+name] = append(got["val_"+name], v)
		}
	}
	for name, want := range f.history {
		near(t, name, got[name], want)
	}
	if len(got) != len(f.history) {
		t.Errorf("metrics %v, Keras has %v", got, f.history)
	}
	outputs := make([][]float64, len(f.predict))
	err = tr.Predict(t.Context(), val, func(p framework.Predicted) error {
		for i, o := range p.Outputs {
			v, err := codec.Floats(o.Data, o.DType)
			if err != nil {
				return err
			}
			outputs[i] = append(outputs[i], v...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range outputs {
		near(t, fmt.Sprint("output ", i), outputs[i], f.predict[i])
	}
}

func near(t *testing.T, name string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, Keras has %d", name, len(got), len(want))
		return
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= 1e-4*max(1, math.Abs(want[i]))) {
			t.Errorf("%s[%d] = %v, Keras has %v", name, i, got[i], want[i])
		}
	}
}

// TestFitIsDeterministic trains twice and compares every variable. A choice
// that measured the engines first must have left no trace.
func TestFitIsDeterministic(t *testing.T) {
	root, err := families()
	if err != nil {
		t.Fatal(err)
	}
	hash := func(family string, steps int, e pipeline.Engine) (string, framework.FitReport) {
		f := loadFamily(t, filepath.Join(root, family))
		tr := f.open(t)
		p := f.plan(nil, e)
		p.StepsPerEpoch, p.Epochs = 0, max(p.Epochs, steps/7) // of 7 batches each
		report, err := tr.Fit(t.Context(), f.samples(t, tr, ""), p, framework.Watch{})
		if err != nil {
			t.Fatal(err)
		}
		hash, err := tr.WeightsHash()
		if err != nil {
			t.Fatal(err)
		}
		return hash, report
	}
	cases := []struct {
		family string
		steps  int
	}{{"cnn", 0}, {"dense", 16_000}}
	for _, c := range cases {
		t.Run(c.family, func(t *testing.T) {
			chosen, report := hash(c.family, c.steps, pipeline.Auto)
			if c.steps > 0 && !strings.Contains(report.Reason, "of compiling") {
				t.Errorf("nothing was measured: %+v", report)
			}
			if pinned, _ := hash(c.family, c.steps, report.Engine); pinned != chosen {
				t.Errorf("weights %s with the engine chosen (%s), %s with it pinned", chosen, report.Reason, pinned)
			}
		})
	}
}

func TestFitRefuses(t *testing.T) {
	root, err := families()
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name, family string
		spoil        func(*framework.Plan)
	}{
		{"class weights under XLA", "weighted", func(p *framework.Plan) { p.Engine = kerasmodel.XLA }},
		{"class weights of several outputs", "outputs", func(p *framework.Plan) { p.ClassWeight = map[int]float64{0: 1} }},
		{"class weights of a train_step without weights", "custom_step", func(p *framework.Plan) { p.ClassWeight = map[int]float64{0: 1} }},
		{"no epoch", "dense", func(p *framework.Plan) { p.InitialEpoch = p.Epochs }},
		{"no batch", "dense", func(p *framework.Plan) { p.BatchSize = 0 }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := loadFamily(t, filepath.Join(root, c.family))
			tr := f.open(t)
			p := f.plan(nil, kerasmodel.Graph)
			c.spoil(&p)
			if _, err := tr.Fit(t.Context(), f.samples(t, tr, ""), p, framework.Watch{}); err == nil {
				t.Error("no error")
			}
		})
	}
}

// TestFitEnds cancels a training between two epochs.
func TestFitEnds(t *testing.T) {
	root, err := families()
	if err != nil {
		t.Fatal(err)
	}
	f := loadFamily(t, filepath.Join(root, "dense"))
	tr := f.open(t)
	p := f.plan(nil, kerasmodel.Graph)
	p.Epochs = 1 << 30
	ctx, cancel := context.WithCancel(t.Context())
	_, err = tr.Fit(ctx, f.samples(t, tr, ""), p, framework.Watch{Epoch: func(e pipeline.Epoch) {
		if e.Epoch == 3 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
