package frameworktest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// fitsAsItsOwn trains the model and holds each epoch's numbers, and what the
// trained model predicts, against the framework's own.
func (m Model) fitsAsItsOwn(t *testing.T, tr framework.Trainer, e pipeline.Engine) {
	before := hash(t, tr)
	held, plan := ArraysOf(tr, m.Held), m.Plan
	m.adapts(t, tr, held)
	plan.Validation, plan.Engine = held, e
	got := map[string][]float64{}
	last := plan.InitialEpoch
	report, err := tr.Fit(t.Context(), ArraysOf(tr, m.Training), plan, framework.Watch{Epoch: func(e pipeline.Epoch) {
		if last++; e.Epoch != last {
			t.Errorf("epoch %d comes as number %d", e.Epoch, last)
		}
		for name, v := range e.Training {
			got[name] = append(got[name], v)
		}
		for name, v := range e.Validation {
			got["val_"+name] = append(got["val_"+name], v)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if report.Engine != e || report.Reason == "" || report.Steps == 0 || last != plan.Epochs {
		t.Errorf("report %+v after epoch %d", report, last)
	}
	for name, want := range m.History {
		near(t, name, got[name], want)
	}
	if len(got) != len(m.History) {
		t.Errorf("metrics %v, the framework itself has %v", got, m.History)
	}
	if weights, err := tr.Unsound(); weights != "" || err != nil {
		t.Errorf("the weights of %s are not finite: %v", weights, err)
	}
	after := hash(t, tr)
	if after == before {
		t.Error("training has left the weights as they were")
	}
	for i, values := range predicted(t, tr, held) {
		near(t, fmt.Sprint("output ", i), values, m.Outputs[i])
	}
	if _, err := tr.Evaluate(t.Context(), held, plan.BatchSize, 1); err != nil {
		t.Error(err)
	}
	if hash(t, tr) != after {
		t.Error("evaluating has changed the weights")
	}
}

// adapts has the layers learn that the model leaves open: it is not trained before.
func (m Model) adapts(t *testing.T, tr framework.Trainer, held framework.Split) {
	t.Helper()
	if len(m.Export.Adapt) == 0 {
		return
	}
	training := ArraysOf(tr, m.Training)
	if _, err := tr.Fit(t.Context(), training, m.Plan, framework.Watch{}); err == nil {
		t.Error("a model trains whose layers are not adapted")
	}
	learned, err := tr.Adapt(t.Context(), training, framework.AdaptOptions{Held: held})
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range learned {
		if want := m.Export.Adapt[i]; a.Layer != want.Layer || a.Class != want.Class || a.Kind != want.Kind || a.Records != training.Len() {
			t.Errorf("%+v learned %+v", want, a)
		}
	}
	if len(learned) != len(m.Export.Adapt) {
		t.Errorf("%d layers learned, %d are to be adapted", len(learned), len(m.Export.Adapt))
	}
}

// predicted is what a trainer's model makes of a split, by output.
func predicted(t *testing.T, tr framework.Trainer, s framework.Split) [][]float64 {
	t.Helper()
	var all [][]float64
	records := int64(0)
	err := tr.Predict(t.Context(), s, func(p framework.Predicted) error {
		records += int64(p.Records)
		if all == nil {
			all = make([][]float64, len(p.Outputs))
		}
		for i, o := range p.Outputs {
			v, err := codec.Floats(o.Data, o.DType)
			if err != nil {
				return err
			}
			all[i] = append(all[i], v...)
		}
		return nil
	})
	if err != nil || records != s.Len() {
		t.Fatalf("%d of %d records were predicted: %v", records, s.Len(), err)
	}
	return all
}

func hash(t *testing.T, tr framework.Trainer) string {
	t.Helper()
	h, err := tr.WeightsHash()
	if err != nil || len(h) != 64 {
		t.Fatalf("hash %q, %v", h, err)
	}
	return h
}

// givesSameWeights trains the first model twice in each engine: the same seed,
// source and stream give the same weights.
func (s Subject) givesSameWeights(t *testing.T) {
	m := s.Models[0]
	train := func(e pipeline.Engine) string {
		tr, plan := m.Open(t, s.Framework), m.Plan
		plan.Engine = e
		if _, err := tr.Fit(t.Context(), ArraysOf(tr, m.Training), plan, framework.Watch{}); err != nil {
			t.Fatal(err)
		}
		return hash(t, tr)
	}
	for _, e := range s.Framework.Kind().Settings.Engines {
		if one, two := train(e), train(e); one != two {
			t.Errorf("engine %s gave the weights %s and %s", e, one, two)
		}
	}
}

// endsWithItsContext cancels a training between two epochs.
func (s Subject) endsWithItsContext(t *testing.T) {
	m := s.Models[0]
	tr, plan := m.Open(t, s.Framework), m.Plan
	plan.Epochs, plan.Engine = 1<<30, m.Engines[0]
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := tr.Fit(ctx, ArraysOf(tr, m.Training), plan, framework.Watch{Epoch: func(e pipeline.Epoch) {
		if e.Epoch == 3 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// trainerRefuses tries what a trainer must refuse with an error.
func (s Subject) trainerRefuses(t *testing.T) {
	m := s.Models[0]
	tr := m.Open(t, s.Framework)
	for name, spoil := range map[string]func(*framework.Plan){
		"no epoch": func(p *framework.Plan) { p.InitialEpoch = p.Epochs },
		"no batch": func(p *framework.Plan) { p.BatchSize = 0 },
	} {
		plan := m.Plan
		plan.Engine = m.Engines[0]
		spoil(&plan)
		if _, err := tr.Fit(t.Context(), ArraysOf(tr, m.Training), plan, framework.Watch{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	nothing := func(string) []byte { return nil }
	if _, err := tr.Fit(t.Context(), ArraysOf(tr, nothing), m.Plan, framework.Watch{}); err == nil {
		t.Error("no record: no error")
	}
	for name, spoil := range map[string]func(*framework.TrainerOptions){
		"no export":    func(o *framework.TrainerOptions) { o.Dir = t.TempDir() },
		"no inputs":    func(o *framework.TrainerOptions) { o.Inputs = nil },
		"no labels":    func(o *framework.TrainerOptions) { o.Labels = nil },
		"wider inputs": func(o *framework.TrainerOptions) { o.Inputs = wider(o.Inputs) },
	} {
		o := m.options(t)
		spoil(&o)
		if tr, err := s.Framework.OpenTrainer(o); err == nil || tr != nil {
			t.Errorf("%s: opened %v, %v", name, tr, err)
		}
	}
}

// wider is a layout whose first tensor has one element more.
func wider(layout []codec.Tensor) []codec.Tensor {
	first := layout[0]
	first.Shape = []int{first.Elements() + 1}
	return append([]codec.Tensor{first}, layout[1:]...)
}
