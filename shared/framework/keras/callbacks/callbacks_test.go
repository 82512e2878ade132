package callbacks

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// decision is what decide.py writes of one training.
type decision struct {
	Stopping pipeline.EarlyStopping
	Plateau  pipeline.ReduceLR
	First    int // epochs before the first one
	Every    int // validation_freq
	Series   []*float64
	Rate     float64
	Rates    []float64 // after each epoch
	Weights  int       // the epoch that they are of at the end
	Stopped  int
	Best     int
}

// decisions are those of the callbacks of the installed Keras.
func decisions(t *testing.T) (all []decision) {
	t.Helper()
	python, site, err := toolchain.Python()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "decisions.json")
	cmd := exec.Command(python, "testdata/decide.py", out)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+site, "PYTHONDONTWRITEBYTECODE=1", "TF_CPP_MIN_LOG_LEVEL=3")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestDecidesAsKeras holds each decision over made-up epochs against Keras' own
// callbacks: ties, NaN, epochs without a validation, baselines, cooldowns.
func TestDecidesAsKeras(t *testing.T) {
	stopped, reduced := 0, 0
	for i, d := range decisions(t) {
		c, err := New(&d.Stopping, &d.Plateau, nil, true)
		if err != nil {
			t.Fatal(err)
		}
		rates := []float32{float32(d.Rate)}
		var got []float64
		best, last := 0, 0
		for k, v := range d.Series {
			e := epochOf(d, d.First+k+1, v)
			if i%2 == 1 { // as after a checkpoint
				known := c.State()
				if c, err = New(&d.Stopping, &d.Plateau, nil, true); err != nil {
					t.Fatal(err)
				}
				c.Resume(known)
			}
			verdict := c.Epoch(e, rates)
			got, last = append(got, float64(rates[0])), e.Epoch
			if verdict.Best {
				best = e.Epoch
			}
			if verdict.Stop {
				break
			}
		}
		s := c.Stopping()
		weights := last
		if s.Restored {
			weights = best
		}
		if s.StoppedEpoch != d.Stopped || s.BestEpoch != d.Best || best != d.Best || weights != d.Weights || !slices.Equal(got, d.Rates) {
			t.Errorf("case %d: %+v, best %d, weights of %d, rates %v; Keras: %+v", i, *s, best, weights, got, d)
		}
		if s.StoppedEpoch > 0 {
			stopped++
		}
		if got[len(got)-1] < d.Rate/2 {
			reduced++
		}
	}
	if stopped < 50 || reduced < 50 {
		t.Errorf("only %d of the trainings stop and %d lower the rate", stopped, reduced)
	}
}

func epochOf(d decision, number int, value *float64) pipeline.Epoch {
	v := math.NaN()
	if value != nil {
		v = *value
	}
	e := pipeline.Epoch{Epoch: number, Training: pipeline.Metrics{"loss": v}}
	if number%d.Every == 0 {
		e.Validation = pipeline.Metrics{"loss": v, "accuracy": v}
	}
	return e
}

// TestModeFollowsTheMetric holds that auto is what the model says.
func TestModeFollowsTheMetric(t *testing.T) {
	modes := map[string]pipeline.MetricMode{"loss": pipeline.ModeMin, "accuracy": pipeline.ModeMax}
	for name, bestEpoch := range map[string]int{"loss": 1, "accuracy": 2} {
		c, err := New(&pipeline.EarlyStopping{Monitor: name, Mode: pipeline.ModeAuto, Patience: 5}, nil, modes, false)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range []float64{0.1, 0.2} {
			c.Epoch(pipeline.Epoch{Epoch: i + 1, Training: pipeline.Metrics{name: v}}, nil)
		}
		if s := c.Stopping(); s.BestEpoch != bestEpoch || s.StoppedEpoch != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestRefusesAMetricThatIsNeverSeen(t *testing.T) {
	for field, refuse := range map[string]func() error{
		"training_kwargs.early_stopping.monitor": func() error {
			_, err := New(&pipeline.EarlyStopping{Monitor: "val_loss", Mode: pipeline.ModeMin}, nil, nil, false)
			return err
		},
		"training_kwargs.reduce_lr_on_plateau.monitor": func() error {
			_, err := New(nil, &pipeline.ReduceLR{Monitor: "val_loss", Mode: pipeline.ModeMin}, nil, false)
			return err
		},
	} {
		var e *pipeline.Error
		if err := refuse(); !errors.As(err, &e) || e.Kind != pipeline.Invalid || e.Field != field || e.Hint == "" {
			t.Errorf("%s: %#v", field, err)
		}
	}
}
