// Package frameworktest holds every framework against the contract of
// shared/framework. A new framework is done when Exercise passes over it, or
// ExercisePredictor where it only serves.
package frameworktest

import (
	"context"
	"math"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Subject is a framework under test, and models with what the framework's own
// fit made of them in this run of the tests.
type Subject struct {
	Framework framework.Framework
	// Models are exported by the framework's Builder. The first trains in every
	// engine and is small: the suite trains it several times.
	Models []Model
	// Servers serve what Framework trains, unless NoONNX of the export says why a
	// model has no such form.
	Servers framework.Frameworks
}

// Model is an exported model, records to train it on, and what the framework's
// own fit and predict say.
type Model struct {
	Name     string
	Dir      string // files of Bundle.Exported
	Export   pipeline.Export
	Training func(column string) []byte // the records of a Trainer's column, one after the other
	Held     func(column string) []byte // the same of the records that are held back to validate on
	Plan     framework.Plan             // without Validation and Engine, which the suite sets
	Engines  []pipeline.Engine          // to train in
	History  map[string][]float64       // by metric, an element an epoch; "val_" before those of the validation
	Outputs  [][]float64                // of the trained model for the records held back, by output
}

// Exercise runs the suite.
func Exercise(t *testing.T, s Subject) {
	t.Run("kind", func(t *testing.T) { exerciseKind(t, s.Framework.Kind()) })
	for _, m := range s.Models {
		for i, e := range m.Engines {
			t.Run(m.Name+"/"+string(e), func(t *testing.T) {
				tr := m.Open(t, s.Framework)
				m.fitsAsItsOwn(t, tr, e)
				if i == 0 {
					m.servesWhatItSaved(t, s, tr)
				}
			})
		}
	}
	t.Run("same weights", func(t *testing.T) { s.givesSameWeights(t) })
	t.Run("steps", func(t *testing.T) { s.stepsAsItFits(t) })
	t.Run("cancelled", func(t *testing.T) { s.endsWithItsContext(t) })
	t.Run("refusals of a trainer", func(t *testing.T) { s.trainerRefuses(t) })
	t.Run("refusals of a predictor", func(t *testing.T) { s.predictorRefuses(t) })
}

// Open opens a trainer of the model's records in the model's own types, and
// closes it at the end of the test.
func (m Model) Open(t testing.TB, f framework.Framework) framework.Trainer {
	t.Helper()
	tr, err := f.OpenTrainer(m.options(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

func (m Model) options(t testing.TB) framework.TrainerOptions {
	t.Helper()
	return framework.TrainerOptions{
		Dir: m.Dir, Export: m.Export, Inputs: AsStored(t, m.Export.Inputs), Labels: AsStored(t, m.Export.Labels), Batch: m.Plan.BatchSize,
	}
}

// AsStored is the layout of records that hold tensors in the model's types.
func AsStored(t testing.TB, tensors []pipeline.Tensor) []codec.Tensor {
	t.Helper()
	var all []codec.Tensor
	for _, want := range tensors {
		d, err := codec.ParseDType(want.DType)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, codec.Tensor{Name: want.Name, DType: d, Shape: want.Shape})
	}
	return all
}

// Arrays is a split in memory, in the trainer's own types and never shuffled.
type Arrays struct {
	tensors []codec.Tensor
	columns [][]byte
}

// ArraysOf gathers the columns of a trainer.
func ArraysOf(tr framework.Trainer, column func(name string) []byte) Arrays {
	a := Arrays{tensors: tr.Columns()}
	for _, c := range a.tensors {
		a.columns = append(a.columns, column(c.Name))
	}
	return a
}

// Len implements framework.Split.
func (a Arrays) Len() (n int64) {
	for rest := a.columns[0]; len(rest) > 0; n++ {
		_, rest, _ = codec.Cut(a.tensors[0], rest, 1)
	}
	return n
}

// Read implements framework.Split.
func (a Arrays) Read(_ context.Context, _ int, first int64, n int, dst [][]byte) error {
	for i, t := range a.tensors {
		if t.DType == codec.String {
			dst[i] = append(dst[i], a.record(i, int(first), int(first)+n)...)
		} else {
			copy(dst[i], a.record(i, int(first), int(first)+n))
		}
	}
	return nil
}

// record is the bytes of the records [from, to) in column i.
func (a Arrays) record(i, from, to int) []byte {
	_, rest, err := codec.Cut(a.tensors[i], a.columns[i], from)
	if err != nil {
		return nil
	}
	records, _, _ := codec.Cut(a.tensors[i], rest, to-from)
	return records
}

// near holds numbers against those of the framework itself.
func near(t *testing.T, name string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, the framework itself has %d", name, len(got), len(want))
		return
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= 1e-4*max(1, math.Abs(want[i]))) {
			t.Errorf("%s[%d] = %v, the framework itself has %v", name, i, got[i], want[i])
		}
	}
}
