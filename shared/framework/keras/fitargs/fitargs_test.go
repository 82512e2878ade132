package fitargs

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestTrainingKwargsFromText(t *testing.T) {
	def := pipeline.DefaultTrainingKwargs
	with := func(change func(k *pipeline.TrainingKwargs)) pipeline.TrainingKwargs {
		k := def()
		change(&k)
		return k
	}
	cases := map[string]pipeline.TrainingKwargs{
		"":           def(),
		" \n\t ":     def(),
		"epochs=5":   with(func(k *pipeline.TrainingKwargs) { k.Epochs = 5 }),
		"epochs=5 ,": with(func(k *pipeline.TrainingKwargs) { k.Epochs = 5 }),
		"epochs=1000, steps_per_epoch=22, shuffle=True, verbose=0": with(func(k *pipeline.TrainingKwargs) { k.Epochs, k.StepsPerEpoch, k.Verbose = 1000, 22, 0 }),
		"epochs = 1_000 ,\n  steps_per_epoch = None":               with(func(k *pipeline.TrainingKwargs) { k.Epochs = 1000 }),
		"epochs=1e3":                 with(func(k *pipeline.TrainingKwargs) { k.Epochs = 1000 }),
		"epochs=2.5E+1":              with(func(k *pipeline.TrainingKwargs) { k.Epochs = 25 }),
		"epochs=+7":                  with(func(k *pipeline.TrainingKwargs) { k.Epochs = 7 }),
		"epochs=10, initial_epoch=0": with(func(k *pipeline.TrainingKwargs) { k.Epochs = 10 }),
		"callbacks=[]":               with(func(*pipeline.TrainingKwargs) {}),
		"callbacks=None":             with(func(*pipeline.TrainingKwargs) {}),
		"callbacks=EarlyStopping('loss'), epochs=2": with(func(k *pipeline.TrainingKwargs) {
			k.Epochs, k.EarlyStopping = 2, &pipeline.EarlyStopping{Monitor: "loss", Mode: pipeline.ModeAuto}
		}),
		"callbacks=[keras.callbacks.EarlyStopping()]": with(func(k *pipeline.TrainingKwargs) {
			k.EarlyStopping = &pipeline.EarlyStopping{Monitor: "val_loss", Mode: pipeline.ModeAuto}
		}),
		"callbacks = [tf.keras.callbacks.EarlyStopping('loss', -0.5, patience=3, verbose=1, mode='min', baseline=2, restore_best_weights=True, start_from_epoch=1,),]": with(func(k *pipeline.TrainingKwargs) {
			two := 2.0
			k.EarlyStopping = &pipeline.EarlyStopping{Monitor: "loss", MinDelta: 0.5, Patience: 3, Mode: pipeline.ModeMin, Baseline: &two, RestoreBest: true, StartFrom: 1}
		}),
		"callbacks=[ReduceLROnPlateau(), EarlyStopping(mode='max')]": with(func(k *pipeline.TrainingKwargs) {
			k.EarlyStopping = &pipeline.EarlyStopping{Monitor: "val_loss", Mode: pipeline.ModeMax}
			k.ReduceLR = &pipeline.ReduceLR{Monitor: "val_loss", Factor: 0.1, Patience: 10, Mode: pipeline.ModeAuto, MinDelta: 1e-4}
		}),
		"reduce_lr_on_plateau={'monitor': 'loss', 'factor': 0, 'patience': 0, 'min_delta': 0, 'cooldown': 2, 'min_lr': 1e-5}, early_stopping=None": with(func(k *pipeline.TrainingKwargs) {
			k.ReduceLR = &pipeline.ReduceLR{Monitor: "loss", Mode: pipeline.ModeAuto, Cooldown: 2, MinLR: 1e-5}
		}),
		"checkpoint={'every_epochs': 5}":   with(func(k *pipeline.TrainingKwargs) { k.Checkpoint = &pipeline.Checkpoint{EveryEpochs: 5} }),
		"checkpoint={every_epochs : 5}":    with(func(k *pipeline.TrainingKwargs) { k.Checkpoint = &pipeline.Checkpoint{EveryEpochs: 5} }),
		"checkpoint=dict(every_epochs=5,)": with(func(k *pipeline.TrainingKwargs) { k.Checkpoint = &pipeline.Checkpoint{EveryEpochs: 5} }),
		"checkpoint={}":                    with(func(k *pipeline.TrainingKwargs) { k.Checkpoint = &pipeline.Checkpoint{EverySeconds: 10} }),
		"checkpoint={'every_seconds': 60}": with(func(k *pipeline.TrainingKwargs) { k.Checkpoint = &pipeline.Checkpoint{EverySeconds: 60} }),
		"epochs=10,initial_epoch=9":        with(func(k *pipeline.TrainingKwargs) { k.Epochs, k.InitialEpoch = 10, 9 }),
		"shuffle=False":                    with(func(k *pipeline.TrainingKwargs) { k.Shuffle = false }),
		"verbose='auto'":                   def(),
		`verbose="auto"`:                   def(),
		"verbose=True":                     def(),
		"verbose=2":                        with(func(k *pipeline.TrainingKwargs) { k.Verbose = 2 }),
		"epochs=4, validation_freq=2":      with(func(k *pipeline.TrainingKwargs) { k.Epochs, k.ValidationFreq = 4, 2 }),
		"class_weight=None":                def(),
		"class_weight={0: 1.0, 1: 2.5}":    with(func(k *pipeline.TrainingKwargs) { k.ClassWeight = map[int]float64{0: 1, 1: 2.5} }),
		"class_weight={0:1,1:.5,2:1e-3,}":  with(func(k *pipeline.TrainingKwargs) { k.ClassWeight = map[int]float64{0: 1, 1: .5, 2: .001} }),
	}
	for text, want := range cases {
		t.Run(text, func(t *testing.T) {
			got, err := Fit(inJSON(t, text))
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

// inJSON is text in a JSON string.
func inJSON(t *testing.T, text string) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func checkJSONRoundTrip(t *testing.T, k pipeline.TrainingKwargs) {
	t.Helper()
	b, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Fit(b)
	if err != nil {
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
		{"epoch=5", "training_kwargs.epoch", []string{"epoch", "allowed: epochs, steps_per_epoch, initial_epoch, shuffle, verbose, validation_freq, class_weight, early_stopping, reduce_lr_on_plateau, checkpoint, callbacks"}},
		{"callbacks=[keras.callbacks.TensorBoard(log_dir='x', f=lambda e: e)]", "training_kwargs.callbacks", []string{`"TensorBoard"`, "page", "EarlyStopping"}},
		{"callbacks=[LearningRateScheduler(f)]", "training_kwargs.callbacks", []string{"schedules"}},
		{"callbacks=[Mine()]", "training_kwargs.callbacks", []string{`"Mine"`, "Python", "ReduceLROnPlateau"}},
		{"callbacks=[EarlyStopping(), EarlyStopping()]", "training_kwargs.callbacks", []string{"twice"}},
		{"early_stopping={}, callbacks=[EarlyStopping()]", "training_kwargs.callbacks", []string{"twice"}},
		{"callbacks=[EarlyStopping(patience=-1)]", "training_kwargs.early_stopping.patience", []string{"from 0", "-1"}},
		{"callbacks=[EarlyStopping(patience=1, patience=2)]", "training_kwargs.early_stopping.patience", []string{"twice"}},
		{"callbacks=[EarlyStopping('loss', monitor='loss')]", "training_kwargs.early_stopping.monitor", []string{"twice"}},
		{"callbacks=[EarlyStopping(patience=1, 'loss')]", "training_kwargs", []string{"a name", "before"}},
		{"callbacks=[EarlyStopping(waits=1)]", "training_kwargs.early_stopping.waits", []string{"allowed: monitor"}},
		{"callbacks=[ReduceLROnPlateau('loss', 0.1, 1, 0, 'min', 0, 0, 0, 0)]", "training_kwargs", []string{"no more than 8"}},
		{"callbacks=[EarlyStopping]", "training_kwargs", []string{"( is expected"}},
		{"callbacks=[EarlyStopping(", "training_kwargs", []string{"a value", "the end"}},
		{"callbacks=[EarlyStopping() EarlyStopping()]", "training_kwargs", []string{"comma or ]"}},
		{"callbacks=mine", "training_kwargs.callbacks", []string{`"mine"`, "EarlyStopping"}},
		{"callbacks=3", "training_kwargs.callbacks", []string{`"3"`}},
		{"callbacks=(EarlyStopping(),)", "training_kwargs", []string{"the class of a callback"}},
		{"checkpoint=dict(5)", "training_kwargs", []string{"without a name"}},
		{"checkpoint=dict", "training_kwargs", []string{"a dict of them"}},
		{"checkpoint={None: 5}", "training_kwargs.checkpoint.None", nil},
		{"checkpoint={'every_epochs': 1, 'every_seconds': 5}", "training_kwargs.checkpoint", []string{"either"}},
		{"checkpoint={'every_epochs': 0}", "training_kwargs.checkpoint.every_epochs", []string{"from 1"}},
		{"callbacks=[BackupAndRestore('/tmp/x')]", "training_kwargs.callbacks", []string{"checkpoint="}},
		{"early_stopping=True", "training_kwargs.early_stopping", []string{"a dict", "True"}},
		{"early_stopping={'monitor': 3}", "training_kwargs.early_stopping.monitor", []string{"val_loss"}},
		{"early_stopping={'mode': 'up'}", "training_kwargs.early_stopping.mode", []string{"min", `"up"`}},
		{"early_stopping={'baseline': 'x'}", "training_kwargs.early_stopping.baseline", []string{"None"}},
		{"early_stopping={3: 4}", "training_kwargs.early_stopping.3", []string{"allowed"}},
		{"early_stopping={'patience': 1, 'patience': 2}", "training_kwargs.early_stopping.patience", []string{"twice"}},
		{"reduce_lr_on_plateau={'factor': 1.0}", "training_kwargs.reduce_lr_on_plateau.factor", []string{"below 1"}},
		{"reduce_lr_on_plateau={'min_lr': -1}", "training_kwargs.reduce_lr_on_plateau.min_lr", []string{"0 or more"}},
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
		{"early_stopping={'monitor': val_loss}", "training_kwargs", []string{"'v'", "in quotation marks"}},
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
			_, err := Fit(inJSON(t, c.text))
			checkRefused(t, err, c.field, c.words)
		})
	}
}

func checkRefused(t *testing.T, err error, field string, words []string) {
	t.Helper()
	var e *pipeline.Error
	if !errors.As(err, &e) || e.Kind != pipeline.Invalid {
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
		``:                                     "",
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
		`{"early_stopping": {"monitor": "loss", "patience": 3, "baseline": null, "restore_best_weights": true}}`: "early_stopping={'monitor': 'loss', 'patience': 3, 'restore_best_weights': True}",
	}
	for source, text := range cases {
		t.Run(source, func(t *testing.T) {
			want, err := Fit(inJSON(t, text))
			if err != nil {
				t.Fatal(err)
			}
			got, err := Fit(json.RawMessage(source))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestRefusedJSONKwargs(t *testing.T) {
	cases := []struct{ source, field, word string }{
		{`{"epoch": 5}`, "training_kwargs.epoch", "allowed: epochs"},
		{`{"callbacks": []}`, "training_kwargs.callbacks", "lists"},
		{`{"callbacks": "EarlyStopping()"}`, "training_kwargs.callbacks", "early_stopping"},
		{`{"early_stopping": {"patience": "3"}}`, "training_kwargs.early_stopping.patience", "whole number"},
		{`{"validation_freq": [1, 2]}`, "training_kwargs.validation_freq", "lists"},
		{`{"class_weight": {"cat": 1}}`, "training_kwargs.class_weight", `{"cat": 1}`},
		{`{"epochs": "5"}`, "training_kwargs.epochs", "whole number"},
		{`[1]`, "training_kwargs", "object"},
		{`5`, "training_kwargs", "object"},
		{`"epoch=5"`, "training_kwargs.epoch", "allowed"},
		{`{"epochs": 5}`, "validation_kwargs.epochs", "allowed: steps, verbose"},
		{`"steps=0"`, "validation_kwargs.steps", "whole split"},
	}
	for _, c := range cases {
		t.Run(c.source, func(t *testing.T) {
			_, err := Fit(json.RawMessage(c.source))
			if strings.HasPrefix(c.field, "validation_kwargs") {
				_, err = Evaluate(json.RawMessage(c.source))
			}
			checkRefused(t, err, c.field, []string{c.word})
		})
	}
}

func TestValidationKwargs(t *testing.T) {
	for source, want := range map[string]pipeline.ValidationKwargs{
		``: {Verbose: 1}, `null`: {Verbose: 1}, `"steps=10, verbose=0"`: {Steps: 10}, `{"steps": 3}`: {Steps: 3, Verbose: 1},
	} {
		if got, err := Evaluate(json.RawMessage(source)); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", source, got, err)
		}
	}
}

func TestClassWeightsFitTheModel(t *testing.T) {
	one := []pipeline.Tensor{{}}
	weighted := pipeline.TrainingKwargs{ClassWeight: map[int]float64{0: 1, 2: 3}}
	of := func(n int) []pipeline.Tensor { return []pipeline.Tensor{{Name: "y", Shape: []int{n}}} }
	cases := []struct {
		name   string
		kwargs pipeline.TrainingKwargs
		export pipeline.Export
		word   string // of the error; empty: fits
	}{
		{"no weights, any model", pipeline.TrainingKwargs{}, pipeline.Export{Task: pipeline.Regression}, ""},
		{"three classes", weighted, pipeline.Export{Task: pipeline.Classification, Classes: 3, Labels: one, Weighted: true}, ""},
		{"unknown number of classes", weighted, pipeline.Export{Task: pipeline.OtherTask, Labels: one, Weighted: true}, ""},
		{"too few classes", weighted, pipeline.Export{Task: pipeline.Classification, Classes: 2, Labels: one, Weighted: true}, "no class 2"},
		{"binary", weighted, pipeline.Export{Task: pipeline.BinaryClassification, Labels: one, Weighted: true}, "classes 0 to 1"},
		{"regression", weighted, pipeline.Export{Task: pipeline.Regression, Labels: one, Weighted: true}, "no classes"},
		{"a class a step", weighted, pipeline.Export{Task: pipeline.OtherTask, Labels: of(10), Weighted: true}, "names no single class"},
		{"several truths", weighted, pipeline.Export{Task: pipeline.OtherTask, Labels: of(3), Weighted: true}, "shape [3]"},
		{"one-hot", weighted, pipeline.Export{Task: pipeline.Classification, Classes: 3, Labels: of(3), Weighted: true}, ""},
		{"two outputs", weighted, pipeline.Export{Labels: []pipeline.Tensor{{}, {}}, Weighted: true}, "2 outputs"},
		{"own train_step", weighted, pipeline.Export{Task: pipeline.Classification, Classes: 3, Labels: one}, "train_step"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := Suit(c.kwargs, c.export)
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

func TestCallbacksFitTheModel(t *testing.T) {
	e := pipeline.Export{Variables: "wwro", Monitors: map[string]pipeline.MetricMode{"loss": pipeline.ModeMin, "own": "", "val_loss": pipeline.ModeMin}}
	scheduled, old := e, pipeline.Export{}
	scheduled.Variables = "wwo"
	cases := []struct {
		name, kwargs, field string // no field: it fits
		export              pipeline.Export
		words               []string
	}{
		{"known", "early_stopping={}, reduce_lr_on_plateau={'monitor': 'loss'}", "", e, nil},
		{"stated mode", "early_stopping={'monitor': 'own', 'mode': 'max'}", "", e, nil},
		{"no such metric", "early_stopping={'monitor': 'val_acc'}", "training_kwargs.early_stopping.monitor", e, []string{"val_acc", "loss, own, val_loss", "validation_rate"}},
		{"mode not known", "early_stopping={'monitor': 'own'}", "training_kwargs.early_stopping.mode", e, []string{"own", "max"}},
		{"a schedule", "reduce_lr_on_plateau={'monitor': 'loss'}", "training_kwargs.reduce_lr_on_plateau", scheduled, []string{"schedule"}},
		{"plateau of another", "reduce_lr_on_plateau={'monitor': 'x'}", "training_kwargs.reduce_lr_on_plateau.monitor", e, []string{"x"}},
		{"of an earlier version", "early_stopping={}", "training_kwargs.early_stopping.monitor", old, []string{"again"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			k, err := Fit(inJSON(t, c.kwargs))
			if err != nil {
				t.Fatal(err)
			}
			if err := Suit(k, c.export); c.field != "" {
				checkRefused(t, err, c.field, c.words)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func FuzzTrainingKwargs(f *testing.F) {
	for _, text := range []string{
		"", "epochs=1000, steps_per_epoch=22, shuffle=True, verbose=0", "class_weight={0: 1.0, 1: 2.5}", "epochs=1_0e+3",
		"verbose='auto'", "callbacks=[f(x)]", "callbacks=[a.EarlyStopping('loss', patience=3,), ReduceLROnPlateau(min_lr=1e-5)]", "early_stopping={'mode': 'max'}", "a={b:{}}", "epochs=--1", "epochs=.", "shuffle=None,", "{", "epochs=1e", "é=1", "class_weight={1:",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := Fit(inJSON(t, text))
		if err != nil {
			var e *pipeline.Error
			if !errors.As(err, &e) || e.Kind != pipeline.Invalid || !strings.HasPrefix(e.Field, "training_kwargs") {
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
