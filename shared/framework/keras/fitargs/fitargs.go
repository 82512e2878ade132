// Package fitargs reads the arguments of Keras' fit and evaluate that a
// deployment may set, from a JSON object or from the text that people write for
// Keras:
//
//	epochs=1_000, steps_per_epoch=22, class_weight={0: 1.0, 1: 2.5}
//
// The text is parsed, never evaluated. What is left out has Keras' default. An
// argument that is unknown or out of range is an Invalid *pipeline.Error that
// names it.
package fitargs

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Fit reads the arguments of fit: an object, text in a JSON string, or null or
// nothing for the defaults.
func Fit(raw json.RawMessage) (pipeline.TrainingKwargs, error) {
	k := pipeline.DefaultTrainingKwargs()
	if err := read(raw, &k, "training_kwargs", trainingArguments); err != nil {
		return k, err
	}
	if k.InitialEpoch >= k.Epochs {
		return k, pipeline.Invalidf("training_kwargs.initial_epoch", "training would begin after epoch %d and end with epoch %d: there is nothing to train", k.InitialEpoch, k.Epochs).
			WithHint("epochs counts from 0, as in Keras: give an initial_epoch below epochs")
	}
	return k, nil
}

// Evaluate reads the arguments of evaluate like Fit.
func Evaluate(raw json.RawMessage) (pipeline.ValidationKwargs, error) {
	k := pipeline.DefaultValidationKwargs()
	err := read(raw, &k, "validation_kwargs", validationArguments)
	return k, err
}

// read takes the arguments that raw sets into k.
func read[K any](raw json.RawMessage, k *K, field string, known []argument[K]) error {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil
	}
	if raw[0] != '"' {
		return fromObject(raw, k, field, known)
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return pipeline.Invalidf(field, "%v", err)
	}
	return parseKeywords(text, field, names(known), func(name string, value any) error {
		return assign(k, field, known, name, value)
	})
}

// oneClass reports whether the label of a model says one class of each record:
// it is one number, or one-hot.
func oneClass(e pipeline.Export) bool {
	l := e.Labels[0]
	return l.Elements() == 1 || e.Task == pipeline.Classification && len(l.Shape) == 1 && l.Shape[0] == e.Classes
}

// Suit refuses arguments that a model cannot be trained with.
func Suit(k pipeline.TrainingKwargs, e pipeline.Export) error {
	return cmp.Or(suitWeights(k, e), suitStopping(k.EarlyStopping, e), suitPlateau(k.ReduceLR, e), suitCheckpoint(k.Checkpoint, e))
}

func suitWeights(k pipeline.TrainingKwargs, e pipeline.Export) error {
	if len(k.ClassWeight) == 0 {
		return nil
	}
	const field = "training_kwargs.class_weight"
	switch {
	case len(e.Labels) > 1:
		return pipeline.Invalidf(field, "the model has %d outputs with a loss, and class weights need exactly one", len(e.Labels))
	case len(e.Labels) == 1 && !oneClass(e):
		return pipeline.Invalidf(field, "the label of a record has the shape %v: it names no single class to weigh", e.Labels[0].Shape).
			WithHint("leave class_weight out, or weigh in the model's loss")
	case e.Task == pipeline.Regression:
		return pipeline.Invalidf(field, "the model predicts a number (loss %s), so it has no classes to weigh", e.Loss)
	case !e.Weighted:
		return pipeline.Invalidf(field, "the train_step of the model takes no weights").
			WithHint("leave class_weight out, or weigh in the model's loss")
	}
	classes := e.Classes
	if e.Task == pipeline.BinaryClassification {
		classes = 2
	}
	if highest := slices.Max(slices.Collect(maps.Keys(k.ClassWeight))); classes > 0 && highest >= classes {
		return pipeline.Invalidf(field, "there is no class %d: the model has classes 0 to %d", highest, classes-1)
	}
	return nil
}
