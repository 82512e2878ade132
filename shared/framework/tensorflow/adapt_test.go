package tensorflow_test

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/frameworktest"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// learned is what Keras' adapt made of a layer.
type learned struct {
	Mean, Variance, Boundaries []float64
	Words                      []string
}

// adaptedFamilies are the families whose layers the training adapts.
func adaptedFamilies(t *testing.T) (names []string) {
	t.Helper()
	root, err := families()
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := filepath.Glob(filepath.Join(root, "adapted_*"))
	if err != nil || len(dirs) < 5 {
		t.Fatal(dirs, err)
	}
	for _, d := range dirs {
		names = append(names, filepath.Base(d))
	}
	return names
}

// TestAdapt holds what layers learn to what Keras' adapt makes of the same records,
// the weights after training to those of the same model adapted in its source, and
// the files of the trained model to what Keras reads of them.
func TestAdapt(t *testing.T) {
	root, out := "", t.TempDir()
	for _, name := range adaptedFamilies(t) {
		m := family(t, name)
		root = filepath.Dir(m.Dir)
		t.Run(name, func(t *testing.T) {
			tr := m.Open(t, tensorflow.Framework{})
			got, err := tr.Adapt(t.Context(), frameworktest.ArraysOf(tr, m.Training), framework.AdaptOptions{Held: frameworktest.ArraysOf(tr, m.Held)})
			if err != nil {
				t.Fatal(err)
			}
			trained := fitted(t, m, tr)
			if err := tr.Save(filepath.Join(out, name)); err != nil {
				t.Fatal(err)
			}
			var want map[string]learned
			readJSON(t, filepath.Join(m.Dir, "learned.json"), &want)
			if len(got) != len(want) {
				t.Errorf("%d layers learned, %d do in Keras", len(got), len(want))
			}
			words := vocabularies(t, filepath.Join(out, name))
			for _, a := range got {
				sameLearned(t, a, want[a.Layer], words[a.Layer])
			}
			given := m
			given.Dir = filepath.Join(m.Dir, "given")
			if _, err := os.Stat(given.Dir); errors.Is(err, fs.ErrNotExist) {
				return
			}
			given.Export = pipeline.Export{}
			readJSON(t, filepath.Join(m.Dir, "given.json"), &given.Export)
			if source := fitted(t, given, given.Open(t, tensorflow.Framework{})); source != trained {
				t.Errorf("weights %s, those of the model adapted in its source are %s", trained, source)
			}
		})
	}
	if said, err := python("testdata/reload.py", root, out); err != nil {
		t.Errorf("Keras does not predict the same from the files: %v\n%s", err, said)
	}
}

// TestAdaptStays holds that what layers have learned outlives the choice of an
// engine, which sets all variables back.
func TestAdaptStays(t *testing.T) {
	for _, name := range []string{"adapted_words", "adapted_deep"} {
		m := family(t, name)
		tr := m.Open(t, tensorflow.Framework{})
		split := frameworktest.ArraysOf(tr, m.Training)
		if _, err := tr.Adapt(t.Context(), split, framework.AdaptOptions{}); err != nil {
			t.Fatal(err)
		}
		said := func() (all []byte) {
			err := tr.Predict(t.Context(), split, func(p framework.Predicted) error {
				all = append(all, p.Outputs[0].Data...)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		before := said()
		if err := tensorflow.Restore(tr); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(said(), before) {
			t.Errorf("%s predicts otherwise", name)
		}
	}
}

// TestAdaptBound holds that a layer which meets more words than are counted says
// so, with the way out.
func TestAdaptBound(t *testing.T) {
	m := family(t, "adapted_words")
	tr := m.Open(t, tensorflow.Framework{})
	_, err := tr.Adapt(t.Context(), frameworktest.ArraysOf(tr, m.Training), framework.AdaptOptions{Words: 11})
	var e *pipeline.Error
	if !errors.As(err, &e) || !strings.Contains(e.Reason, "more than 11 different words came in the training split") ||
		!strings.HasPrefix(e.Reason, `StringLookup "string_lookup"`) || !strings.Contains(e.Hint, "Hashing") || !strings.Contains(e.Hint, "VOCABULARY_MAX") {
		t.Errorf("got %v", err)
	}
}

// fitted trains a model and gives the hash of its weights.
func fitted(t *testing.T, m frameworktest.Model, tr framework.Trainer) string {
	t.Helper()
	plan := m.Plan
	plan.Engine = kerasmodel.Graph
	if _, err := tr.Fit(t.Context(), frameworktest.ArraysOf(tr, m.Training), plan, framework.Watch{}); err != nil {
		t.Fatal(err)
	}
	hash, err := tr.WeightsHash()
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func sameLearned(t *testing.T, a pipeline.Adapted, want learned, words []string) {
	t.Helper()
	near := func(what string, got, want []float64) {
		if len(got) != len(want) && len(got) != 20 {
			t.Errorf("%s of %s: %v, Keras has %v", what, a.Layer, got, want)
			return
		}
		for i := range got {
			if math.Abs(got[i]-want[i]) > 1e-6*max(1, math.Abs(want[i])) {
				t.Errorf("%s of %s: [%d] is %v, Keras has %v", what, a.Layer, i, got[i], want[i])
			}
		}
	}
	near("mean", a.Mean, want.Mean)
	near("variance", a.Variance, want.Variance)
	near("boundaries", a.Boundaries, want.Boundaries)
	if a.Kind != pipeline.AdaptWords {
		return
	}
	if !slices.Equal(words, want.Words) || a.Words != len(want.Words) || a.Met < a.Words || a.Rarest < 1 || a.Held == 0 || a.Unknown > a.Held {
		t.Errorf("%+v\n%q, Keras has\n%q", a, words, want.Words)
	}
}

// vocabularies are those in the config of a .keras file, by layer; none where there is no file.
func vocabularies(t *testing.T, dir string) map[string][]string {
	t.Helper()
	z, err := zip.OpenReader(filepath.Join(dir, kerasmodel.KerasFile))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	f, err := z.Open("config.json")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	var whole struct {
		Config struct {
			Layers []struct {
				Name   string
				Config struct{ Vocabulary []any }
			}
		}
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	if err := d.Decode(&whole); err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, l := range whole.Config.Layers {
		for _, w := range l.Config.Vocabulary {
			switch w := w.(type) {
			case string:
				all[l.Name] = append(all[l.Name], w)
			case json.Number:
				all[l.Name] = append(all[l.Name], w.String())
			}
		}
	}
	return all
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(path, err)
	}
}
