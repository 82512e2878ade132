package keras

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// asked is what a source asks hp for, as a space has it.
func asked(e pipeline.Export) (all []string) {
	for _, p := range e.Hyperparameters {
		all = append(all, p.String())
	}
	return all
}

// TestHyperparameters reads what sources ask hp for, written in the ways of
// KerasTuner's users, and builds them again with other values.
func TestHyperparameters(t *testing.T) {
	const (
		// The first example of KerasTuner's guide.
		function = "import keras_tuner\n\n\ndef helper(x):\n    return x\n\n\n" +
			"def build_model(hp):\n    model = keras.Sequential([keras.Input((4,))])\n" +
			"    for i in range(hp.Int('num_layers', 1, 3)):\n" +
			"        model.add(layers.Dense(units=hp.Int(f'units_{i}', min_value=32, max_value=512, step=32), activation=hp.Choice('activation', ['relu', 'tanh'])))\n" +
			"    if hp.Boolean('dropout'):\n        model.add(layers.Dropout(rate=hp.Float('rate', 0.1, 0.5, step=0.1)))\n" +
			"    model.add(layers.Dense(1))\n" +
			"    learning_rate = hp.Float('lr', min_value=1e-4, max_value=1e-2, sampling='log')\n" +
			"    model.compile(keras.optimizers.Adam(learning_rate=learning_rate), 'mse')\n    return model\n\n\nbuild_model(keras_tuner.HyperParameters())\n"
		global = "units = hp.Int('units', 16, 256, sampling='log', default=64)\nfixed = hp.Fixed('f', 3)\n" +
			"model = keras.Sequential([keras.Input((4,)), layers.Dense(units), layers.Dense(hp.Choice('outputs', [1, 2], default=1))])\nmodel.compile('sgd', 'mse')\n"
		class = "import keras_tuner as kt\n\n\nclass Own(kt.HyperModel):\n    def build(self, hp):\n" +
			"        kind = hp.Choice('kind', ['small', 'large'])\n        units = 4\n" +
			"        with hp.conditional_scope('kind', ['large']):\n            units = hp.Int('units', 8, 64, step=2, sampling='log')\n" +
			"        with hp.name_scope('out'):\n            bias = hp.Boolean('bias', default=True, parent_name='kind', parent_values=['small'])\n" +
			"        model = keras.Sequential([keras.Input((4,)), layers.Dense(units), layers.Dense(1, use_bias=bias)])\n" +
			"        model.compile('sgd', 'mse')\n        return model\n"
	)
	for name, c := range map[string]struct {
		source     string
		asks       []string
		values     map[string]any
		parameters [2]int64 // of the defaults, and of the values
	}{
		"a function": {
			function,
			[]string{
				"hp.num_layers=int(1,3)", "hp.units_0=int(32,512,32)", "hp.activation=[relu,tanh]", "hp.dropout=[false,true]", "hp.lr=log(0.0001,0.01)",
				"hp.units_1=int(32,512,32)", "hp.units_2=int(32,512,32)", "hp.rate=float(0.1,0.5,0.1)",
			},
			map[string]any{"hp.num_layers": 2.0, "hp.units_0": 64.0, "hp.units_1": 96.0, "hp.dropout": true, "hp.rate": 0.2},
			[2]int64{5*32 + 33, 5*64 + 65*96 + 97},
		},
		"a global hp": {
			global,
			[]string{"hp.units=int(16,256,log)", "hp.outputs=[1,2]"},
			map[string]any{"hp.units": 100.0, "hp.outputs": 2.0},
			[2]int64{5*64 + 65, 5*100 + 202},
		},
		"a class": {
			class,
			[]string{"hp.kind=[small,large]", "hp.out/bias=[false,true]", "hp.units=[8,16,32,64]"},
			map[string]any{"hp.kind": "large", "hp.units": 16.0},
			[2]int64{5*8 + 9, 5*16 + 17}, // what is not asked for has its default, too
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s := sharedWorker(t), framework.Source{Imports: imports, Text: c.source}
			e, err := w.Export(t.Context(), s, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.asks, asked(e)); diff != "" {
				t.Error(diff)
			}
			if e.TrainableParameters != c.parameters[0] {
				t.Errorf("by its defaults it has %d parameters, want %d", e.TrainableParameters, c.parameters[0])
			}
			s.Values = c.values
			if e, err = w.Export(t.Context(), s, t.TempDir()); err != nil || e.TrainableParameters != c.parameters[1] {
				t.Errorf("%v: %d parameters, %v, want %d", c.values, e.TrainableParameters, err, c.parameters[1])
			}
		})
	}
}

// What hp cannot be asked for is refused at its line.
func TestRefusedHyperparameters(t *testing.T) {
	const model = "\nmodel = keras.Sequential([keras.Input((4,)), layers.Dense(units)])\nmodel.compile('sgd', 'mse')\n"
	w := sharedWorker(t)
	for source, why := range map[string]string{
		"units = hp.Int('units', 5, 1)":                                        "has no value from 5 to 1",
		"units = hp.Int('units', 1.5, 3)":                                      "1.5 is no whole number",
		"units = hp.Int('units', 1, 10**30)":                                   "is no whole number from -2**53",
		"units = hp.Int(' ', 1, 3)":                                            "hp has no name",
		"units = hp.Int('units', 1, 3, sampling='reverse_log')":                "reverse_log",
		"units = hp.Int('units', 0, 3, sampling='log')":                        "has no value from 0 to 3",
		"units = hp.Int('units', 1, 8, step=1, sampling='log')":                "multiplies",
		"units = hp.Int('units', 1, 3, default=4)":                             "the default 4",
		"units = hp.Choice('units', [])":                                       "has 1 to 256 choices",
		"units = hp.Choice('units', [(1, 2)])":                                 "has 1 to 256 choices",
		"units = hp.Int('units', 1, 3); hp.Int('units', 1, 4)":                 "asked for twice",
		"units = hp.Quantized('units', 1, 3)":                                  "hp has no Quantized",
		"units = hp.get('units')":                                              "hp has no value of units",
		"units = [hp.Int(str(i), 1, 3) for i in range(65)][0]":                 "more than 64",
		"import keras_tuner as kt; tuner = kt.RandomSearch(None)":              "no attribute 'RandomSearch'",
		"from keras_tuner import Hyperband":                                    "cannot import name 'Hyperband'",
		"def build(hp):\n    return 3\nmodel = None\nunits = 1; layers = None": "build(hp) gives a int",
	} {
		text := source + model
		if strings.HasPrefix(source, "def") {
			text = source
		}
		_, err := w.Export(t.Context(), framework.Source{Imports: imports, Text: text}, t.TempDir())
		var e *pipeline.Error
		if !errors.As(err, &e) || e.Kind != pipeline.Invalid || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if strings.Contains(source, "keras_tuner") && !strings.Contains(e.Hint, "leave the tuner out") {
			t.Errorf("%s: the hint is %q", source, e.Hint)
		}
	}
}

// What a child says that its source asks for is no space unless a study could try it.
func TestAttackForgedHyperparameters(t *testing.T) {
	sound := pipeline.Parameter{Name: "hp.units", Kind: pipeline.ParameterInt, Low: 1, High: 9, Default: 3.0}
	if err := checkHyperparameters([]pipeline.Parameter{sound}); err != nil {
		t.Fatal(err)
	}
	if err := checkHyperparameters(slices.Repeat([]pipeline.Parameter{sound}, 2)); err == nil {
		t.Error("a name is taken twice")
	}
	if err := checkHyperparameters(make([]pipeline.Parameter, pipeline.MaxParameters+1)); err == nil {
		t.Error("more are taken than a space has")
	}
	for name, forge := range map[string]func(*pipeline.Parameter){
		"another name":     func(p *pipeline.Parameter) { p.Name = "batch_size" },
		"a name of lines":  func(p *pipeline.Parameter) { p.Name = "hp.a\nb" },
		"no range":         func(p *pipeline.Parameter) { p.Kind = "zipf" },
		"no value":         func(p *pipeline.Parameter) { p.Low = 10 },
		"no logarithm":     func(p *pipeline.Parameter) { p.Low, p.Log = 0, true },
		"no whole number":  func(p *pipeline.Parameter) { p.Low = 0.5 },
		"too many choices": func(p *pipeline.Parameter) { p.Kind, p.Choices = pipeline.ParameterChoice, make([]any, 257) },
		"a choice of lines": func(p *pipeline.Parameter) {
			p.Kind, p.Choices, p.Default = pipeline.ParameterChoice, []any{"a\x1b"}, "a\x1b"
		},
		"another default": func(p *pipeline.Parameter) { p.Default = 10.0 },
		"no default":      func(p *pipeline.Parameter) { p.Default = nil },
		"a choice of lists": func(p *pipeline.Parameter) {
			p.Kind, p.Choices, p.Default = pipeline.ParameterChoice, []any{[]any{1.0}, 3.0}, 3.0
		},
	} {
		p := sound
		if forge(&p); checkHyperparameters([]pipeline.Parameter{p}) == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
