package keras

import (
	"errors"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestRefusedOperationsHaveALine holds that an operation that is refused is
// shown where the source makes it, whatever it is part of: the line of each
// case that says "here".
func TestRefusedOperationsHaveALine(t *testing.T) {
	const (
		input   = "x = keras.Input((4,))\n"
		head    = "model = keras.Model(x, layers.Dense(1)(x))\n"
		compile = "model.compile('adam', 'mse')\n"
		layer   = "class Own(layers.Layer):\n    def call(self, x):\n        tf.print('mean', tf.reduce_mean(x))  # here\n        return x\n\n\n"
	)
	cases := map[string]string{
		"a functional model":                  layer + input + "model = keras.Model(x, layers.Dense(1)(Own()(x)))\n" + compile,
		"a sequential model":                  layer + "model = keras.Sequential([\n    keras.Input((4,)),\n    Own(),\n    layers.Dense(1),\n])\n" + compile,
		"a sequential model without an input": layer + "model = keras.Sequential([Own(), layers.Dense(1)])\nmodel.build((None, 4))\n" + compile,
		"a layer in a layer": layer + "class Outer(layers.Layer):\n    def __init__(self):\n        super().__init__()\n        self.own = Own()\n\n" +
			"    def call(self, x):\n        return self.own(x) + 1\n\n\n" + input + "model = keras.Model(x, layers.Dense(1)(Outer()(x)))\n" + compile,
		"a wrapped layer":    strings.TrimSpace(layer) + "\n\n    def compute_output_shape(self, shape):\n        return shape\n\n\nx = keras.Input((3, 4))\nmodel = keras.Model(x, layers.Dense(1)(layers.TimeDistributed(Own())(x)))\n" + compile,
		"a layer used twice": layer + input + "own = Own()\nmodel = keras.Model(x, layers.Dense(1)(own(own(x))))\n" + compile,
		"a model in a model": layer + "inner = keras.Sequential([keras.Input((4,)), Own()])\n" + input + "model = keras.Model(x, layers.Dense(1)(inner(x)))\n" + compile,
		"a helper": "def noisy(x):\n    tf.print(x)  # here\n    return x\n\n\nclass Own(layers.Layer):\n    def call(self, x):\n        return noisy(x)\n\n\n" +
			input + "model = keras.Model(x, layers.Dense(1)(Own()(x)))\n" + compile,
		"a model of its own class": "class Net(keras.Model):\n    def __init__(self):\n        super().__init__()\n        self.d = layers.Dense(1)\n\n" +
			"    def call(self, x):\n        x = tf.py_function(lambda a: a, [x], tf.float32)  # here\n        return self.d(tf.ensure_shape(x, [None, 4]))\n\n\n" +
			"model = Net()\nmodel.build((None, 4))\n" + compile,
		"a Lambda": input + "y = layers.Lambda(\n    lambda v: tf.ensure_shape(tf.numpy_function(abs, [v], tf.float32), [None, 4])  # here\n)(x)\nmodel = keras.Model(x, layers.Dense(1)(y))\n" + compile,
		"a function of TensorFlow": "@tf.function\ndef shown(x):\n    tf.print(x)  # here\n    return x\n\n\nclass Own(layers.Layer):\n    def call(self, x):\n        return shown(x)\n\n\n" +
			"model = keras.Sequential([keras.Input((4,)), Own(), layers.Dense(1)])\n" + compile,
		"a loss": "def loss(y, p):\n    tf.print(p)  # here\n    return tf.reduce_mean(tf.square(y - p))\n\n\n" + input + head + "model.compile('adam', loss)\n",
		"a loss of a class": "class Own(keras.losses.Loss):\n    def call(self, y, p):\n        tf.print(p)  # here\n        return tf.reduce_mean(tf.square(y - p), -1)\n\n\n" +
			input + head + "model.compile('adam', Own())\n",
		"a metric": "def off(y, p):\n    tf.print(p)  # here\n    return tf.reduce_mean(tf.abs(y - p))\n\n\n" + input + head + "model.compile('adam', 'mse', metrics=[off])\n",
		"a regularizer": "def small(w):\n    tf.print(w)  # here\n    return tf.reduce_sum(tf.abs(w))\n\n\n" + input +
			"model = keras.Model(x, layers.Dense(1, kernel_regularizer=small)(x))\n" + compile,
		"an activation": "def act(v):\n    tf.print(v)  # here\n    return v\n\n\n" + input + "model = keras.Model(x, layers.Dense(1, activation=act)(x))\n" + compile,
		"a constraint": "class Own(keras.constraints.Constraint):\n    def __call__(self, w):\n        tf.print(w)  # here\n        return w\n\n\n" + input +
			"model = keras.Model(x, layers.Dense(1, kernel_constraint=Own())(x))\n" + compile,
		"a schedule": "class Own(keras.optimizers.schedules.LearningRateSchedule):\n    def __call__(self, step):\n        tf.print(step)  # here\n        return 0.01\n\n\n" +
			input + head + "model.compile(keras.optimizers.SGD(Own()), 'mse')\n",
		"a step": "class Net(keras.Model):\n    def train_step(self, data):\n        tf.print('step')  # here\n        return super().train_step(data)\n\n\n" +
			input + "model = Net(x, layers.Dense(1)(x))\n" + compile,
		"a device": "class Own(layers.Layer):\n    def call(self, x):\n        with tf.device('/job:worker/task:1'):\n            return x * 2  # here\n\n\n" +
			"model = keras.Sequential([keras.Input((4,)), Own(), layers.Dense(1)])\n" + compile,
		"another line before, which is not of the model": "def shown(x):\n    tf.print(x)\n    return x\n\n\nlist(tf.data.Dataset.range(2).map(shown))\n" + layer +
			input + "model = keras.Model(x, layers.Dense(1)(Own()(x)))\n" + compile,
	}
	w := sharedWorker(t)
	for name, source := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, _, _ := strings.Cut(source, "# here")
			want := strings.Count(before, "\n") + 1
			_, err := w.Export(t.Context(), framework.Source{Imports: imports, Text: source}, t.TempDir())
			var e *pipeline.Error
			if !errors.As(err, &e) || !strings.Contains(e.Reason, "is not allowed") {
				t.Fatalf("got %v, want an operation that is not allowed", err)
			}
			if e.At == nil || e.At.Line != want || e.Field != "source" {
				t.Errorf("%q is shown at %+v of %s, want line %d", e.Reason, e.At, e.Field, want)
			}
			if strings.Contains(source, "tf.print") && !strings.Contains(e.Hint, "leave print") {
				t.Errorf("the hint is %q", e.Hint)
			}
		})
	}
}
