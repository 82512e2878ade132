package keras

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestErrors holds what a person reads when the source is wrong: the field,
// the place and the reason.
func TestErrors(t *testing.T) {
	const input = "x = keras.Input((4,))\n"
	cases := map[string]struct {
		imports, source string
		field           string
		at              *pipeline.Position
		reason, hint    string // parts of them
	}{
		"syntax error": {
			source: "model = keras.Sequential([\n", field: "source",
			at: &pipeline.Position{Line: 1, Column: 26}, reason: "'[' was never closed",
		},
		"syntax error in the imports": {
			imports: "import keras\nimport tensorflow az tf\n", source: small, field: "imports",
			at: &pipeline.Position{Line: 2, Column: 19, EndLine: 2, EndColumn: 21}, reason: "SyntaxError: invalid syntax",
		},
		"indentation": {
			source: "if True:\nmodel = 1\n", field: "source",
			at: &pipeline.Position{Line: 2, Column: 1, EndLine: 2, EndColumn: 6}, reason: "IndentationError: expected an indented block",
		},
		"missing module": {
			imports: imports + "import torch\n", source: small, field: "imports",
			at: &pipeline.Position{Line: 4, Column: 1, EndLine: 4, EndColumn: 13}, reason: "No module named 'torch'", hint: "TensorFlow and Keras can be imported",
		},
		"a layer's name with a space": {
			source: input + "model = keras.Model(x, layers.Dense(1, name='my layer')(x))\nmodel.compile('adam', 'mse')\n", field: "source",
			at: &pipeline.Position{Line: 2, Column: 45, EndLine: 2, EndColumn: 55}, reason: "the name 'my layer' cannot be exported", hint: "name it 'my_layer'",
		},
		"a metric's name of other letters": {
			source: input + "model = keras.Model(x, layers.Dense(1)(x))\nmodel.compile('adam', 'mse', metrics=[keras.metrics.MeanAbsoluteError(name='größe')])\n", field: "source",
			at: &pipeline.Position{Line: 3, Column: 76, EndLine: 3, EndColumn: 83}, reason: "the name 'größe' cannot be exported", hint: "name it 'gr__e'",
		},
		"unknown name": {
			source: input + "y = dense(x)\n", field: "source",
			at: &pipeline.Position{Line: 2, Column: 5, EndLine: 2, EndColumn: 10}, reason: "NameError: name 'dense' is not defined",
		},
		"column behind characters of several bytes": {
			source: input + "s = 'äöü€𝄞'; dense(x)\n", field: "source",
			at: &pipeline.Position{Line: 2, Column: 14, EndLine: 2, EndColumn: 19}, reason: "NameError: name 'dense' is not defined",
		},
		"carriage returns": {
			source: "x = 1\r\ny = dense(x)\r\n", field: "source",
			at: &pipeline.Position{Line: 2, Column: 5, EndLine: 2, EndColumn: 10}, reason: "NameError: name 'dense' is not defined",
		},
		"in a function called from below": {
			source: "def build():\n    return keras.layers.Dense(-1)\n\n\nmodel = build()\n", field: "source",
			at: &pipeline.Position{Line: 2, Column: 12, EndLine: 2, EndColumn: 34}, reason: "ValueError",
		},
		"shapes that do not fit": {
			source: input + "a = layers.Dense(3)(x)\nb = layers.Dense(2)(x)\nmodel = keras.Model(x, layers.Add()([a, b]))\n", field: "source",
			at: &pipeline.Position{Line: 4, Column: 24, EndLine: 4, EndColumn: 44}, reason: "Inputs have incompatible shapes",
		},
		"in the call of a custom layer": {
			source: "class L(layers.Layer):\n    def call(self, x):\n        return x @ keras.ops.ones((7, 1))\n\n\n" +
				"model = keras.Sequential([keras.Input((4,)), L()])\n", field: "source",
			at: &pipeline.Position{Line: 3, Column: 16, EndLine: 3, EndColumn: 42}, reason: "7",
		},
		"in a custom loss": {
			source: "def loss(y, p):\n    return keras.ops.matmul(y, keras.ops.ones((7, 1)))\n\n\n" +
				"model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])\nmodel.compile('adam', loss)\n", field: "source",
			at: &pipeline.Position{Line: 2, Column: 12, EndLine: 2, EndColumn: 55}, reason: "7",
		},
		"no model": {
			source: input, field: "source", reason: "there is no variable named model", hint: "assign the compiled keras.Model",
		},
		"the model has another name": {
			source: "net = keras.Sequential([keras.Input((4,)), layers.Dense(1)])\nnet.compile('adam', 'mse')\n", field: "source",
			at: &pipeline.Position{Line: 1, Column: 1, EndLine: 1, EndColumn: 61, Guess: true}, reason: "no variable named model", hint: "the variable net: name it model",
		},
		"model is something else": {
			source: "model = [1]\n", field: "source",
			at: &pipeline.Position{Line: 1, Column: 1, EndLine: 1, EndColumn: 12, Guess: true}, reason: "holds a list",
		},
		"not compiled": {
			source: input + "model = keras.Model(x, layers.Dense(1)(x))\n", field: "source",
			at: &pipeline.Position{Line: 2, Column: 1, EndLine: 2, EndColumn: 43, Guess: true}, reason: "not compiled", hint: "model.compile(",
		},
		"unknown loss": {
			source: input + "model = keras.Model(x, layers.Dense(1)(x))\nmodel.compile('adam', 'nonsense')\n", field: "source",
			at: &pipeline.Position{Line: 3, Column: 1, EndLine: 3, EndColumn: 34, Guess: true}, reason: "nonsense",
		},
		"unknown optimizer": {
			source: input + "model = keras.Model(x, layers.Dense(1)(x))\nmodel.compile('adamm', 'mse')\n", field: "source",
			at: &pipeline.Position{Line: 3, Column: 1, EndLine: 3, EndColumn: 30}, reason: "adamm",
		},
		"losses for more outputs": {
			source: input + "model = keras.Model(x, [layers.Dense(1)(x), layers.Dense(1)(x)])\nmodel.compile('adam', ['mse'] * 3)\n", field: "source",
			at: &pipeline.Position{Line: 3, Column: 1, EndLine: 3, EndColumn: 35, Guess: true}, reason: "3 losses were given for 2 outputs",
		},
		"classes from one output": {
			source: input + "model = keras.Model(x, layers.Dense(1, 'sigmoid')(x))\nmodel.compile('adam', 'sparse_categorical_crossentropy')\n", field: "source",
			at: &pipeline.Position{Line: 3, Column: 1, EndLine: 3, EndColumn: 57, Guess: true}, reason: "one output for each class", hint: "binary_crossentropy",
		},
		"loss that does not fit the output": {
			source: input + "model = keras.Model(x, layers.Dense(3)(x))\nmodel.compile('adam', lambda y, p: keras.losses.categorical_crossentropy(y[:, :2], p))\n", field: "source",
			at: &pipeline.Position{Line: 3, Column: 36, EndLine: 3, EndColumn: 86}, reason: "must have the same shape", hint: "loss fits",
		},
		"not exportable": {
			source: "class M(keras.Model):\n    def __init__(self):\n        super().__init__()\n        self.d = layers.Dense(1)\n\n" +
				"    def call(self, x):\n        return self.d(x) * float(keras.ops.sum(x))\n\n\nmodel = M()\nmodel.build((None, 4))\nmodel.compile('adam', 'mse')\n", field: "source",
			at: &pipeline.Position{Line: 7, Column: 28, EndLine: 7, EndColumn: 51}, reason: "float",
		},
		"no input shape": {
			source: "model = keras.Sequential([layers.Dense(1)])\nmodel.compile('adam', 'mse')\n", field: "source",
			at: &pipeline.Position{Line: 2, Column: 1, EndLine: 2, EndColumn: 29, Guess: true}, reason: "input shape",
		},
		"python function in the graph": {
			source: input + "class L(layers.Layer):\n    def call(self, x):\n        return tf.ensure_shape(tf.numpy_function(lambda a: a, [x], tf.float32), [None, 4])\n\n\n" +
				"model = keras.Model(x, layers.Dense(1)(L()(x)))\nmodel.compile('adam', 'mse')\n", field: "source",
			reason: "refused", hint: "training runs no Python",
		},
		"raises on purpose": {
			source: "raise KeyboardInterrupt\n", field: "source",
			at: &pipeline.Position{Line: 1, Column: 1, EndLine: 1, EndColumn: 24}, reason: "KeyboardInterrupt",
		},
		"exits": {
			source: "import sys\nsys.exit(3)\n", field: "source",
			at: &pipeline.Position{Line: 2, Column: 1, EndLine: 2, EndColumn: 12}, reason: "SystemExit: 3", hint: "take out",
		},
		"empty":        {source: " \n", field: "source", reason: "is empty"},
		"zero byte":    {source: "x = 1\x00", field: "source", reason: "is not UTF-8 text", hint: "UTF-8"},
		"broken UTF-8": {imports: "\xff", source: small, field: "imports", reason: "is not UTF-8 text"},
		"too large":    {source: strings.Repeat("#", 1<<20+1), field: "source", reason: "larger than 1 MiB"},
		"nested deeply": {
			source: "x = " + strings.Repeat("(", 5000) + strings.Repeat(")", 5000), field: "source",
			at: &pipeline.Position{Line: 1, Column: 205, EndLine: 1, EndColumn: 205}, reason: "too many nested parentheses",
		},
		"endless recursion": {
			source: "def f():\n    return f()\n\n\nf()\n", field: "source",
			at: &pipeline.Position{Line: 2, Column: 12, EndLine: 2, EndColumn: 15}, reason: "RecursionError",
		},
	}
	w := sharedWorker(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.imports == "" {
				c.imports = imports
			}
			_, err := w.Export(t.Context(), framework.Source{Imports: c.imports, Text: c.source}, t.TempDir())
			var e *pipeline.Error
			if !errors.As(err, &e) || e.Kind != pipeline.Invalid {
				t.Fatalf("got %v, want an invalid source", err)
			}
			if e.Field != c.field || !strings.Contains(e.Reason, c.reason) || !strings.Contains(e.Hint, c.hint) {
				t.Errorf("got field %q reason %q hint %q, want %q %q %q", e.Field, e.Reason, e.Hint, c.field, c.reason, c.hint)
			}
			if c.at != nil || e.At != nil && c.hint == "" {
				if diff := cmp.Diff(c.at, e.At); diff != "" {
					t.Errorf("place of %q: %s", e.Reason, diff)
				}
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	source := "import warnings\nx = keras.Input((4,))\nwarnings.warn('too wide')\n" +
		"model = keras.Sequential([layers.Dense(2, input_shape=(4,))])\nmodel.compile('adam', 'mse')\n"
	e, err := sharedWorker(t).Export(t.Context(), framework.Source{Imports: imports + "import warnings\nwarnings.warn('early')\n", Text: source}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := []pipeline.Warning{
		{Field: "imports", Line: 5, Message: "UserWarning: early"},
		{Field: "source", Line: 3, Message: "UserWarning: too wide"},
	}
	if len(e.Warnings) != 3 {
		t.Fatalf("got %+v", e.Warnings)
	}
	if diff := cmp.Diff(want, e.Warnings[:2]); diff != "" {
		t.Error(diff)
	}
	if w := e.Warnings[2]; w.Line != 4 || !strings.Contains(w.Message, "input_shape") {
		t.Errorf("got %+v", w)
	}
}
