package frameworktest

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Served is a trained model, records, and what it gives for them.
type Served struct {
	Name    string
	Dir     string // files of Bundle.Served
	Export  pipeline.Export
	Layout  []codec.Tensor // of Inputs
	Inputs  [][]byte       // by input: the records, at least 5, one after the other
	Outputs [][]float64    // by output
}

// ExercisePredictor runs the part of the suite that a framework passes which
// only serves. The first model is a small one.
func ExercisePredictor(t *testing.T, f framework.Framework, models ...Served) {
	t.Run("kind", func(t *testing.T) {
		k := f.Kind()
		exerciseNames(t, k)
		exerciseBundle(t, k.Bundle)
		if len(k.Settings.Engines) > 0 || k.Source != "" {
			t.Errorf("a kind that only serves has engines %v and the source %q", k.Settings.Engines, k.Source)
		}
	})
	for _, m := range models {
		t.Run(m.Name, func(t *testing.T) { m.serves(t, f) })
	}
	t.Run("refusals of a predictor", func(t *testing.T) { models[0].refuses(t, f) })
	t.Run("no trainer", func(t *testing.T) {
		tr, err := f.OpenTrainer(framework.TrainerOptions{Dir: models[0].Dir, Export: models[0].Export})
		if tr != nil {
			t.Error("a trainer is opened")
		}
		refused(t, err, "framework")
	})
}

// servesWhatItSaved saves a trained model, stores it, fetches what is served of
// it, and holds the predictions against the framework's own.
func (m Model) servesWhatItSaved(t *testing.T, subject Subject, tr framework.Trainer) {
	f := subject.Framework
	before := hash(t, tr)
	s := Served{Dir: saved(t, f, tr), Export: m.Export, Outputs: m.Outputs}
	if hash(t, tr) != before {
		t.Error("saving has changed the weights")
	}
	held := ArraysOf(tr, m.Held)
	columns := len(m.Export.Inputs)
	s.Layout, s.Inputs = named(tr.Columns()[:columns], m.Export.Inputs), held.columns[:columns]
	s.serves(t, f)
	for _, other := range subject.Servers {
		kept := other.Kind().Bundle.Served.In(s.Dir)
		if kept == (m.Export.NoONNX != "") {
			t.Errorf("a form for %s: %v, of a model with the reason %q against one", other.Kind().Name, kept, m.Export.NoONNX)
		}
		if kept {
			s.serves(t, other)
		}
	}
}

// serves holds the predictions for records in batches of several sizes against
// the model's own.
func (s Served) serves(t *testing.T, f framework.Framework) {
	p := s.open(t, f)
	if len(p.Inputs()) != len(s.Layout) || len(p.Outputs()) != len(s.Export.Outputs) || p.Limit() < 1 {
		t.Fatalf("inputs %v, outputs %v, limit %d", p.Inputs(), p.Outputs(), p.Limit())
	}
	b, err := p.NewBatch(s.Layout)
	if err != nil {
		t.Fatal(err)
	}
	records := Arrays{s.Layout, s.Inputs}
	most := int(records.Len())
	for _, n := range []int{5, 1, 3, most, 5} { // sizes that come again use the same memory
		b.Reset()
		for i := range n {
			row := b.Next()
			for k := range row {
				row[k] = append(row[k][:0], records.record(k, i, i+1)...)
			}
		}
		b.Next()
		b.Drop()
		if b.Len() != n {
			t.Fatalf("%d records, want %d", b.Len(), n)
		}
		if err := b.Predict(t.Context(), 0, n); err != nil {
			t.Fatal(err)
		}
		s.check(t, b, 0, n)
	}
	if err := b.Predict(t.Context(), 2, 4); err != nil {
		t.Fatal(err)
	}
	s.check(t, b, 2, 4)
	for _, r := range [][2]int{{-1, 1}, {2, 2}, {0, b.Len() + 1}} {
		if err := b.Predict(t.Context(), r[0], r[1]); err == nil {
			t.Errorf("records [%d, %d) of %d were predicted", r[0], r[1], b.Len())
		}
	}
}

// saved is a folder with all that is kept of a trained model, by way of a store.
func saved(t *testing.T, f framework.Framework, tr framework.Trainer) string {
	t.Helper()
	dir, bundle := t.TempDir(), f.Kind().Bundle
	if err := tr.Save(dir); err != nil {
		t.Fatal(err)
	}
	s, err := artifact.Open(t.Context(), "file://"+t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := bundle.Trained.Put(t.Context(), s, "results/1", dir); err != nil {
		t.Fatal(err)
	}
	if ok, err := bundle.Trained.Exist(t.Context(), s, "results/1"); err != nil || !ok {
		t.Fatal("a blob is missing in the store:", err)
	}
	served := filepath.Join(t.TempDir(), "served")
	if err := bundle.Trained.Get(t.Context(), s, "results/1", served); err != nil {
		t.Fatal(err)
	}
	return served
}

// open opens the model for records of its layout, and closes it at the end of
// the test.
func (s Served) open(t *testing.T, f framework.Framework) framework.Predictor {
	t.Helper()
	p, err := f.OpenPredictor(framework.PredictorOptions{Dir: s.Dir, Export: s.Export, Stored: s.Layout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// named is a trainer's columns by the names of the model's inputs.
func named(columns []codec.Tensor, inputs []pipeline.Tensor) []codec.Tensor {
	all := slices.Clone(columns)
	for i := range all {
		all[i].Name = inputs[i].Name
	}
	return all
}

// check holds the outputs of a batch, which are those of the records [from,
// to), against the framework's own.
func (s Served) check(t *testing.T, b framework.Batch, from, to int) {
	t.Helper()
	outputs := b.Outputs()
	if len(outputs) != len(s.Export.Outputs) {
		t.Fatalf("%d outputs, want %d", len(outputs), len(s.Export.Outputs))
	}
	for i, o := range outputs {
		if o.Name != s.Export.Outputs[i].Name {
			t.Errorf("output %d is %q, want %q", i, o.Name, s.Export.Outputs[i].Name)
		}
		var got []float64
		for row := range to - from {
			v, err := codec.Floats(o.Row(row), o.DType)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, v...)
		}
		each := o.Size / o.DType.Size()
		near(t, fmt.Sprintf("served output %d of records %d to %d", i, from, to), got, s.Outputs[i][from*each:to*each])
	}
}

// predictorRefuses tries what a predictor must refuse with an error.
func (s Subject) predictorRefuses(t *testing.T) {
	m := s.Models[0]
	Served{
		Dir: saved(t, s.Framework, m.Open(t, s.Framework)), Export: m.Export, Layout: AsStored(t, m.Export.Inputs),
	}.refuses(t, s.Framework)
}

func (s Served) refuses(t *testing.T, f framework.Framework) {
	another := s.Export
	another.Inputs = slices.Clone(another.Inputs)
	another.Inputs[0].Name, another.Inputs[0].Signature = "no such input", ""
	for name, o := range map[string]framework.PredictorOptions{
		"no model":      {Dir: t.TempDir(), Export: s.Export, Stored: s.Layout},
		"another input": {Dir: s.Dir, Export: another},
		"wider inputs":  {Dir: s.Dir, Export: s.Export, Stored: wider(s.Layout)},
		"more inputs":   {Dir: s.Dir, Export: s.Export, Stored: append(slices.Clone(s.Layout), s.Layout[0])},
	} {
		if p, err := f.OpenPredictor(o); err == nil || p != nil {
			t.Errorf("%s: opened %v, %v", name, p, err)
		}
	}
	p := s.open(t, f)
	if b, err := p.NewBatch(wider(s.Layout)); err == nil || b != nil {
		t.Errorf("a batch of wider records: %v, %v", b, err)
	}
}
