package deploytraining

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// trained is a rig whose result 1 has finished, with a receipt.
func trained(t *testing.T) *rig {
	t.Helper()
	r := training(t)
	r.progress(t, 1, 1, 3)
	r.stored(t, 1, 1)
	r.deliver(t, eventing.TrainingFinished, 1, pipeline.Outcome{
		Result: 1, Attempt: 1, Engine: kerasmodel.XLA, Artifact: "results/1/attempt-1", Seconds: 2,
		Metrics: pipeline.SplitMetrics{Training: pipeline.Metrics{"loss": 0.5}},
		Split:   &pipeline.SplitAudit{Training: pipeline.SplitCount{Records: 90}, Validation: pipeline.SplitCount{Records: 10}},
		Lineage: pipeline.Lineage{
			ContentHash: "c", WeightsHash: "w", Records: 100, Ranges: []pipeline.Range{{Topic: "pixels", Length: 100}},
			Libraries: pipeline.Libraries{"trainer": "TensorFlow 2"},
		},
	})
	return r
}

// verify asks for a verification of result 1 and gives the attempt.
func (r *rig) verifies(t *testing.T) int {
	t.Helper()
	return want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/1/verify", nil).Verification.Attempt
}

// says reports about an attempt to verify result 1, as its process.
func (r *rig) says(t *testing.T, attempt int, typ string, data any) {
	t.Helper()
	if status, body := r.fact(t, identity.VerifyJob(1, attempt), typ, 1, data); status/100 != 2 {
		t.Fatalf("%s: status %d: %s", typ, status, body)
	}
}

// A verification trains from the receipt in a Job of its own, and changes nothing
// of the result but its verification.
func TestVerification(t *testing.T) {
	r := trained(t)
	before := r.result(t, 1)
	attempt := r.verifies(t)
	if again := r.verifies(t); again != attempt {
		t.Errorf("asked twice it is attempt %d, then %d", attempt, again)
	}
	job, ok := r.jobs.running["verify-1-1"]
	if !ok {
		t.Fatalf("started %v", r.jobs.names())
	}
	receipt := pipeline.Receipt{ContentHash: "c", Records: 100, Split: before.Split, WeightsHash: "w", Metrics: before.Metrics, Trainer: "TensorFlow 2"}
	if diff := cmp.Diff(&receipt, job.Spec.Receipt); diff != "" {
		t.Error(diff)
	}
	if s := job.Spec; s.Engine != kerasmodel.XLA || s.Output != "" || s.Checkpoint != "" || s.Seed != 7 || s.BatchSize != 10 || s.ValidationRate != 0.1 {
		t.Errorf("the Job is %+v", s)
	}
	cases := []struct {
		name, typ string
		data      func(attempt int) any
		status    pipeline.VerificationStatus
		says      string
	}{
		{"equal", eventing.TrainingVerified, func(n int) any { return pipeline.Replay{Result: 1, Attempt: n, Seconds: 3} }, pipeline.VerificationVerified, "the same"},
		{"another", eventing.TrainingVerified, func(n int) any { return pipeline.Replay{Result: 1, Attempt: n, Difference: "the weights differ"} }, pipeline.VerificationDiverged, "diverged: the weights differ"},
		{"expired", eventing.TrainingFailed, func(n int) any {
			return pipeline.Outcome{Result: 1, Attempt: n, Reason: "the log has lost them", Hint: "h", Verifies: true}
		}, pipeline.VerificationFailed, "the log has lost them"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			attempt := r.verifies(t)
			r.says(t, attempt, eventing.TrainingProgressed, pipeline.Progress{Result: 1, Attempt: attempt, Epochs: epochs(1, 2), Verifies: true})
			if v := r.result(t, 1).Verification; v.Status != pipeline.VerificationRunning || v.EpochsDone != 2 {
				t.Errorf("while it runs: %+v", v)
			}
			full := &pipeline.Rejection{Reason: "the store is full", Hint: "make room"}
			r.says(t, attempt, eventing.TrainingProgressed, pipeline.Progress{Result: 1, Attempt: attempt, Waiting: full, Verifies: true})
			if v := r.result(t, 1).Verification; v.Sentence() != "being verified, waits: the store is full" || v.Hint != "make room" {
				t.Errorf("while it waits: %+v", v)
			}
			r.says(t, attempt, c.typ, c.data(attempt))
			r.says(t, attempt, c.typ, c.data(attempt)) // its answer was lost
			got := r.result(t, 1)
			if v := got.Verification; v.Status != c.status || !strings.Contains(v.Sentence(), c.says) || v.Ended == nil || v.Reason != "" && c.status != pipeline.VerificationFailed {
				t.Errorf("got %+v", v)
			}
			got.Verification = nil
			if diff := cmp.Diff(before, got); diff != "" {
				t.Errorf("the result has changed:\n%s", diff)
			}
			if got := len(want[struct{ Items []pipeline.Epoch }](t, r, http.StatusOK, "GET", "/results/1/metrics", nil).Items); got != 3 {
				t.Errorf("it has %d epochs", got)
			}
		})
	}
}

// A verification whose process vanishes is begun again, not forever; one that is
// cut off in order, as often as it takes.
func TestVerificationThatIsLost(t *testing.T) {
	r := trained(t)
	r.verifies(t)
	begin := func(attempt int) {
		r.says(t, attempt, eventing.TrainingProgressed, pipeline.Progress{Result: 1, Attempt: attempt, Epochs: epochs(1, 1), Verifies: true})
	}
	begin(1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.Run(ctx, time.Hour)
	for attempt := 1; attempt <= maxLost; attempt++ {
		if attempt > 1 {
			begin(attempt)
		}
		r.jobs.vanish(verifyName(1, attempt))
		r.reconcile(t)
		if v := r.result(t, 1).Verification; v.Status != pipeline.VerificationScheduled || v.Attempt != attempt+1 || v.Lost != attempt-1 {
			t.Fatalf("after attempt %d: %+v", attempt, v)
		}
	}
	begin(4)
	r.jobs.vanish("verify-1-4")
	r.reconcile(t)
	if v := r.result(t, 1).Verification; v.Status != pipeline.VerificationFailed || !strings.Contains(v.Reason, "3 times") {
		t.Errorf("got %+v", v)
	}
	if got := r.verifies(t); got != 5 {
		t.Errorf("asked again it is attempt %d", got)
	}
	if status, body := r.call(t, "POST", "/results/1/stop", nil); status != http.StatusOK || !strings.Contains(string(body), "was stopped") {
		t.Errorf("stopped: %d %s", status, body)
	}
	if running, _ := r.jobs.Running(t.Context()); slices.Contains(running, "verify-1-5") {
		t.Error("the Job of a stopped verification runs on")
	}
	r.verifies(t)
	want[eventing.Deleted](t, r, http.StatusOK, "DELETE", "/results/1", nil)
	if running, _ := r.jobs.Running(t.Context()); slices.Contains(running, "verify-1-6") {
		t.Error("the Job of a deleted result runs on")
	}
}

// What cannot be repeated is refused with the reason.
func TestVerificationThatIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(r *pipeline.Result)
		reason string
	}{
		"imported":           {func(r *pipeline.Result) { r.Imported = &pipeline.Imported{} }, "was imported"},
		"without a hash":     {func(r *pipeline.Result) { r.Lineage.ContentHash = "" }, "lacks the hash"},
		"of a parent":        {func(r *pipeline.Result) { r.Parent = 98 }, "went on from, was deleted"},
		"without its stream": {func(r *pipeline.Result) { r.Datasource = 99 }, "was deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			r := trained(t)
			r.write(t, func(tx *registry.Tx) error {
				result, err := tx.Result(1)
				if err != nil {
					return err
				}
				c.spoil(&result)
				return tx.UpdateResult(&result)
			})
			if status, body := r.call(t, "POST", "/results/1/verify", nil); status != http.StatusConflict || !strings.Contains(string(body), c.reason) {
				t.Errorf("%d: %s", status, body)
			}
		})
	}
	r := training(t)
	if status, body := r.call(t, "POST", "/results/1/verify", nil); status != http.StatusConflict || !strings.Contains(string(body), "once it is finished") {
		t.Errorf("%d: %s", status, body)
	}
}

// What becomes of a verification is taken from its own process alone.
func TestAttackForgedVerification(t *testing.T) {
	r := trained(t)
	attempt := r.verifies(t)
	for _, from := range []string{"", identity.Job(1, attempt), identity.VerifyJob(1, attempt+1), identity.VerifyJob(2, attempt), "token:root"} {
		for typ, data := range map[string]any{
			eventing.TrainingVerified:   pipeline.Replay{Result: 1, Attempt: attempt},
			eventing.TrainingFailed:     pipeline.Outcome{Result: 1, Attempt: attempt, Reason: "forged", Verifies: true},
			eventing.TrainingProgressed: pipeline.Progress{Result: 1, Attempt: attempt, Verifies: true},
		} {
			if status, body := r.fact(t, from, typ, 1, data); status != http.StatusUnauthorized && status != http.StatusForbidden {
				t.Errorf("%s from %q: %d: %s", typ, from, status, body)
			}
		}
	}
	// Nor does its process say anything of the training.
	if status, body := r.fact(t, identity.VerifyJob(1, attempt), eventing.TrainingFailed, 1, pipeline.Outcome{Result: 1, Attempt: 1, Reason: "forged"}); status != http.StatusForbidden {
		t.Errorf("%d: %s", status, body)
	}
	if v := r.result(t, 1); v.Verification.Status != pipeline.VerificationScheduled || v.Status != pipeline.ResultFinished {
		t.Errorf("forged facts left %+v", v.Verification)
	}
	token := strings.TrimPrefix(r.jobs.running[fmt.Sprintf("verify-1-%d", attempt)].Env[1], "KAFKAML_JOB_TOKEN=")
	if p, err := signer.Verify(t.Context(), token); err != nil || p.ID != identity.VerifyJob(1, attempt) || p.Role != identity.Nobody {
		t.Errorf("the Job's token is of %+v, %v", p, err)
	}
}
