package keras

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestWhatPlainKerasTakes holds that what Keras' own fit trains is exported:
// each case was refused, or read otherwise, before.
func TestWhatPlainKerasTakes(t *testing.T) {
	const tail = "model.compile('adam', 'mse')\n"
	dense := func(before string) string { return before + "model = keras.Model(x, layers.Dense(1)(y))\n" + tail }
	cases := map[string]struct {
		source string
		holds  func(pipeline.Export) bool
	}{
		"names that are no words": {
			"a, b = keras.Input((1,), name='leaf area'), keras.Input((1,), name='2nd')\n" +
				"model = keras.Model([a, b], layers.Dense(1, name='yield.t')(layers.Concatenate()([a, b])))\n" + tail,
			func(e pipeline.Export) bool {
				return e.Inputs[0].Name == "leaf area" && e.Inputs[1].Name == "2nd" && e.Outputs[0].Name == "yield.t" &&
					e.Inputs[0].SignatureName() == "leaf_area" && e.Inputs[1].SignatureName() == "t_2nd"
			},
		},
		"names that are words of Python": {
			"a, b = keras.Input((1,), name='class'), keras.Input((1,), name='self')\n" +
				"model = keras.Model([a, b], {'from': layers.Dense(1)(layers.Concatenate()([a, b]))})\n" + tail,
			func(e pipeline.Export) bool {
				return e.Inputs[0].Name == "class" && e.Inputs[1].Name == "self" && e.Outputs[0].Name == "from" &&
					e.Inputs[0].SignatureName() == "t_class" && e.Inputs[1].SignatureName() == "t_self"
			},
		},
		"a step of its own and none to evaluate": {
			"class Coder(keras.Model):\n    def __init__(self):\n        super().__init__()\n        self.d = layers.Dense(4)\n        self.l = keras.metrics.Mean(name='loss')\n\n" +
				"    def call(self, x):\n        return self.d(x)\n\n    @property\n    def metrics(self):\n        return [self.l]\n\n" +
				"    def train_step(self, x):\n        with tf.GradientTape() as tape:\n            loss = tf.reduce_mean(tf.square(self.d(x) - x))\n" +
				"        self.optimizer.apply_gradients(zip(tape.gradient(loss, self.d.trainable_weights), self.d.trainable_weights))\n" +
				"        self.l.update_state(loss)\n        return {'loss': self.l.result()}\n\n\nmodel = Coder()\nmodel.build((None, 4))\nmodel.compile('sgd')\n",
			func(e pipeline.Export) bool { return e.Untested && len(e.Labels) == 0 },
		},
		"a Sequential called on a sample": {
			"model = keras.Sequential([layers.Dense(3), layers.Dense(1)])\nmodel(keras.ops.ones((2, 5)))\n" + tail,
			func(e pipeline.Export) bool { return slices.Equal(e.Inputs[0].Shape, []int{5}) },
		},
		"TensorFlow 1 asked for": {
			"tf.compat.v1.disable_eager_execution()\nmodel = keras.Sequential([keras.Input((3,)), layers.Dense(1)])\n" + tail,
			func(e pipeline.Export) bool {
				return slices.ContainsFunc(e.Warnings, func(w pipeline.Warning) bool {
					return w.Line == 1 && strings.Contains(w.Message, "disable_eager_execution() is left out")
				})
			},
		},
		"a scope of a strategy": {
			"with tf.distribute.MirroredStrategy().scope():\n    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])\n    " + tail,
			func(e pipeline.Export) bool {
				return slices.ContainsFunc(e.Warnings, func(w pipeline.Warning) bool { return w.Line == 1 && strings.Contains(w.Message, "scope") })
			},
		},
		"CTC": {
			"x = keras.Input((9, 3))\nmodel = keras.Model(x, layers.Dense(6)(x))\nmodel.compile('adam', keras.losses.CTC())\n",
			func(e pipeline.Export) bool { return slices.Equal(e.Labels[0].Shape, []int{-1}) },
		},
		"an adapted lookup": {
			dense("look = layers.IntegerLookup(output_mode='multi_hot')\nlook.adapt([[7], [11], [7]])\nx = keras.Input((1,), dtype='int64')\ny = look(x)\n"),
			func(e pipeline.Export) bool { return e.Inputs[0].DType == "int64" },
		},
		"text, cut into words": {
			dense("look = layers.TextVectorization(output_mode='multi_hot')\nlook.adapt(['good film', 'bad'])\nx = keras.Input((1,), dtype='string')\ny = look(x)\n"),
			func(e pipeline.Export) bool { return e.Inputs[0].DType == "string" },
		},
		"crossed features": {
			dense("x = [keras.Input((1,), dtype='int64', name='a'), keras.Input((1,), dtype='int64', name='b')]\n" +
				"y = layers.HashedCrossing(num_bins=5, output_mode='one_hot')((x[0], x[1]))\n"),
			func(e pipeline.Export) bool { return len(e.Inputs) == 2 },
		},
		"an own loss of a column of indices": {
			"def loss(y, p):\n    return keras.losses.sparse_categorical_crossentropy(tf.squeeze(tf.cast(y, tf.int32), axis=-1), p)\n\n\n" +
				"model = keras.Sequential([keras.Input((3,)), layers.Dense(5, 'softmax')])\nmodel.compile('adam', loss)\n",
			func(e pipeline.Export) bool { return slices.Equal(e.Labels[0].Shape, []int{1}) },
		},
		"labels of eight bytes": {
			"keras.config.set_floatx('float64')\nmodel = keras.Sequential([keras.Input((1,)), layers.Dense(1)])\n" + tail,
			func(e pipeline.Export) bool { return e.Labels[0].DType == "float64" },
		},
		"nothing to train": {
			"x = keras.Input((2,))\nd = layers.Dense(1)\nd.trainable = False\nmodel = keras.Model(x, d(x))\n" + tail,
			func(e pipeline.Export) bool {
				return slices.ContainsFunc(e.Warnings, func(w pipeline.Warning) bool { return strings.Contains(w.Message, "trainable weights") })
			},
		},
		"a byte order mark": {
			"\ufeffx = keras.Input((2,))\ny = x\n" + "model = keras.Model(x, layers.Dense(1)(y))\n" + tail,
			func(e pipeline.Export) bool { return len(e.Inputs) == 1 },
		},
	}
	w := sharedWorker(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := w.Export(t.Context(), framework.Source{Imports: imports, Text: c.source}, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if !c.holds(e) {
				t.Errorf("got inputs %+v outputs %+v labels %+v untested %v warnings %+v", e.Inputs, e.Outputs, e.Labels, e.Untested, e.Warnings)
			}
		})
	}
}

// TestStatedLabel holds that the label of a loss of one's own is what its
// author states, where trying alone finds another or none.
func TestStatedLabel(t *testing.T) {
	const (
		spread = "def loss(y, p):\n    return keras.ops.mean(keras.ops.abs(y - p), axis=-1)\n\n\nmodel = keras.Sequential([keras.Input((2,)), layers.Dense(4)])\nmodel.compile('adam', loss)\n"
		masked = "def loss(y, p):\n    return keras.ops.mean(y[:, 2:] * keras.ops.square(y[:, :1] - p))\n\n\nmodel = keras.Sequential([keras.Input((2,)), layers.Dense(1)])\nmodel.compile('adam', loss)\n"
		sliced = "def loss(y, p):\n    return keras.ops.mean(y[:, 1] * p[:, 0])\n\n\nmodel = keras.Sequential([keras.Input((2,)), layers.Dense(1)])\nmodel.compile('adam', loss)\n"
		two    = "x = keras.Input((2,))\nmodel = keras.Model(x, [layers.Dense(1)(x), layers.Dense(1)(x)])\nmodel.compile('adam', ['mse', 'mse'])\n"
	)
	cases := map[string]struct {
		source  string
		label   pipeline.Label
		want    pipeline.Tensor
		guessed bool
		hint    string // of the refusal; empty: it is taken
	}{
		"found by trying":       {spread, pipeline.Label{}, pipeline.Tensor{DType: "float32", Shape: []int{4}}, true, ""},
		"one number":            {spread, pipeline.Label{Shape: []int{1}}, pipeline.Tensor{DType: "float32", Shape: []int{1}}, false, ""},
		"its type alone":        {spread, pipeline.Label{DType: "float64"}, pipeline.Tensor{DType: "float64", Shape: []int{4}}, false, ""},
		"wider than the output": {masked, pipeline.Label{DType: "float32", Shape: []int{3}}, pipeline.Tensor{DType: "float32", Shape: []int{3}}, false, ""},
		"NaN when tried":        {masked, pipeline.Label{}, pipeline.Tensor{}, false, "label_reshape"},
		"not to be found":       {sliced, pipeline.Label{}, pipeline.Tensor{}, false, "label_reshape"},
		"not what it takes":     {sliced, pipeline.Label{Shape: []int{1}}, pipeline.Tensor{}, false, "check that the loss fits"},
		"of two":                {two, pipeline.Label{Shape: []int{1}}, pipeline.Tensor{}, false, "models with one label"},
	}
	w := sharedWorker(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := w.Export(t.Context(), framework.Source{Imports: imports, Text: c.source, Label: c.label}, t.TempDir())
			var refusal *pipeline.Error
			if c.hint != "" {
				if !errors.As(err, &refusal) || !strings.Contains(refusal.Hint, c.hint) {
					t.Errorf("got %v, want the hint %q", err, c.hint)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if l := got.Labels[0]; l.DType != c.want.DType || !slices.Equal(l.Shape, c.want.Shape) || got.LabelGuessed != c.guessed {
				t.Errorf("label %+v, guessed %v", l, got.LabelGuessed)
			}
		})
	}
}

// TestTheLineToWrite holds that idioms of Keras 2 and of notebooks are answered
// with what to write in their place.
func TestTheLineToWrite(t *testing.T) {
	const built = "model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])\n"
	cases := map[string]struct{ source, hint string }{
		"a layer without its import":     {"y = Dropout(0.5)\n", "from keras.layers import Dropout"},
		"data of a notebook":             {built + "model.compile('adam', 'mse')\nmodel.fit(X_train, y_train)\n", "the stream is the data"},
		"an example's data":              {"(x, y), _ = keras.datasets.fashion_mnist.load_data()\n", "the stream is the data"},
		"a renamed argument":             {built + "model.compile(keras.optimizers.RMSprop(lr=0.01), 'mse')\n", "learning_rate in place of lr"},
		"a module that moved":            {"from keras.layers.core import Dense\n", "from keras.layers import Dense"},
		"a layer that is gone":           {"layers.CuDNNGRU(4)\n", "keras.layers.GRU"},
		"a shape that is a number":       {"x = keras.Input(shape=(7))\n", "as a tuple"},
		"add_loss on a functional model": {"x = keras.Input((2,))\nmodel = keras.Model(x, layers.Dense(1)(x))\nmodel.add_loss(1.0)\n", "layer of your own"},
		"what was experimental":          {"layers.experimental.preprocessing.CenterCrop(4, 4)\n", "keras.layers.CenterCrop"},
		"if on a tensor":                 {"class Gate(layers.Layer):\n    def call(self, x):\n        if keras.ops.sum(x) > 0:\n            return x\n        return -x\n\n\nGate()(keras.Input((2,)))\n", "keras.ops.where"},
		"a session":                      {"tf.InteractiveSession()\n", "leave InteractiveSession out"},
		"some names gone, some not":      {"from keras.layers import Flatten, Merge\n", "write from keras.layers import Flatten; in place of Merge use"},
		"arguments in the singular":      {"x = keras.Input((2,))\nkeras.Model(input=x, output=layers.Dense(1)(x))\n", "write inputs in place of input; write outputs in place of output"},
		"a legacy optimizer":             {"keras.optimizers.legacy.SGD(0.1)\n", "without legacy"},
		"TensorFlow on a symbolic input": {"tf.reduce_max(keras.Input((2,)), axis=1)\n", "use keras.ops.max"},
		"a Sequential that asks a model": {"a = keras.Sequential([keras.Input((2,)), layers.Dense(1)])\nkeras.Model(a.input, a.output)\n", "call the models on an input"},
		"an Embedding in front":          {"model = keras.Sequential([layers.Embedding(9, 2, input_length=7), layers.Dense(1)])\nmodel.compile('adam', 'mse')\n", "input_length of Embedding"},
		"a function that builds it":      {"def make(width=3):\n    m = keras.Sequential([keras.Input((width,)), layers.Dense(1)])\n    m.compile('adam', 'mse')\n    return m\n", "model = make()"},
		"squeeze without an axis":        {"def loss(t, p):\n    return tf.reduce_sum(tf.one_hot(tf.cast(tf.squeeze(t), 'int32'), 4) * p, axis=-1)\n\n\nmodel = keras.Sequential([keras.Input((3,)), layers.Dense(4)])\nmodel.compile('adam', loss)\n", "axis=-1"},
		"a generator to fit":             {"model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])\nmodel.compile('adam', 'mse')\nmodel.fit_generator(g)\n", "the stream is the data"},
		"an experimental policy":         {"keras.mixed_precision.experimental.set_policy('mixed_float16')\n", "set_global_policy"},
		"no call of the parent":          {"class Net(keras.Model):\n    def __init__(self):\n        self.d = layers.Dense(1)\n\n    def call(self, x):\n        return self.d(x)\n\n\nmodel = Net()\nmodel.build((None, 3))\nmodel.compile('adam', 'mse')\n", "super().__init__()"},
		"a regularizer of Keras 2":       {"y = layers.Dense(1, kernel_regularizer='l1_l2')\n", "keras.regularizers.L1L2"},
		"a misspelt initializer":         {"y = layers.Dense(1, kernel_initializer='glorot_normall')\n", "in place of 'glorot_normall'"},
		"a misspelt loss":                {"model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])\nmodel.compile('adam', 'binary_crossentrpy')\n", "in place of 'binary_crossentrpy'"},
		"a stateful layer":               {"x = keras.Input(batch_shape=(4, 8, 1))\nmodel = keras.Model(x, layers.GRU(2, stateful=True)(x))\nmodel.compile('adam', 'mse')\n", "leave stateful=True"},
	}
	w := sharedWorker(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := w.Export(t.Context(), framework.Source{Imports: imports, Text: c.source}, t.TempDir())
			var e *pipeline.Error
			if !errors.As(err, &e) || e.Kind != pipeline.Invalid || !strings.Contains(e.Hint, c.hint) {
				t.Errorf("got %v, want the hint %q", err, c.hint)
			}
			if e != nil && e.At == nil && name != "a function that builds it" {
				t.Error("it has no line:", e)
			}
		})
	}
}
