package keras

import (
	"archive/zip"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestFreeze builds models with layers frozen: those of a nested model, those that are
// made as the model is built, by an optimizer that had all variables before, and of a
// .keras file.
func TestFreeze(t *testing.T) {
	const (
		nested = "inner = keras.Sequential([keras.Input((8,)), layers.Dense(8, name='a'), layers.BatchNormalization(name='b')], name='inner')\n" +
			"x = keras.Input((4,))\nmodel = keras.Model(x, layers.Dense(2, name='last')(inner(layers.Dense(8, name='first')(x))))\nmodel.compile('adam', 'mse')\n"
		made = "class Own(keras.Model):\n    def __init__(self):\n        super().__init__()\n        self.first, self.last = layers.Dense(8, name='first'), layers.Dense(2, name='last')\n\n" +
			"    def call(self, x):\n        return self.last(self.first(x))\n\n\nmodel = Own()\nmodel.compile('adam', 'mse')\nmodel.build((None, 4))\n"
		used = nested + "import numpy as np\nmodel.train_on_batch(np.zeros((2, 4)), np.zeros((2, 2)))\n"
	)
	const first, inner, last = 4*8 + 8, 8*8 + 8 + 2*8, 8*2 + 2
	w := sharedWorker(t)
	for name, c := range map[string]struct {
		source    string
		freeze    []string
		trainable int64
		refused   string
	}{
		"a layer":             {nested, []string{"first"}, inner + last, ""},
		"a model":             {nested, []string{"inn*"}, first + last, ""},
		"in a model":          {nested, []string{"inner/?"}, first + last, ""},
		"a layer of a model":  {nested, []string{"inner/b"}, first + inner - 2*8 + last, ""},
		"several":             {nested, []string{"*st", "inner/a"}, 2 * 8, ""},
		"made as it is built": {made, []string{"first"}, last, ""},
		"that has trained":    {used, []string{"inner"}, first + last, ""},
		"none":                {nested, []string{"b"}, 0, "the model has no layer b: it has first, inner, inner/a, inner/b, last"},
		"all":                 {nested, []string{"*"}, 0, "nothing is left to train"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := w.Export(t.Context(), framework.Source{Imports: imports, Text: c.source, Freeze: c.freeze}, t.TempDir())
			checkFrozen(t, e, err, c.trainable, c.refused)
		})
	}
	t.Run(".keras file", func(t *testing.T) {
		t.Parallel()
		dir, saved := t.TempDir(), filepath.Join(t.TempDir(), "saved")
		read, err := w.Import(t.Context(), importable+"trained.keras", dir)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(saved)
		if err != nil {
			t.Fatal(err)
		}
		z := zip.NewWriter(f)
		if err := errors.Join(z.AddFS(os.DirFS(filepath.Join(dir, framework.ImportedExported, "keras"))), z.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
		layer := read.Export.Layers[slices.IndexFunc(read.Export.Layers, func(l pipeline.Layer) bool { return l.Parameters > 0 })]
		e, err := w.Export(t.Context(), framework.Source{Saved: saved, Freeze: []string{layer.Name}}, t.TempDir())
		checkFrozen(t, e, err, read.Export.TrainableParameters-layer.Parameters, "")
		e, err = w.Export(t.Context(), framework.Source{Saved: saved, Freeze: []string{"nope"}}, t.TempDir())
		checkFrozen(t, e, err, 0, "the model has no layer nope")
	})
}

func checkFrozen(t *testing.T, e pipeline.Export, err error, trainable int64, refused string) {
	t.Helper()
	if refused == "" {
		if err != nil || e.TrainableParameters != trainable {
			t.Errorf("%d parameters train, %v, want %d", e.TrainableParameters, err, trainable)
		}
		return
	}
	var why *pipeline.Error
	if !errors.As(err, &why) || why.Field != "freeze" || !strings.Contains(why.Reason+": "+why.Hint, refused) {
		t.Errorf("%+v, want %q", err, refused)
	}
}
