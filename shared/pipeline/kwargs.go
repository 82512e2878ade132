package pipeline

import (
	"maps"
	"slices"
)

// TrainingKwargs are the arguments of Keras' fit that a deployment may set.
// In JSON it is read from an object or from the text people write for Keras
// ("epochs=5, steps_per_epoch=1000"); it is always written as an object.
type TrainingKwargs struct {
	Epochs         int             `json:"epochs"`                    // 1 unless given
	StepsPerEpoch  int             `json:"steps_per_epoch,omitempty"` // 0: the whole split
	InitialEpoch   int             `json:"initial_epoch,omitempty"`
	Shuffle        bool            `json:"shuffle"` // Keras' default is true
	Verbose        int             `json:"verbose"`
	ValidationFreq int             `json:"validation_freq,omitempty"` // 1 unless given
	ClassWeight    map[int]float64 `json:"class_weight,omitempty"`
}

// ValidationKwargs are the arguments of Keras' evaluate that a deployment may
// set, read like TrainingKwargs.
type ValidationKwargs struct {
	Steps   int `json:"steps,omitempty"` // 0: the whole split
	Verbose int `json:"verbose"`
}

// DefaultTrainingKwargs are those of Keras' fit.
func DefaultTrainingKwargs() TrainingKwargs {
	return TrainingKwargs{Epochs: 1, Shuffle: true, Verbose: 1, ValidationFreq: 1}
}

// DefaultValidationKwargs are those of Keras' evaluate.
func DefaultValidationKwargs() ValidationKwargs { return ValidationKwargs{Verbose: 1} }

// ParseTrainingKwargs reads arguments as people write them for Keras:
//
//	epochs=1_000, steps_per_epoch=22, class_weight={0: 1.0, 1: 2.5}
//
// The text is parsed, never evaluated. What is left out has Keras' default. An
// argument that is unknown or out of range is an Invalid *Error that names it.
func ParseTrainingKwargs(text string) (TrainingKwargs, error) {
	k := DefaultTrainingKwargs()
	err := parseKeywords(text, "training_kwargs", names(trainingArguments), func(name string, value any) error {
		return assign(&k, "training_kwargs", trainingArguments, name, value)
	})
	if err == nil {
		err = k.check()
	}
	return k, err
}

// ParseValidationKwargs reads the arguments of evaluate like
// ParseTrainingKwargs.
func ParseValidationKwargs(text string) (ValidationKwargs, error) {
	k := DefaultValidationKwargs()
	err := parseKeywords(text, "validation_kwargs", names(validationArguments), func(name string, value any) error {
		return assign(&k, "validation_kwargs", validationArguments, name, value)
	})
	return k, err
}

// UnmarshalJSON reads an object, Keras text in a string, or null for the
// defaults, with the errors of ParseTrainingKwargs.
func (k *TrainingKwargs) UnmarshalJSON(b []byte) (err error) {
	if text, ok := jsonText(b); ok {
		*k, err = ParseTrainingKwargs(text)
		return err
	}
	*k = DefaultTrainingKwargs()
	if err := fromObject(b, k, "training_kwargs", trainingArguments); err != nil {
		return err
	}
	return k.check()
}

// UnmarshalJSON reads an object, Keras text in a string, or null for the
// defaults.
func (k *ValidationKwargs) UnmarshalJSON(b []byte) (err error) {
	if text, ok := jsonText(b); ok {
		*k, err = ParseValidationKwargs(text)
		return err
	}
	*k = DefaultValidationKwargs()
	return fromObject(b, k, "validation_kwargs", validationArguments)
}

// check refuses what each argument allows and the whole does not.
func (k *TrainingKwargs) check() error {
	if k.InitialEpoch >= k.Epochs {
		return Invalidf("training_kwargs.initial_epoch", "training would begin after epoch %d and end with epoch %d: there is nothing to train", k.InitialEpoch, k.Epochs).
			WithHint("epochs counts from 0, as in Keras: give an initial_epoch below epochs")
	}
	return nil
}

// Fits refuses arguments that a model cannot be trained with.
func (k *TrainingKwargs) Fits(e Export) error {
	if len(k.ClassWeight) == 0 {
		return nil
	}
	const field = "training_kwargs.class_weight"
	switch {
	case len(e.Labels) > 1:
		return Invalidf(field, "the model has %d outputs with a loss, and class weights need exactly one", len(e.Labels))
	case e.Task == Regression:
		return Invalidf(field, "the model predicts a number (loss %s), so it has no classes to weigh", e.Loss)
	case !e.Weighted:
		return Invalidf(field, "the train_step of the model takes no weights").
			WithHint("leave class_weight out, or weigh in the model's loss")
	}
	classes := e.Classes
	if e.Task == BinaryClassification {
		classes = 2
	}
	if highest := slices.Max(slices.Collect(maps.Keys(k.ClassWeight))); classes > 0 && highest >= classes {
		return Invalidf(field, "there is no class %d: the model has classes 0 to %d", highest, classes-1)
	}
	return nil
}
