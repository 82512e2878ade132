package keras

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestAdaptRefused holds that what a training cannot adapt is refused as the model
// is registered, at the line that says "here", with the way out.
func TestAdaptRefused(t *testing.T) {
	const (
		text    = "s = keras.Input((1,), dtype='string')\n"
		numbers = "x = keras.Input((4,))\n"
		compile = "model.compile('adam', 'mse')\n"
	)
	model := func(in, layer string) string {
		return "model = keras.Model(" + in + ", layers.Dense(1)(" + layer + "))\n" + compile
	}
	cases := map[string]struct{ source, reason, hint string }{
		"a column for each word": {
			text + "y = layers.StringLookup(output_mode='one_hot')(s)  # here\n" + model("s", "y"), "one column for each word", "pad_to_max_tokens=True",
		},
		"weights by record without padding": {
			"s = keras.Input((), dtype='string')\ny = layers.TextVectorization(max_tokens=9, output_mode='tf_idf')(s)  # here\n" + model("s", "y"), "one column for each word", "pad_to_max_tokens=True",
		},
		"a table as large as a vocabulary that is not there": {
			text + "look = layers.StringLookup()\ny = layers.Embedding(look.vocabulary_size(), 2)(look(s))  # here\n" + model("s", "layers.Flatten()(y)"), "no words before the training", "max_tokens",
		},
		"its words": {
			text + "look = layers.StringLookup(max_tokens=9)\nback = layers.StringLookup(vocabulary=look.get_vocabulary(), invert=True)  # here\n" + model("s", "look(s)"), "no words before the training", "vocabulary=[...]",
		},
		"no room": {
			text + "look = layers.StringLookup(max_tokens=3, num_oov_indices=3)  # here\n" + model("s", "layers.Flatten()(layers.Embedding(3, 2)(look(s)))"), "no room for words", "larger than 3",
		},
		"inverted": {
			"i = keras.Input((1,), dtype='int64')\nback = layers.IntegerLookup(invert=True)  # here\n" + model("i", "back(i)"), "is inverted", "vocabulary=[...]",
		},
		"no place for others": {
			text + "look = layers.StringLookup(max_tokens=3, num_oov_indices=0)  # here\n" + model("s", "layers.Flatten()(layers.Embedding(3, 2)(look(s)))"), "no place for words", "num_oov_indices=1",
		},
		"values turned back": {
			numbers + "back = layers.Normalization(invert=True)  # here\n" + model("x", "back(x)"), "turns values back", "mean=",
		},
		"within another layer": {
			"x = keras.Input((5, 3))\nscale = layers.Normalization()  # here\n" + model("x", "layers.TimeDistributed(scale)(x)"), "nobody sees what enters it", "outside of other layers",
		},
		"its own values": {
			numbers + "scale = layers.Normalization()  # here\n" + model("x", "scale(scale(x))"), "reads what it has given itself", "a layer of its own",
		},
	}
	w := sharedWorker(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, _, _ := strings.Cut(c.source, "# here")
			want := strings.Count(before, "\n") + 1
			_, err := w.Export(t.Context(), framework.Source{Imports: imports, Text: c.source}, t.TempDir())
			var e *pipeline.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(e.Reason, c.reason) || !strings.Contains(e.Hint, c.hint) || e.At == nil || e.At.Line != want {
				t.Errorf("%q at %+v, line %d is meant; %q", e.Reason, e.At, want, e.Hint)
			}
		})
	}
}

// TestAdaptedInSource holds that layers which know what they shall know are left so.
func TestAdaptedInSource(t *testing.T) {
	w := sharedWorker(t)
	source := `x, s = keras.Input((2,)), keras.Input((1,), dtype="string")
scale, late, look = layers.Normalization(), layers.Normalization(), layers.StringLookup()
scale.adapt(np.random.rand(20, 2))
look.adapt(np.array(["a", "b"]))
y = layers.Concatenate()([scale(x), late(x), layers.Flatten()(layers.Embedding(look.vocabulary_size(), 2)(look(s)))])
late.adapt(np.random.rand(20, 2))
model = keras.Model([x, s], layers.Dense(1)(y))
model.compile("adam", "mse")
`
	e, err := w.Export(t.Context(), framework.Source{Imports: imports + "import numpy as np\n", Text: source}, t.TempDir())
	if err != nil || len(e.Adapt) > 0 {
		t.Errorf("%+v, %v", e.Adapt, err)
	}
}

// TestAdaptDescription holds that what a child says of layers to be adapted is not
// believed beyond what can be.
func TestAdaptDescription(t *testing.T) {
	sound := pipeline.Export{
		Inputs: []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{4}}, {Name: "s", DType: "string", Shape: []int{1}}},
		Adapt: []pipeline.Adapt{
			{Layer: "scale", Class: "Normalization", Kind: pipeline.AdaptMoments, Columns: 4},
			{Layer: "words", Class: "StringLookup", Kind: pipeline.AdaptWords, Input: 1, Most: 9, Start: 1, Dropped: []string{"[UNK]"}},
			{Layer: "bins", Class: "Discretization", Kind: pipeline.AdaptQuantiles, Level: 1, Input: -1, Bins: 4, Epsilon: 0.01},
		},
	}
	if err := checkAdapt(sound); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(a []pipeline.Adapt){
		"no kind":                  func(a []pipeline.Adapt) { a[0].Kind = "all" },
		"no name":                  func(a []pipeline.Adapt) { a[0].Layer = "" },
		"an input beyond":          func(a []pipeline.Adapt) { a[0].Input = 2 },
		"an input of another type": func(a []pipeline.Adapt) { a[0].Input = 1 },
		"numbers as words":         func(a []pipeline.Adapt) { a[1].Input = 0 },
		"columns that do not fit":  func(a []pipeline.Adapt) { a[0].Columns = 3 },
		"too many columns":         func(a []pipeline.Adapt) { a[0].Input, a[0].Columns = -1, maxColumns+1 },
		"a level that is missing":  func(a []pipeline.Adapt) { a[2].Level = 2 },
		"a level too high":         func(a []pipeline.Adapt) { a[0].Level = 1 },
		"no precision":             func(a []pipeline.Adapt) { a[2].Epsilon = 0 },
		"no bins":                  func(a []pipeline.Adapt) { a[2].Bins = 0 },
		"documents of an input":    func(a []pipeline.Adapt) { a[1].Documents = true },
		"much that is dropped":     func(a []pipeline.Adapt) { a[1].Dropped = []string{"a", "b", "c"} },
	} {
		e := sound
		e.Adapt = slices.Clone(sound.Adapt)
		spoil(e.Adapt)
		if err := checkAdapt(e); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
