package pipeline

import (
	"errors"
	"fmt"
	"strings"
)

// TrainingKwargs are the arguments of fit that a deployment may set. A
// framework reads them from what a person wrote; see framework.Settings.
type TrainingKwargs struct {
	Epochs         int             `json:"epochs"`                    // 1 unless given
	StepsPerEpoch  int             `json:"steps_per_epoch,omitempty"` // 0: the whole split
	InitialEpoch   int             `json:"initial_epoch,omitempty"`
	Shuffle        bool            `json:"shuffle"` // true unless given
	Verbose        int             `json:"verbose"`
	ValidationFreq int             `json:"validation_freq,omitempty"` // 1 unless given
	ClassWeight    map[int]float64 `json:"class_weight,omitempty"`
	EarlyStopping  *EarlyStopping  `json:"early_stopping,omitempty"`
	ReduceLR       *ReduceLR       `json:"reduce_lr_on_plateau,omitempty"`
	Checkpoint     *Checkpoint     `json:"checkpoint,omitempty"`
}

// CheckMonitors refuses callbacks that watch the validation in a training that has none:
// they would never see their metric.
func (k TrainingKwargs) CheckMonitors(validates bool) error {
	if validates {
		return nil
	}
	if k.EarlyStopping != nil && strings.HasPrefix(k.EarlyStopping.Monitor, ValidationPrefix) {
		return neverSeen("early_stopping", k.EarlyStopping.Monitor)
	}
	if k.ReduceLR != nil && strings.HasPrefix(k.ReduceLR.Monitor, ValidationPrefix) {
		return neverSeen("reduce_lr_on_plateau", k.ReduceLR.Monitor)
	}
	return nil
}

// CheckCallbacks refuses callbacks that would not look at any epoch.
func (k TrainingKwargs) CheckCallbacks() error {
	e := k.EarlyStopping
	if e != nil && e.StartFrom >= k.Epochs {
		return Invalidf("training_kwargs.early_stopping.start_from_epoch", "it would begin to look at epoch %d, and the training ends with epoch %d: it never stops", e.StartFrom+1, k.Epochs).
			WithHint("give a start_from_epoch below epochs, which counts from 0 as in Keras, or leave early_stopping out")
	}
	if k.ValidationFreq <= k.Epochs {
		return nil
	}
	err := k.CheckMonitors(false)
	var never *Error
	if errors.As(err, &never) {
		never.Reason = fmt.Sprintf("a validation every %d epochs is never seen in %d", k.ValidationFreq, k.Epochs)
		never.Hint = "give a validation_freq of epochs or less, or monitor a metric of the training"
	}
	return err
}

func neverSeen(argument, monitor string) error {
	return Invalidf("training_kwargs."+argument+".monitor", "%s is never seen: the stream has no records to validate on", monitor).
		WithHint("send the stream with a validation_rate above 0, or monitor %s", strings.TrimPrefix(monitor, ValidationPrefix))
}

// Checkpoint says how often a training is kept, so that its next attempt goes on
// from there: one of both, the other is 0.
type Checkpoint struct {
	EveryEpochs  int     `json:"every_epochs,omitempty"`
	EverySeconds float64 `json:"every_seconds,omitempty"` // at the end of an epoch
}

// EarlyStopping ends a training whose metric no longer gets better, as the
// callback of that name in Keras does.
type EarlyStopping struct {
	Monitor     string     `json:"monitor"` // a metric of an epoch; "val_" before one of the validation
	MinDelta    float64    `json:"min_delta,omitempty"`
	Patience    int        `json:"patience,omitempty"` // epochs
	Mode        MetricMode `json:"mode"`
	Baseline    *float64   `json:"baseline,omitempty"`
	RestoreBest bool       `json:"restore_best_weights,omitempty"`
	StartFrom   int        `json:"start_from_epoch,omitempty"` // epochs that are not looked at
}

// ReduceLR lowers the learning rate where a metric no longer gets better, as
// Keras' ReduceLROnPlateau does.
type ReduceLR struct {
	Monitor  string     `json:"monitor"`
	Factor   float64    `json:"factor"`
	Patience int        `json:"patience"` // epochs
	Mode     MetricMode `json:"mode"`
	MinDelta float64    `json:"min_delta"`
	Cooldown int        `json:"cooldown,omitempty"` // epochs after a reduction that are not counted
	MinLR    float64    `json:"min_lr,omitempty"`
}

// MetricMode says which values of a metric are better.
type MetricMode string

// The modes. Auto follows from the metric; see Export.Monitors.
const (
	ModeAuto MetricMode = "auto"
	ModeMin  MetricMode = "min"
	ModeMax  MetricMode = "max"
)

// ValidationKwargs are the arguments of evaluate that a deployment may set.
type ValidationKwargs struct {
	Steps   int `json:"steps,omitempty"` // 0: the whole split
	Verbose int `json:"verbose"`
}

// DefaultTrainingKwargs are those of an empty form: one epoch, shuffled.
func DefaultTrainingKwargs() TrainingKwargs {
	return TrainingKwargs{Epochs: 1, Shuffle: true, Verbose: 1, ValidationFreq: 1}
}

// DefaultValidationKwargs are those of an empty form: the whole split.
func DefaultValidationKwargs() ValidationKwargs { return ValidationKwargs{Verbose: 1} }
