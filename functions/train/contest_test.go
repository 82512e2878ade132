package train

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestContest measures a champion on the test split of another training: it comes to the
// metrics that it came to itself on these records, and what is trained is as without it.
// One that cannot be measured says why, and ends no training.
func TestContest(t *testing.T) {
	r := newRig(t)
	r.send(t, 400)
	r.Job.TestRate = 0.2
	if err := Run(t.Context(), r.Config); err != nil {
		t.Fatal(err)
	}
	champion := r.outcome
	r.Job.Result, r.Job.Seed, r.Job.TrainingKwargs.Epochs, r.Job.Output = 4, 8, 1, "results/4/attempt-1"
	run := func(held *pipeline.Champion) pipeline.Outcome {
		t.Helper()
		r.outcome, r.Job.Champion = pipeline.Outcome{}, held
		if err := Run(t.Context(), r.Config); err != nil {
			t.Fatal(err)
		}
		return r.outcome
	}
	alone := run(nil)
	other := r.Job.Export
	other.Inputs = []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{1, 3}}}
	for name, test := range map[string]struct {
		held   pipeline.Champion
		reason string
	}{
		"measured":   {pipeline.Champion{Result: 3, Artifact: champion.Artifact, Export: r.Job.Export}, ""},
		"gone":       {pipeline.Champion{Result: 3, Artifact: "results/3/attempt-9", Export: r.Job.Export}, "not in the store any more"},
		"other form": {pipeline.Champion{Result: 3, Artifact: champion.Artifact, Export: other}, "other inputs or labels"},
	} {
		got := run(&test.held)
		if diff := cmp.Diff(alone.Metrics, got.Metrics); diff != "" || got.Lineage.WeightsHash != alone.Lineage.WeightsHash || got.Artifact == "" {
			t.Errorf("%s: the training came out otherwise:\n%s", name, diff)
		}
		c := got.Contest
		if c == nil || c.Champion != 3 || !strings.Contains(c.Reason, test.reason) || (c.Reason == "") != (test.reason == "") {
			t.Fatalf("%s: %+v", name, c)
		}
		if test.reason != "" {
			continue
		}
		if diff := cmp.Diff(champion.Metrics.Test, c.Metrics); diff != "" || cmp.Equal(c.Metrics, got.Metrics.Test) {
			t.Errorf("the champion is measured otherwise than by itself:\n%s", diff)
		}
	}
}
