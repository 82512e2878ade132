package train

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestRunStopsEarly holds that a training ends where nothing gets better by much,
// and that its result is that of the best epoch.
func TestRunStopsEarly(t *testing.T) {
	r := newRig(t)
	r.send(t, 100)
	r.Job.ValidationRate = 0.2
	r.Job.TrainingKwargs.EarlyStopping = &pipeline.EarlyStopping{Monitor: "val_loss", Mode: pipeline.ModeAuto, MinDelta: 100, Patience: 2, RestoreBest: true}
	if err := Run(t.Context(), r.Config); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1, 2, 3}, r.epochs()); diff != "" {
		t.Error(diff)
	}
	s := r.outcome.Stopping
	if s == nil || s.StoppedEpoch != 3 || s.BestEpoch != 1 || !s.Restored || s.Reason == "" {
		t.Errorf("%+v", s)
	}
	var first pipeline.Epoch
	for _, p := range r.told {
		for _, e := range p.Epochs {
			if e.Epoch == 1 {
				first = e
			}
			if e.Best != (e.Epoch == 1) {
				t.Errorf("epoch %d is told as best: %v", e.Epoch, e.Best)
			}
		}
	}
	if diff := cmp.Diff(first.Validation, r.outcome.Metrics.Validation); diff != "" {
		t.Errorf("the metrics are not those of the best epoch: %s", diff)
	}
	stopped := r.outcome.Lineage.WeightsHash
	r.Job.TrainingKwargs.EarlyStopping.RestoreBest = false
	if err := Run(t.Context(), r.Config); err != nil || r.outcome.Lineage.WeightsHash == stopped {
		t.Errorf("the weights of the last epoch are those of the best one: %v", err)
	}
}

func TestRunRefusesToMonitorNothing(t *testing.T) {
	r := newRig(t)
	r.send(t, 20)
	r.Job.TrainingKwargs.EarlyStopping = &pipeline.EarlyStopping{Monitor: "val_loss", Mode: pipeline.ModeAuto}
	var e *pipeline.Error
	if err := Run(t.Context(), r.Config); !errors.As(err, &e) || e.Field != "training_kwargs.early_stopping.monitor" || r.outcome.Hint == "" {
		t.Errorf("%v, told with the hint %q", err, r.outcome.Hint)
	}
}
