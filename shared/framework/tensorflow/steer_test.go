package tensorflow_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/frameworktest"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// stopped is what stopping.py says of a training.
type stopped struct {
	EarlyStopping json.RawMessage `json:"early_stopping"`
	ReduceLR      json.RawMessage `json:"reduce_lr_on_plateau"`
	Stopped, Best int
	Evaluated     map[string]float64
}

// How far a number may be from Keras': of the model that is kept, and, relative to
// it, of the epochs before, where sums that are rounded in another order add up.
const (
	within       = 1e-6
	epochsWithin = 1e-4
)

// TestStopsAsKeras trains under callbacks and holds the epochs, the learning
// rates, the end, and what the restored model is worth against Keras: two
// trainings, with KAFKAML_LONG=1 three models from five seeds each.
func TestStopsAsKeras(t *testing.T) {
	names, kind := []string{"dense-1", "lstm-2"}, "stopping-short"
	if os.Getenv("KAFKAML_LONG") != "" {
		names, kind = nil, "stopping"
		for seed := range 5 {
			for _, family := range []string{"dense", "cnn", "lstm"} {
				names = append(names, fmt.Sprintf("%s-%d", family, seed+1))
			}
		}
	}
	root, err := kept(kind, "testdata/stopping.py", names...)
	if err != nil {
		t.Fatal(err)
	}
	early := 0
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			if stopsAsKeras(t, root, name) {
				early++
			}
		})
	}
	if early == 0 {
		t.Error("no training was stopped early")
	}
}

func stopsAsKeras(t *testing.T, root, name string) (early bool) {
	m := modelIn(t, root, name)
	want := readStopped(t, filepath.Join(root, name, "callbacks.json"))
	kwargs, err := kerasmodel.Kind().Settings.Fit(fmt.Appendf(nil, `{"epochs":%d,"early_stopping":%s,"reduce_lr_on_plateau":%s}`, m.Plan.Epochs, want.EarlyStopping, want.ReduceLR))
	if err != nil {
		t.Fatal(err)
	}
	tr := m.Open(t, tensorflow.Framework{})
	held, plan := frameworktest.ArraysOf(tr, m.Held), m.Plan
	plan.Validation, plan.Engine, plan.EarlyStopping, plan.ReduceLR = held, kerasmodel.Graph, kwargs.EarlyStopping, kwargs.ReduceLR
	got := map[string][]float64{}
	report, err := tr.Fit(t.Context(), frameworktest.ArraysOf(tr, m.Training), plan, framework.Watch{Epoch: func(e pipeline.Epoch) {
		for metric, v := range e.Training {
			got[metric] = append(got[metric], v)
		}
		for metric, v := range e.Validation {
			got["val_"+metric] = append(got["val_"+metric], v)
		}
		if kwargs.ReduceLR != nil {
			got["learning_rate"] = append(got["learning_rate"], e.LearningRate)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if s := report.Stopping; s.StoppedEpoch != want.Stopped || s.BestEpoch != want.Best || !s.Restored {
		t.Errorf("%+v, Keras stops at %d, its best epoch is %d", s, want.Stopped, want.Best)
	}
	for metric, values := range m.History {
		if len(got[metric]) != len(values) {
			t.Fatalf("%s of %d epochs, Keras has %d", metric, len(got[metric]), len(values))
		}
		for i, v := range values {
			same(t, fmt.Sprintf("%s[%d]", metric, i), got[metric][i], v, epochsWithin*max(1, math.Abs(v)))
		}
	}
	evaluated, err := tr.Evaluate(t.Context(), held, plan.BatchSize, 0)
	if err != nil {
		t.Fatal(err)
	}
	for metric, v := range want.Evaluated {
		same(t, "evaluated "+metric, evaluated[metric], v, within)
	}
	return want.Stopped > 0
}

// TestGoesOnFromACheckpoint trains on from states between epochs, of a model that
// drops out and of one whose variables are averaged, both under callbacks: the
// weights are those of the training that went through.
func TestGoesOnFromACheckpoint(t *testing.T) {
	names := []string{"dense-1", "lstm-2"}
	root, err := kept("stopping-short", "testdata/stopping.py", names...)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			m := modelIn(t, root, name)
			said := readStopped(t, filepath.Join(root, name, "callbacks.json"))
			states := map[int][]byte{}
			want := trainFrom(t, m, said, nil, states)
			if len(states) < 4 {
				t.Fatalf("%d states", len(states))
			}
			for epoch, state := range states {
				if epoch == len(states)/2+1 {
					if got := trainFrom(t, m, said, state, map[int][]byte{}); got != want {
						t.Errorf("from epoch %d: %s, went through: %s", epoch, got, want)
					}
				}
			}
			other := modelIn(t, root, names[(slices.Index(names, name)+1)%2])
			tr, plan := other.Open(t, tensorflow.Framework{}), other.Plan
			plan.From, plan.Checkpointed, plan.Engine = states[1], true, kerasmodel.Graph
			if _, err := tr.Fit(t.Context(), frameworktest.ArraysOf(tr, other.Training), plan, framework.Watch{}); !errors.Is(err, framework.ErrForeign) {
				t.Errorf("the state of another model: %v", err)
			}
		})
	}
}

// trainFrom trains from a state to the end, and gives the hash of the weights.
func trainFrom(t *testing.T, m frameworktest.Model, said stopped, from []byte, states map[int][]byte) string {
	t.Helper()
	kwargs, err := kerasmodel.Kind().Settings.Fit(fmt.Appendf(nil, `{"early_stopping":%s,"reduce_lr_on_plateau":%s}`, said.EarlyStopping, said.ReduceLR))
	if err != nil {
		t.Fatal(err)
	}
	kwargs.EarlyStopping.Patience = 8
	tr, plan := m.Open(t, tensorflow.Framework{}), m.Plan
	plan.Validation, plan.Engine, plan.EarlyStopping, plan.ReduceLR = frameworktest.ArraysOf(tr, m.Held), kerasmodel.Graph, kwargs.EarlyStopping, kwargs.ReduceLR
	plan.From, plan.Checkpointed, plan.StepsPerEpoch = from, true, 5
	_, err = tr.Fit(t.Context(), frameworktest.ArraysOf(tr, m.Training), plan, framework.Watch{Checkpoint: func(epoch int, state func() ([]byte, error)) {
		if states[epoch], err = state(); err != nil {
			t.Error(err)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := tr.WeightsHash()
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func same(t *testing.T, name string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s is %v, Keras has %v", name, got, want)
	}
}

func readStopped(t *testing.T, file string) (s stopped) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	return s
}
