package fitargs

import (
	"math"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const callbacksName = "callbacks"

// stoppingArguments are those of keras.callbacks.EarlyStopping, in the order in
// which it takes them without their names.
var stoppingArguments = []argument[pipeline.EarlyStopping]{
	{name: "monitor", must: mustMonitor, set: func(k *pipeline.EarlyStopping, v any) bool { return metric(v, &k.Monitor) }},
	{name: "min_delta", must: "a number", set: func(k *pipeline.EarlyStopping, v any) bool { return delta(v, &k.MinDelta) }},
	{name: "patience", must: mustEpochs, set: func(k *pipeline.EarlyStopping, v any) bool { return whole(v, 0, maxEpochs, &k.Patience) }},
	{name: "verbose", must: `0, 1, 2 or "auto"`, set: func(_ *pipeline.EarlyStopping, v any) bool { return verbosity(v, new(int)) }},
	{name: "mode", must: mustMode, set: func(k *pipeline.EarlyStopping, v any) bool { return mode(v, &k.Mode) }},
	{name: "baseline", must: "a number or None", set: func(k *pipeline.EarlyStopping, v any) bool {
		if v == nil {
			return true
		}
		k.Baseline = new(float64)
		return finite(v, k.Baseline)
	}},
	{name: "restore_best_weights", must: "True or False", set: func(k *pipeline.EarlyStopping, v any) (ok bool) { k.RestoreBest, ok = v.(bool); return ok }},
	{name: "start_from_epoch", must: mustEpochs, set: func(k *pipeline.EarlyStopping, v any) bool { return whole(v, 0, maxEpochs, &k.StartFrom) }},
}

// plateauArguments are those of keras.callbacks.ReduceLROnPlateau.
var plateauArguments = []argument[pipeline.ReduceLR]{
	{name: "monitor", must: mustMonitor, set: func(k *pipeline.ReduceLR, v any) bool { return metric(v, &k.Monitor) }},
	{name: "factor", must: "a number from 0 to below 1", set: func(k *pipeline.ReduceLR, v any) bool {
		return finite(v, &k.Factor) && k.Factor >= 0 && k.Factor < 1
	}},
	{name: "patience", must: mustEpochs, set: func(k *pipeline.ReduceLR, v any) bool { return whole(v, 0, maxEpochs, &k.Patience) }},
	{name: "verbose", must: `0, 1, 2 or "auto"`, set: func(_ *pipeline.ReduceLR, v any) bool { return verbosity(v, new(int)) }},
	{name: "mode", must: mustMode, set: func(k *pipeline.ReduceLR, v any) bool { return mode(v, &k.Mode) }},
	{name: "min_delta", must: "a number", set: func(k *pipeline.ReduceLR, v any) bool { return delta(v, &k.MinDelta) }},
	{name: "cooldown", must: mustEpochs, set: func(k *pipeline.ReduceLR, v any) bool { return whole(v, 0, maxEpochs, &k.Cooldown) }},
	{name: "min_lr", must: "a number of 0 or more", set: func(k *pipeline.ReduceLR, v any) bool { return finite(v, &k.MinLR) && k.MinLR >= 0 }},
}

// checkpointArguments are our own: Keras' BackupAndRestore names a folder.
var checkpointArguments = []argument[pipeline.Checkpoint]{
	{name: "every_epochs", must: "a whole number of epochs from 1 to 1000000", set: func(k *pipeline.Checkpoint, v any) bool { return whole(v, 1, maxEpochs, &k.EveryEpochs) }},
	{name: "every_seconds", must: "a number of seconds from 1 on", set: func(k *pipeline.Checkpoint, v any) bool {
		return finite(v, &k.EverySeconds) && k.EverySeconds >= 1
	}},
}

// checkpointSeconds is how often a training is kept that does not say it.
const checkpointSeconds = 10

// readCheckpoint takes how often a training is kept.
func readCheckpoint(k *pipeline.TrainingKwargs, field string, v any) error {
	if err := group(&k.Checkpoint, field, checkpointArguments, v, pipeline.Checkpoint{}); err != nil {
		return err
	}
	switch c := k.Checkpoint; {
	case c == nil:
	case c.EveryEpochs > 0 && c.EverySeconds > 0:
		return pipeline.Invalidf(field, "must be either {\"every_epochs\": n} or {\"every_seconds\": s}, or {} for every %d seconds, not %s", checkpointSeconds, python(v))
	case c.EveryEpochs == 0 && c.EverySeconds == 0:
		c.EverySeconds = checkpointSeconds
	}
	return nil
}

const (
	mustMonitor = `the name of a metric, as in "val_loss"`
	mustMode    = `"auto", "min" or "max"`
	mustEpochs  = "a whole number of epochs from 0 to 1000000"
)

func defaultStopping() pipeline.EarlyStopping {
	return pipeline.EarlyStopping{Monitor: "val_loss", Mode: pipeline.ModeAuto}
}

func defaultPlateau() pipeline.ReduceLR {
	return pipeline.ReduceLR{Monitor: "val_loss", Factor: 0.1, Patience: 10, Mode: pipeline.ModeAuto, MinDelta: 1e-4}
}

// group takes a dict of arguments, None for none.
func group[G any](to **G, field string, known []argument[G], value any, defaults G) error {
	if value == nil {
		*to = nil
		return nil
	}
	entries, ok := value.(dict)
	if !ok {
		return pipeline.Invalidf(field, "must be a dict, as in {%q: %q}, or None, not %s", "monitor", "val_loss", python(value))
	}
	var seen []string
	for _, e := range entries {
		name, ok := e.key.(string)
		if !ok || !slices.Contains(names(known), name) {
			return unknown(field, strings.Trim(python(e.key), `"`), names(known))
		}
		if slices.Contains(seen, name) {
			return pipeline.Invalidf(field+"."+name, "is given twice")
		}
		seen = append(seen, name)
		if err := assign(&defaults, field, known, name, e.value); err != nil {
			return err
		}
	}
	*to = &defaults
	return nil
}

func metric(value any, to *string) (ok bool) {
	*to, ok = value.(string)
	return ok && *to != ""
}

func mode(value any, to *pipeline.MetricMode) bool {
	text, ok := value.(string)
	*to = pipeline.MetricMode(text)
	return ok && slices.Contains([]pipeline.MetricMode{pipeline.ModeAuto, pipeline.ModeMin, pipeline.ModeMax}, *to)
}

func finite(value any, to *float64) (ok bool) {
	*to, ok = float(value)
	return ok
}

// delta takes a change, of which Keras ignores the sign.
func delta(value any, to *float64) bool {
	ok := finite(value, to)
	*to = math.Abs(*to)
	return ok
}

// call is a callback as people write it: its class, one of callbacks, and its
// arguments by name.
type call struct {
	class string
	dict
}

// callback is a class that says the same as an argument of a training.
type callback struct {
	names []string // of its arguments, in Keras' order
	take  func(k *pipeline.TrainingKwargs, at string, d dict) error
	given func(pipeline.TrainingKwargs) bool
}

var callbacks = map[string]callback{
	"EarlyStopping": {
		names(stoppingArguments),
		func(k *pipeline.TrainingKwargs, at string, d dict) error {
			return group(&k.EarlyStopping, at+"early_stopping", stoppingArguments, d, defaultStopping())
		},
		func(k pipeline.TrainingKwargs) bool { return k.EarlyStopping != nil },
	},
	"ReduceLROnPlateau": {
		names(plateauArguments),
		func(k *pipeline.TrainingKwargs, at string, d dict) error {
			return group(&k.ReduceLR, at+"reduce_lr_on_plateau", plateauArguments, d, defaultPlateau())
		},
		func(k pipeline.TrainingKwargs) bool { return k.ReduceLR != nil },
	},
}

// readCallbacks takes callbacks as the arguments that say the same.
func readCallbacks(k *pipeline.TrainingKwargs, field string, value any) error {
	if value == nil {
		return nil
	}
	calls, ok := value.([]call)
	if !ok {
		return pipeline.Invalidf(field, "must be a list as it is written for Keras, not %s", python(value)).
			WithHint("give early_stopping and reduce_lr_on_plateau themselves")
	}
	for _, c := range calls {
		known := callbacks[c.class]
		if known.given(*k) {
			return pipeline.Invalidf(field, "%s is given twice", c.class)
		}
		if err := known.take(k, strings.TrimSuffix(field, callbacksName), c.dict); err != nil {
			return err
		}
	}
	return nil
}

// insteadOf says what to do without a callback.
func insteadOf(class string) string {
	instead := map[string]string{
		"TerminateOnNaN":        "leave it out: a training whose loss is NaN ends unless the deployment says on_nan keep",
		"LearningRateScheduler": "give the model's optimizer a schedule (keras.optimizers.schedules)",
		"History":               "leave it out: the result has each epoch's metrics",
		"CSVLogger":             "leave it out: the result has each epoch's metrics",
		"TensorBoard":           "leave it out: the page draws each epoch's metrics as they come",
		"ProgbarLogger":         "leave it out: the page and --watch show how it goes",
		"BackupAndRestore":      "say checkpoint={'every_epochs': 1}: the next attempt goes on from there",
		"ModelCheckpoint":       "leave it out: the result keeps the trained model; restore_best_weights of early_stopping keeps the best",
	}[class]
	if instead == "" {
		instead = "callbacks are Python and training is not; leave it out"
	}
	return instead + "; taken are EarlyStopping and ReduceLROnPlateau"
}

func suitCheckpoint(k *pipeline.Checkpoint, e pipeline.Export) error {
	if k == nil || len(e.Variables) > 0 {
		return nil
	}
	return ofEarlierVersion("training_kwargs.checkpoint")
}

func ofEarlierVersion(field string) error {
	return pipeline.Invalidf(field, "the model was registered by an earlier version, which left out what this needs").
		WithHint("register the model again")
}

func suitStopping(k *pipeline.EarlyStopping, e pipeline.Export) error {
	if k == nil {
		return nil
	}
	return suitMonitor("training_kwargs.early_stopping", k.Monitor, k.Mode, e)
}

func suitPlateau(k *pipeline.ReduceLR, e pipeline.Export) error {
	if k == nil {
		return nil
	}
	const field = "training_kwargs.reduce_lr_on_plateau"
	if err := suitMonitor(field, k.Monitor, k.Mode, e); err != nil {
		return err
	}
	if !strings.ContainsRune(e.Variables, pipeline.VariableRate) {
		return pipeline.Invalidf(field, "the model has no learning rate that could be reduced: its optimizer follows a schedule, or it has none").
			WithHint("leave it out, or give the optimizer a number as its learning_rate")
	}
	return nil
}

// suitMonitor refuses a metric that a model does not report, and one of which
// Keras could not tell either which values are better.
func suitMonitor(field, monitor string, m pipeline.MetricMode, e pipeline.Export) error {
	_, err := pipeline.Sought{
		Metric: monitor, Mode: m, Validated: true, Field: field + ".monitor", ModeField: field + ".mode", Hint: `say "max" where a high one is better, else "min"`,
	}.In(e)
	return err
}
