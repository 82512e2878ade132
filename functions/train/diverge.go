package train

import (
	"fmt"
	"math"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// judge gives the error that ends a training whose loss is NaN in an epoch,
// unless the deployment keeps such models: then it is warned of.
func (t *training) judge(e pipeline.Epoch) error {
	if !t.overflowed && lossIs(e.Training, func(v float64) bool { return math.IsInf(v, 0) }) {
		t.overflowed = true
		t.outcome.Split.Warnings = append(t.outcome.Split.Warnings,
			fmt.Sprintf("loss is infinite from epoch %d on: it is too large for its type of float; scale the inputs and labels, or lower the learning rate", e.Epoch))
	}
	if t.diverged != nil || !lossIs(e.Training, math.IsNaN) {
		return nil
	}
	reason := fmt.Sprintf("loss is NaN from epoch %d on", e.Epoch)
	cause, hint := t.values.cause()
	if cause != "" {
		reason += ": " + cause
	}
	t.diverged = &pipeline.Error{
		Op: "train", Kind: pipeline.Invalid, Field: "topic", Reason: reason,
		Hint: hint + "; a deployment with on_nan keep trains on and keeps the model",
	}
	t.outcome.Unsound = fmt.Sprintf("the loss is NaN from epoch %d on", e.Epoch)
	if t.Job.OnNaN == pipeline.NaNStays {
		t.outcome.Split.Warnings = append(t.outcome.Split.Warnings, reason)
		return nil
	}
	return t.diverged
}

// doubt looks for weights that are no numbers, which a loss does not tell: it is
// that of the batches before the last step.
func (t *training) doubt() error {
	if t.outcome.Unsound != "" {
		return nil
	}
	weights, err := t.trainer.Unsound()
	if err == nil && weights != "" {
		t.outcome.Unsound = "the weights of " + weights + " are NaN or infinite"
		t.outcome.Split.Warnings = append(t.outcome.Split.Warnings, t.outcome.Unsound+", though the loss is not NaN: predictions will be NaN")
	}
	return err
}

// lossIs reports whether is holds of a loss among the metrics: the one of Keras, or
// for a model that names its own, any of them.
func lossIs(m pipeline.Metrics, is func(float64) bool) bool {
	if v, ok := m["loss"]; ok {
		return is(v)
	}
	for name, v := range m {
		if strings.Contains(name, "loss") && is(v) {
			return true
		}
	}
	return false
}
