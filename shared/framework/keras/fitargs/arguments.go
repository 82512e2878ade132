package fitargs

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

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The largest numbers taken; anything above is a slip of the finger.
const (
	maxEpochs  = 1_000_000
	maxSteps   = 1_000_000_000
	maxClasses = 100_000
)

// argument is one that may be set: what it must be, in words, and how it is
// taken. set is false for a value that is something else; read, where it is not
// nil, is in its place and says itself what is wrong.
type argument[K any] struct {
	name, must string
	set        func(k *K, value any) bool
	read       func(k *K, field string, value any) error
}

var trainingArguments = []argument[pipeline.TrainingKwargs]{
	{name: "epochs", must: "a whole number from 1 to 1000000", set: func(k *pipeline.TrainingKwargs, v any) bool { return whole(v, 1, maxEpochs, &k.Epochs) }},
	{name: "steps_per_epoch", must: "a whole number from 1 to 1000000000, or None for the whole split", set: func(k *pipeline.TrainingKwargs, v any) bool {
		return v == nil || whole(v, 1, maxSteps, &k.StepsPerEpoch)
	}},
	{name: "initial_epoch", must: "a whole number from 0 to epochs - 1", set: func(k *pipeline.TrainingKwargs, v any) bool { return whole(v, 0, maxEpochs, &k.InitialEpoch) }},
	{name: "shuffle", must: "True or False", set: func(k *pipeline.TrainingKwargs, v any) (ok bool) { k.Shuffle, ok = v.(bool); return ok }},
	{name: "verbose", must: `0, 1, 2 or "auto"`, set: func(k *pipeline.TrainingKwargs, v any) bool { return verbosity(v, &k.Verbose) }},
	{name: "validation_freq", must: "a whole number from 1 to 1000000", set: func(k *pipeline.TrainingKwargs, v any) bool { return whole(v, 1, maxEpochs, &k.ValidationFreq) }},
	{name: "class_weight", must: "a weight of 0 or more for each class, as in {0: 1.0, 1: 2.5}, not all 0, or None", set: func(k *pipeline.TrainingKwargs, v any) bool {
		return v == nil || weights(v, &k.ClassWeight)
	}},
	{name: "early_stopping", read: func(k *pipeline.TrainingKwargs, field string, v any) error {
		return group(&k.EarlyStopping, field, stoppingArguments, v, defaultStopping())
	}},
	{name: "reduce_lr_on_plateau", read: func(k *pipeline.TrainingKwargs, field string, v any) error {
		return group(&k.ReduceLR, field, plateauArguments, v, defaultPlateau())
	}},
	{name: "checkpoint", read: readCheckpoint},
	{name: callbacksName, read: readCallbacks},
}

var validationArguments = []argument[pipeline.ValidationKwargs]{
	{name: "steps", must: "a whole number from 1 to 1000000000, or None for the whole split", set: func(k *pipeline.ValidationKwargs, v any) bool {
		return v == nil || whole(v, 1, maxSteps, &k.Steps)
	}},
	{name: "verbose", must: `0, 1, 2 or "auto"`, set: func(k *pipeline.ValidationKwargs, v any) bool { return verbosity(v, &k.Verbose) }},
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
	"sample_weight":         "class_weight weighs by class",
}

// assign takes one argument by its name.
func assign[K any](k *K, field string, known []argument[K], name string, value any) error {
	for _, a := range known {
		if a.name != name {
			continue
		}
		if a.read != nil {
			return a.read(k, field+"."+name, value)
		}
		if !a.set(k, value) {
			return pipeline.Invalidf(field+"."+name, "must be %s, not %s", a.must, python(value))
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
	return pipeline.Invalidf(field+"."+name, "%s is not an argument that a deployment takes", strconv.Quote(name)).WithHint("%s", hint)
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
		weight, ok := float(e.value)
		if !ok || weight < 0 || !whole(e.key, 0, maxClasses, &class) {
			return false
		}
		if _, twice := read[class]; twice {
			return false
		}
		read[class] = weight
		sum += weight
	}
	*to = read
	return sum > 0
}

// float is a number as a float64. The scanner and JSON make no NaN and no
// infinity.
func float(value any) (f float64, ok bool) {
	if n, whole := value.(int64); whole {
		return float64(n), true
	}
	f, ok = value.(float64)
	return f, ok
}

// fromObject takes the members of a JSON object as arguments.
func fromObject[K any](b []byte, k *K, field string, known []argument[K]) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return pipeline.Invalidf(field, "must be an object, or text such as \"epochs=5\"")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(names(known), name) {
			return unknown(field, name, names(known))
		}
		value, err := fromJSON(members[name])
		if err != nil {
			return pipeline.Invalidf(field+"."+name, "%v", err)
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
