package keras

import (
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestOutputsThatDoNotSuitTheirLoss: Keras trains them without a word.
func TestOutputsThatDoNotSuitTheirLoss(t *testing.T) {
	sequential := func(layer, loss string) string {
		return "model = keras.Sequential([keras.Input((3,)), " + layer + "])\nmodel.compile('adam', " + loss + ")\n"
	}
	const line = 2
	w := sharedWorker(t)
	for name, c := range map[string]struct{ source, warns, refuses string }{
		"linear":                 {sequential("layers.Dense(3)", "'sparse_categorical_crossentropy'"), "activation of the output is linear: give its layer activation='softmax', or make the loss with from_logits=True", ""},
		"a layer, a shape":       {sequential("layers.Dense(6), layers.ReLU(), layers.Reshape((2, 3))", "'categorical_crossentropy'"), "is relu", ""},
		"within":                 {sequential("keras.Sequential([keras.Input((3,)), layers.Dense(3)])", "'sparse_categorical_crossentropy'"), "is linear", ""},
		"twice":                  {sequential("layers.Dense(3, 'softmax')", "keras.losses.SparseCategoricalCrossentropy(from_logits=True)"), "applied twice", ""},
		"one of two":             {"x = keras.Input((3,))\nmodel = keras.Model(x, [layers.Dense(1, name='a')(x), layers.Dense(1, name='b')(x)]); model.compile('adam', ['mse', 'binary_crossentropy'])\n", "the output b is linear", ""},
		"probabilities":          {sequential("layers.Dense(3), layers.Softmax()", "'sparse_categorical_crossentropy'"), "", ""},
		"by an operation":        {"x = keras.Input((3,))\nmodel = keras.Model(x, keras.ops.sigmoid(layers.Dense(1)(x)))\nmodel.compile('adam', 'binary_crossentropy')\n", "", ""},
		"below 0 for poisson":    {sequential("layers.Dense(1)", "'poisson'"), "is linear: give its layer activation='softplus' or 'exponential'", ""},
		"0 and more for it":      {sequential("layers.Dense(1, 'softplus')", "keras.losses.Poisson()"), "", ""},
		"no distribution":        {sequential("layers.Dense(3)", "'kld'"), "is linear: give its layer activation='softmax'", ""},
		"no mask":                {sequential("layers.Dense(3, 'relu')", "keras.losses.Dice()"), "is relu: give its layer activation='sigmoid'", ""},
		"a softmax of one":       {sequential("layers.Dense(1, 'softmax')", "'binary_crossentropy'"), "", "a softmax of one unit, which is 1 whatever the record"},
		"a softmax over another": {sequential("layers.Dense(3), layers.Reshape((3, 1)), layers.Softmax(axis=1)", "'mse'"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := w.Export(t.Context(), framework.Source{Imports: imports, Text: c.source}, t.TempDir())
			if c.refuses != "" {
				if err == nil || !strings.Contains(err.Error(), c.refuses) {
					t.Errorf("it is not refused: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			warned := slices.ContainsFunc(e.Warnings, func(w pipeline.Warning) bool {
				return c.warns != "" && strings.Contains(w.Message, c.warns) && w.Line == line
			})
			if warned != (c.warns != "") || c.warns == "" && len(e.Warnings) > 0 {
				t.Errorf("the warnings are %+v", e.Warnings)
			}
		})
	}
}
