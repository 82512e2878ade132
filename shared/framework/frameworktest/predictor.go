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

// servesWhatItSaved saves a trained model, stores it, fetches what is served of
// it, and holds the predictions against the framework's own.
func (m Model) servesWhatItSaved(t *testing.T, f framework.Framework, tr framework.Trainer) {
	before := hash(t, tr)
	p := m.serve(t, f, saved(t, f, tr))
	if hash(t, tr) != before {
		t.Error("saving has changed the weights")
	}
	held := ArraysOf(tr, m.Held)
	layout := tr.Columns()[:len(m.Export.Inputs)]
	if len(p.Inputs()) != len(layout) || len(p.Outputs()) != len(m.Export.Outputs) || p.Limit() < 1 {
		t.Fatalf("inputs %v, outputs %v, limit %d", p.Inputs(), p.Outputs(), p.Limit())
	}
	b, err := p.NewBatch(named(layout, m.Export.Inputs))
	if err != nil {
		t.Fatal(err)
	}
	most := int(held.Len())
	for _, n := range []int{5, 1, 3, most, 5} { // sizes that come again use the same memory
		b.Reset()
		for i := range n {
			row := b.Next()
			for k := range row {
				row[k] = append(row[k][:0], held.record(k, i, i+1)...)
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
		m.check(t, b, 0, n)
	}
	if err := b.Predict(t.Context(), 2, 4); err != nil {
		t.Fatal(err)
	}
	m.check(t, b, 2, 4)
	for _, r := range [][2]int{{-1, 1}, {2, 2}, {0, b.Len() + 1}} {
		if err := b.Predict(t.Context(), r[0], r[1]); err == nil {
			t.Errorf("records [%d, %d) of %d were predicted", r[0], r[1], b.Len())
		}
	}
}

// saved is a folder with what is served of a trained model, by way of a store.
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
	if err := bundle.Served.Get(t.Context(), s, "results/1", served); err != nil {
		t.Fatal(err)
	}
	return served
}

func (m Model) serve(t *testing.T, f framework.Framework, dir string) framework.Predictor {
	t.Helper()
	p, err := f.OpenPredictor(framework.PredictorOptions{Dir: dir, Export: m.Export, Stored: AsStored(t, m.Export.Inputs)})
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
func (m Model) check(t *testing.T, b framework.Batch, from, to int) {
	t.Helper()
	outputs := b.Outputs()
	if len(outputs) != len(m.Export.Outputs) {
		t.Fatalf("%d outputs, want %d", len(outputs), len(m.Export.Outputs))
	}
	for i, o := range outputs {
		if o.Name != m.Export.Outputs[i].Name {
			t.Errorf("output %d is %q, want %q", i, o.Name, m.Export.Outputs[i].Name)
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
		near(t, fmt.Sprintf("served output %d of records %d to %d", i, from, to), got, m.Outputs[i][from*each:to*each])
	}
}

// predictorRefuses tries what a predictor must refuse with an error.
func (s Subject) predictorRefuses(t *testing.T) {
	m := s.Models[0]
	dir := saved(t, s.Framework, m.Open(t, s.Framework))
	stored := AsStored(t, m.Export.Inputs)
	another := m.Export
	another.Inputs = slices.Clone(another.Inputs)
	another.Inputs[0].Name = "no such input"
	for name, o := range map[string]framework.PredictorOptions{
		"no model":      {Dir: t.TempDir(), Export: m.Export, Stored: stored},
		"another input": {Dir: dir, Export: another},
		"wider inputs":  {Dir: dir, Export: m.Export, Stored: wider(stored)},
		"more inputs":   {Dir: dir, Export: m.Export, Stored: append(slices.Clone(stored), stored[0])},
	} {
		if p, err := s.Framework.OpenPredictor(o); err == nil || p != nil {
			t.Errorf("%s: opened %v, %v", name, p, err)
		}
	}
	p := m.serve(t, s.Framework, dir)
	if b, err := p.NewBatch(wider(stored)); err == nil || b != nil {
		t.Errorf("a batch of wider records: %v, %v", b, err)
	}
}
