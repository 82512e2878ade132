package pipeline

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTrainingKwargsFromText(t *testing.T) {
	def := DefaultTrainingKwargs
	with := func(change func(k *TrainingKwargs)) TrainingKwargs { k := def(); change(&k); return k }
	cases := map[string]TrainingKwargs{
		"":           def(),
		" \n\t ":     def(),
		"epochs=5":   with(func(k *TrainingKwargs) { k.Epochs = 5 }),
		"epochs=5 ,": with(func(k *TrainingKwargs) { k.Epochs = 5 }),
		"epochs=1000, steps_per_epoch=22, shuffle=True, verbose=0": with(func(k *TrainingKwargs) { k.Epochs, k.StepsPerEpoch, k.Verbose = 1000, 22, 0 }),
		"epochs = 1_000 ,\n  steps_per_epoch = None":               with(func(k *TrainingKwargs) { k.Epochs = 1000 }),
		"epochs=1e3":                      with(func(k *TrainingKwargs) { k.Epochs = 1000 }),
		"epochs=2.5E+1":                   with(func(k *TrainingKwargs) { k.Epochs = 25 }),
		"epochs=+7":                       with(func(k *TrainingKwargs) { k.Epochs = 7 }),
		"epochs=10, initial_epoch=0":      with(func(k *TrainingKwargs) { k.Epochs = 10 }),
		"epochs=10,initial_epoch=9":       with(func(k *TrainingKwargs) { k.Epochs, k.InitialEpoch = 10, 9 }),
		"shuffle=False":                   with(func(k *TrainingKwargs) { k.Shuffle = false }),
		"verbose='auto'":                  def(),
		`verbose="auto"`:                  def(),
		"verbose=True":                    def(),
		"verbose=2":                       with(func(k *TrainingKwargs) { k.Verbose = 2 }),
		"epochs=4, validation_freq=2":     with(func(k *TrainingKwargs) { k.Epochs, k.ValidationFreq = 4, 2 }),
		"class_weight=None":               def(),
		"class_weight={0: 1.0, 1: 2.5}":   with(func(k *TrainingKwargs) { k.ClassWeight = map[int]float64{0: 1, 1: 2.5} }),
		"class_weight={0:1,1:.5,2:1e-3,}": with(func(k *TrainingKwargs) { k.ClassWeight = map[int]float64{0: 1, 1: .5, 2: .001} }),
	}
	for text, want := range cases {
		t.Run(text, func(t *testing.T) {
			got, err := ParseTrainingKwargs(text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			checkJSONRoundTrip(t, got)
		})
	}
}

func checkJSONRoundTrip(t *testing.T, k TrainingKwargs) {
	t.Helper()
	b, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	var again TrainingKwargs
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	if diff := cmp.Diff(k, again); diff != "" {
		t.Errorf("%s (-written +read)\n%s", b, diff)
	}
}

func TestRefusedTrainingKwargs(t *testing.T) {
	cases := []struct {
		text, field string
		words       []string
	}{
		{"epoch=5", "training_kwargs.epoch", []string{"epoch", "allowed: epochs, steps_per_epoch, initial_epoch, shuffle, verbose, validation_freq, class_weight"}},
		{"callbacks=[keras.callbacks.EarlyStopping(patience=3)]", "training_kwargs.callbacks", []string{"callbacks", "schedule"}},
		{"batch_size=32", "training_kwargs.batch_size", []string{"deployment itself"}},
		{"validation_split=0.2", "training_kwargs.validation_split", []string{"validation_rate"}},
		{"__import__=1", "training_kwargs.__import__", nil},
		{"epochs=0", "training_kwargs.epochs", []string{"from 1 to 1000000", "not 0"}},
		{"epochs=-1", "training_kwargs.epochs", []string{"not -1"}},
		{"epochs=1000001", "training_kwargs.epochs", nil},
		{"epochs=1.5", "training_kwargs.epochs", []string{"not 1.5"}},
		{"epochs=None", "training_kwargs.epochs", []string{"not None"}},
		{"epochs=True", "training_kwargs.epochs", []string{"not True"}},
		{"epochs='5'", "training_kwargs.epochs", []string{`not "5"`}},
		{"epochs=5, epochs=6", "training_kwargs.epochs", []string{"twice"}},
		{"epochs=5, initial_epoch=5", "training_kwargs.initial_epoch", []string{"nothing to train"}},
		{"initial_epoch=1", "training_kwargs.initial_epoch", []string{"nothing to train"}},
		{"steps_per_epoch=0", "training_kwargs.steps_per_epoch", []string{"None"}},
		{"shuffle='batch'", "training_kwargs.shuffle", []string{"True or False"}},
		{"verbose=3", "training_kwargs.verbose", nil},
		{"validation_freq={1: 2}", "training_kwargs.validation_freq", []string{"{1: 2}"}},
		{"class_weight={}", "training_kwargs.class_weight", nil},
		{"class_weight={0: 0}", "training_kwargs.class_weight", []string{"not all 0"}},
		{"class_weight={0: -1}", "training_kwargs.class_weight", nil},
		{"class_weight={-1: 1}", "training_kwargs.class_weight", nil},
		{"class_weight={0: 1, 0: 2}", "training_kwargs.class_weight", nil},
		{"class_weight={0: 'a'}", "training_kwargs.class_weight", nil},
		{"class_weight='balanced'", "training_kwargs.class_weight", []string{"{0: 1.0, 1: 2.5}"}},
		{"class_weight={0: {1: 2}}", "training_kwargs", []string{"'{'", "character 18"}},
		{"epochs", "training_kwargs", []string{"= is expected", "the end"}},
		{"epochs=", "training_kwargs", []string{"a value", "the end", "character 8"}},
		{"epochs=5 steps_per_epoch=2", "training_kwargs", []string{"comma", "'s'"}},
		{"epochs=int(5)", "training_kwargs", []string{"'i'", "character 8"}},
		{"epochs=5+5", "training_kwargs", []string{"comma"}},
		{"epochs=005", "training_kwargs", []string{"005"}},
		{"epochs=1__0", "training_kwargs", nil},
		{"epochs=0x10", "training_kwargs", nil},
		{"epochs=nan", "training_kwargs", nil},
		{"epochs=99999999999999999999", "training_kwargs", []string{"64 bits"}},
		{"epochs=1e999", "training_kwargs", []string{"double"}},
		{"verbose='auto", "training_kwargs", []string{"no end"}},
		{`verbose='\x41'`, "training_kwargs", []string{"backslash"}},
		{"{'epochs': 5}", "training_kwargs", []string{"'{'", "character 1"}},
		{"é=1", "training_kwargs", []string{"'é'"}},
		{"5=5", "training_kwargs", []string{"a name"}},
		{"epochs=\xff", "training_kwargs", nil},
		{strings.Repeat(" ", maxKeywords+1), "training_kwargs", []string{"longer"}},
	}
	for _, c := range cases {
		t.Run(c.text[:min(len(c.text), 40)], func(t *testing.T) {
			_, err := ParseTrainingKwargs(c.text)
			checkRefused(t, err, c.field, c.words)
		})
	}
}

func checkRefused(t *testing.T, err error, field string, words []string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Kind != Invalid {
		t.Fatalf("got %v, want an invalid %s", err, field)
	}
	if e.Field != field {
		t.Errorf("field is %q, want %q (%v)", e.Field, field, err)
	}
	for _, word := range words {
		if !strings.Contains(e.Error()+" "+e.Hint, word) {
			t.Errorf("%q (hint %q) does not say %q", e.Error(), e.Hint, word)
		}
	}
}

func TestTrainingKwargsFromJSON(t *testing.T) {
	cases := map[string]string{ // JSON -> the same as text
		`null`:                                 "",
		`{}`:                                   "",
		`""`:                                   "",
		`"epochs=5"`:                           "epochs=5",
		`{"epochs": 5, "shuffle": false}`:      "epochs=5, shuffle=False",
		`{"epochs": 1e3}`:                      "epochs=1000",
		`{"steps_per_epoch": null}`:            "",
		`{"class_weight": {"0": 1, "1": 2.5}}`: "class_weight={0: 1.0, 1: 2.5}",
		`{"verbose": "auto"}`:                  "verbose=1",
		`"epochs=2, class_weight={0: 1.0}"`:    "epochs=2, class_weight={0: 1.0}",
	}
	for source, text := range cases {
		t.Run(source, func(t *testing.T) {
			want, err := ParseTrainingKwargs(text)
			if err != nil {
				t.Fatal(err)
			}
			d := Deployment{TrainingKwargs: TrainingKwargs{Epochs: 77}}
			if err := json.Unmarshal([]byte(`{"training_kwargs": `+source+`}`), &d); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, d.TrainingKwargs); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestRefusedJSONKwargs(t *testing.T) {
	cases := []struct{ source, field, word string }{
		{`{"training_kwargs": {"epoch": 5}}`, "training_kwargs.epoch", "allowed: epochs"},
		{`{"training_kwargs": {"callbacks": []}}`, "training_kwargs.callbacks", "schedule"},
		{`{"training_kwargs": {"validation_freq": [1, 2]}}`, "training_kwargs.validation_freq", "lists"},
		{`{"training_kwargs": {"class_weight": {"cat": 1}}}`, "training_kwargs.class_weight", `{"cat": 1}`},
		{`{"training_kwargs": {"epochs": "5"}}`, "training_kwargs.epochs", "whole number"},
		{`{"training_kwargs": [1]}`, "training_kwargs", "object"},
		{`{"training_kwargs": 5}`, "training_kwargs", "object"},
		{`{"training_kwargs": "epoch=5"}`, "training_kwargs.epoch", "allowed"},
		{`{"validation_kwargs": {"epochs": 5}}`, "validation_kwargs.epochs", "allowed: steps, verbose"},
		{`{"validation_kwargs": "steps=0"}`, "validation_kwargs.steps", "whole split"},
	}
	for _, c := range cases {
		t.Run(c.source, func(t *testing.T) {
			err := json.Unmarshal([]byte(c.source), &Deployment{})
			checkRefused(t, err, c.field, []string{c.word})
		})
	}
}

func TestValidationKwargs(t *testing.T) {
	got, err := ParseValidationKwargs("steps=10, verbose=0")
	if err != nil || got != (ValidationKwargs{Steps: 10}) {
		t.Errorf("got %+v, %v", got, err)
	}
	var d Deployment
	if err := json.Unmarshal([]byte(`{"validation_kwargs": {"steps": 3}}`), &d); err != nil || d.ValidationKwargs != (ValidationKwargs{Steps: 3, Verbose: 1}) {
		t.Errorf("got %+v, %v", d.ValidationKwargs, err)
	}
}

func TestClassWeightsFitTheModel(t *testing.T) {
	one := []Tensor{{}}
	weighted := TrainingKwargs{ClassWeight: map[int]float64{0: 1, 2: 3}}
	cases := []struct {
		name   string
		kwargs TrainingKwargs
		export Export
		word   string // of the error; empty: fits
	}{
		{"no weights, any model", TrainingKwargs{}, Export{Task: Regression}, ""},
		{"three classes", weighted, Export{Task: Classification, Classes: 3, Labels: one, Weighted: true}, ""},
		{"unknown number of classes", weighted, Export{Task: OtherTask, Labels: one, Weighted: true}, ""},
		{"too few classes", weighted, Export{Task: Classification, Classes: 2, Labels: one, Weighted: true}, "no class 2"},
		{"binary", weighted, Export{Task: BinaryClassification, Labels: one, Weighted: true}, "classes 0 to 1"},
		{"regression", weighted, Export{Task: Regression, Labels: one, Weighted: true}, "no classes"},
		{"two outputs", weighted, Export{Labels: []Tensor{{}, {}}, Weighted: true}, "2 outputs"},
		{"own train_step", weighted, Export{Task: Classification, Classes: 3, Labels: one}, "train_step"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := c.kwargs.Fits(c.export)
			if c.word == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			checkRefused(t, err, "training_kwargs.class_weight", []string{c.word})
		})
	}
}

func FuzzTrainingKwargs(f *testing.F) {
	for _, text := range []string{
		"", "epochs=1000, steps_per_epoch=22, shuffle=True, verbose=0", "class_weight={0: 1.0, 1: 2.5}", "epochs=1_0e+3",
		"verbose='auto'", "callbacks=[f(x)]", "a={b:{}}", "epochs=--1", "epochs=.", "shuffle=None,", "{", "epochs=1e", "é=1", "class_weight={1:",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParseTrainingKwargs(text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Kind != Invalid || !strings.HasPrefix(e.Field, "training_kwargs") {
				t.Fatalf("%q is refused as %#v", text, err)
			}
			return
		}
		if k.Epochs < 1 || k.Epochs > maxEpochs || k.InitialEpoch < 0 || k.InitialEpoch >= k.Epochs || k.StepsPerEpoch < 0 || k.ValidationFreq < 1 {
			t.Fatalf("%q is taken as %+v", text, k)
		}
		checkJSONRoundTrip(t, k)
	})
}
