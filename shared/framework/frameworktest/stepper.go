package frameworktest

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// stepsAsItFits trains the first model batch by batch, in two trainers of which the
// second goes on from what the first one leaves: each batch is measured before it is
// learned from, and the weights are those of a fit.
func (s Subject) stepsAsItFits(t *testing.T) {
	m := s.Models[0]
	fit, plan := m.Open(t, s.Framework), m.Plan
	plan.Epochs, plan.InitialEpoch, plan.StepsPerEpoch, plan.ClassWeight, plan.Engine = 1, 0, 0, nil, m.Engines[0]
	all := ArraysOf(fit, m.Training)
	if _, err := fit.Fit(t.Context(), all, plan, framework.Watch{}); err != nil {
		t.Fatal(err)
	}
	tr, judge := m.Open(t, s.Framework), m.Open(t, s.Framework)
	batch, total := int64(plan.BatchSize), all.Len()
	for at := int64(0); at < total; at += batch {
		part := Part{Split: all, From: at, Records: min(batch, total-at)}
		if at == total/batch/2*batch { // in the middle
			state, err := tr.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			tr = m.Open(t, s.Framework)
			if err := tr.Resume(state); err != nil {
				t.Fatal(err)
			}
			if err := judge.Resume(state); err != nil {
				t.Fatal(err)
			}
		}
		want, err := judge.Evaluate(t.Context(), part, plan.BatchSize, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tr.Step(t.Context(), part)
		if err != nil {
			t.Fatal(err)
		}
		for name, w := range want {
			if !(math.Abs(got[0][name]-w) <= 1e-4*max(1, math.Abs(w))) {
				t.Errorf("record %d: %s is %v, evaluated before the step %v", at, name, got[0][name], w)
			}
		}
		if _, err := judge.Step(t.Context(), part); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := hash(t, tr), hash(t, fit); got != want {
		t.Errorf("the steps gave the weights %s, a fit %s", got, want)
	}
	s.learnsFaster(t, tr, Part{Split: all, Records: batch})
	for name, state := range map[string][]byte{"nothing": nil, "text": []byte("weights")} {
		if err := tr.Resume(state); err == nil {
			t.Errorf("it goes on from %s", name)
		}
	}
}

// StepsAlike holds that the weights and metrics of so many steps tell neither how many
// batches each was given, nor that another trainer went on with them; and gives what ran
// the last ones.
func (m Model) StepsAlike(t *testing.T, f framework.Framework, batches int64) framework.Stepping {
	t.Helper()
	one, many := m.Open(t, f), m.Open(t, f)
	all, size := ArraysOf(one, m.Training), int64(m.Plan.BatchSize)
	whole := all.Len() / size
	step := func(tr framework.Trainer, at, n int64) []pipeline.Metrics {
		t.Helper()
		got, err := tr.Step(t.Context(), Part{Split: all, From: at % whole * size, Records: n * size})
		if err != nil || int64(len(got)) != n {
			t.Fatalf("%d batches from %d on: metrics of %d, %v", n, at, len(got), err)
		}
		return got
	}
	var want, got []pipeline.Metrics
	goneOn := false
	for at := range batches {
		want = append(want, step(one, at, 1)...)
	}
	for at := int64(0); at < batches; {
		n := min(1+at%7, whole-at%whole, batches-at)
		got = append(got, step(many, at, n)...)
		if at += n; !goneOn && at > batches/2 {
			goneOn = true
			state, err := many.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			many = m.Open(t, f)
			if err := many.Resume(state); err != nil {
				t.Fatal(err)
			}
		}
	}
	if a, b := hash(t, one), hash(t, many); a != b {
		t.Errorf("one by one the weights are %s, together %s", a, b)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("(-one by one +together)\n%s", diff)
	}
	return many.Stepping()
}

// learnsFaster holds that a step at other learning rates learns something else, and that
// those before come back exactly.
func (s Subject) learnsFaster(t *testing.T, tr framework.Trainer, part Part) {
	own, err := tr.Rates()
	if err != nil {
		t.Fatal(err)
	}
	state, err := tr.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	learned := map[string]bool{}
	for _, times := range []float32{1, 10} {
		higher := slices.Clone(own)
		for i := range higher {
			higher[i] *= times
		}
		if err := errors.Join(tr.Resume(state), tr.SetRates(higher)); err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Step(t.Context(), part); err != nil {
			t.Fatal(err)
		}
		if err := tr.SetRates(own); err != nil {
			t.Fatal(err)
		}
		learned[hash(t, tr)] = true
	}
	if now, err := tr.Rates(); err != nil || !slices.Equal(now, own) || len(learned) != 2 {
		t.Errorf("the rates were %v and are %v, %v; a tenfold rate learns otherwise: %v", own, now, err, len(learned) == 2)
	}
	if err := tr.SetRates(append(slices.Clone(own), 1)); err == nil {
		t.Error("more rates than the model has are taken")
	}
}

// Part is some records of a split.
type Part struct {
	framework.Split
	From, Records int64
}

// Len implements framework.Split.
func (p Part) Len() int64 { return p.Records }

// Read implements framework.Split.
func (p Part) Read(ctx context.Context, pass int, first int64, n int, dst [][]byte) error {
	return p.Split.Read(ctx, pass, p.From+first, n, dst)
}
