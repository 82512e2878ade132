package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
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

// The largest numbers taken; anything above is a slip of the finger.
const (
	maxEpochs  = 1_000_000
	maxSteps   = 1_000_000_000
	maxClasses = 100_000
)

// argument is one that may be set: what it must be, in words, and how it is
// taken. set is false for a value that is something else.
type argument[K any] struct {
	name, must string
	set        func(k *K, value any) bool
}

var trainingArguments = []argument[TrainingKwargs]{
	{"epochs", "a whole number from 1 to 1000000", func(k *TrainingKwargs, v any) bool { return whole(v, 1, maxEpochs, &k.Epochs) }},
	{"steps_per_epoch", "a whole number from 1 to 1000000000, or None for the whole split", func(k *TrainingKwargs, v any) bool {
		return v == nil || whole(v, 1, maxSteps, &k.StepsPerEpoch)
	}},
	{"initial_epoch", "a whole number from 0 to epochs - 1", func(k *TrainingKwargs, v any) bool { return whole(v, 0, maxEpochs, &k.InitialEpoch) }},
	{"shuffle", "True or False", func(k *TrainingKwargs, v any) (ok bool) { k.Shuffle, ok = v.(bool); return ok }},
	{"verbose", `0, 1, 2 or "auto"`, func(k *TrainingKwargs, v any) bool { return verbosity(v, &k.Verbose) }},
	{"validation_freq", "a whole number from 1 to 1000000", func(k *TrainingKwargs, v any) bool { return whole(v, 1, maxEpochs, &k.ValidationFreq) }},
	{"class_weight", "a weight of 0 or more for each class, as in {0: 1.0, 1: 2.5}, not all 0, or None", func(k *TrainingKwargs, v any) bool {
		return v == nil || weights(v, &k.ClassWeight)
	}},
}

var validationArguments = []argument[ValidationKwargs]{
	{"steps", "a whole number from 1 to 1000000000, or None for the whole split", func(k *ValidationKwargs, v any) bool {
		return v == nil || whole(v, 1, maxSteps, &k.Steps)
	}},
	{"verbose", `0, 1, 2 or "auto"`, func(k *ValidationKwargs, v any) bool { return verbosity(v, &k.Verbose) }},
}

// elsewhere tells, of arguments that Keras has and a deployment has not, what
// to use in their place.
var elsewhere = map[string]string{
	"x":                     "the records come from the stream",
	"y":                     "the labels come from the stream, as the keys of its records",
	"batch_size":            "set batch_size of the deployment itself",
	"validation_split":      "set validation_rate in the control message",
	"validation_data":       "set validation_rate in the control message",
	"validation_batch_size": "validation uses the batch_size of the deployment",
	"validation_steps":      "set steps in validation_kwargs",
	"callbacks":             "callbacks are Python and training is not; a learning-rate schedule can be part of the model's optimizer",
	"sample_weight":         "class_weight weighs by class",
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

// assign takes one argument by its name.
func assign[K any](k *K, field string, known []argument[K], name string, value any) error {
	for _, a := range known {
		if a.name != name {
			continue
		}
		if !a.set(k, value) {
			return Invalidf(field+"."+name, "must be %s, not %s", a.must, python(value))
		}
		return nil
	}
	return unknown(field, name, names(known))
}

func unknown(field, name string, known []string) error {
	hint := "allowed: " + strings.Join(known, ", ")
	if instead := elsewhere[name]; instead != "" {
		hint = instead + "; " + hint
	}
	return Invalidf(field+"."+name, "%s is not an argument that a deployment takes", strconv.Quote(name)).WithHint("%s", hint)
}

func names[K any](known []argument[K]) []string {
	all := make([]string, len(known))
	for i, a := range known {
		all[i] = a.name
	}
	return all
}

// whole takes a whole number from low to high, also one written as 1e3.
func whole(value any, low, high int64, to *int) bool {
	if f, ok := value.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		value = int64(f)
	}
	n, ok := value.(int64)
	if ok = ok && n >= low && n <= high; ok {
		*to = int(n)
	}
	return ok
}

func verbosity(value any, to *int) bool {
	switch v := value.(type) {
	case bool:
		*to = 0
		if v {
			*to = 1
		}
		return true
	case string:
		*to = 1
		return v == "auto"
	}
	return whole(value, 0, 2, to)
}

func weights(value any, to *map[int]float64) bool {
	entries, ok := value.(dict)
	if !ok || len(entries) == 0 {
		return false
	}
	read := make(map[int]float64, len(entries))
	var sum float64
	for _, e := range entries {
		var class int
		weight, isFloat := e.value.(float64)
		if n, isInt := e.value.(int64); isInt {
			weight = float64(n)
		} else if !isFloat {
			return false
		}
		_, again := read[class]
		if !whole(e.key, 0, maxClasses, &class) || weight < 0 || math.IsInf(weight, 0) || math.IsNaN(weight) {
			return false
		}
		if _, again = read[class]; again {
			return false
		}
		read[class] = weight
		sum += weight
	}
	*to = read
	return sum > 0
}

// jsonText gives the text of a JSON string.
func jsonText(b []byte) (text string, ok bool) {
	if b = bytes.TrimSpace(b); len(b) == 0 || b[0] != '"' {
		return "", false
	}
	return text, json.Unmarshal(b, &text) == nil
}

// fromObject takes the members of a JSON object as arguments.
func fromObject[K any](b []byte, k *K, field string, known []argument[K]) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return Invalidf(field, "must be an object, or text such as \"epochs=5\"")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(names(known), name) {
			return unknown(field, name, names(known))
		}
		value, err := fromJSON(members[name])
		if err != nil {
			return Invalidf(field+"."+name, "%v", err)
		}
		if err := assign(k, field, known, name, value); err != nil {
			return err
		}
	}
	return nil
}

// fromJSON reads a JSON value as the Python value it stands for. The keys of
// an object are numbers where they are written like numbers.
func fromJSON(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	switch v := value.(type) {
	case json.Number:
		return number(v.String())
	case map[string]any:
		return fromMembers(v)
	case []any:
		return nil, errors.New("lists are not taken")
	}
	return value, nil
}

func fromMembers(members map[string]any) (dict, error) {
	var d dict
	for _, name := range slices.Sorted(maps.Keys(members)) {
		e := entry{key: name, value: members[name]}
		if n, err := number(name); err == nil {
			e.key = n
		}
		if v, ok := e.value.(json.Number); ok {
			n, err := number(v.String())
			if err != nil {
				return nil, err
			}
			e.value = n
		}
		d = append(d, e)
	}
	return d, nil
}

// python writes a value as Python does, for messages.
func python(value any) string {
	switch v := value.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return strconv.Quote(v)
	case dict:
		parts := make([]string, 0, len(v))
		for _, e := range v[:min(len(v), 10)] {
			parts = append(parts, python(e.key)+": "+python(e.value))
		}
		if len(v) > 10 {
			parts = append(parts, "...")
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(value)
}
