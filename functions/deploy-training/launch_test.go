package deploytraining

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

func (r *rig) reconcile(t *testing.T) {
	t.Helper()
	if err := r.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestJobThatCouldNotBeStartedIsStartedLater(t *testing.T) {
	r := newRig(t)
	r.jobs.refuse = &pipeline.Error{Kind: pipeline.Unavailable, Reason: "full"}
	r.deploy(t, r.configuration(t, image))
	r.arrives(t, r.stream(t, 1, 0))
	r.reconcile(t)
	if got := r.result(t, 1); got.Status != pipeline.ResultScheduled || got.Attempt != 1 {
		t.Errorf("while the platform is full: %+v", got)
	}
	r.jobs.refuse = nil
	r.reconcile(t)
	r.reconcile(t)
	if got := r.jobs.names(); !slices.Equal(got, []string{"train-1-1"}) {
		t.Errorf("started %v", got)
	}
}

func TestJobThatThePlatformRefuses(t *testing.T) {
	r := newRig(t)
	r.jobs.refuse = pipeline.Invalidf("resources.cpu", "is not a quantity")
	r.deploy(t, r.configuration(t, image))
	r.arrives(t, r.stream(t, 1, 0))
	if got := r.result(t, 1); got.Status != pipeline.ResultFailed || !strings.Contains(got.Reason, "resources.cpu") {
		t.Errorf("got %+v", got)
	}
}

func TestRunningJobThatIsLostIsStartedAgain(t *testing.T) {
	r := training(t)
	for attempt := 1; attempt < maxLost; attempt++ {
		r.progress(t, attempt, 1, 1)
		r.stored(t, 1, attempt)
		r.jobs.vanish(jobName(pipeline.Result{ID: 1, Attempt: attempt}))
		r.reconcile(t)
		got := r.result(t, 1)
		if got.Status != pipeline.ResultScheduled || got.Attempt != attempt+1 || got.EpochsDone != 0 || r.has(t, 1, attempt) {
			t.Fatalf("after attempt %d was lost: %+v", attempt, got)
		}
	}
	r.progress(t, maxLost, 1, 1)
	r.jobs.vanish("train-1-3")
	r.reconcile(t)
	if got := r.result(t, 1); got.Status != pipeline.ResultFailed || !strings.Contains(got.Reason, "3 times") {
		t.Errorf("got %+v", got)
	}
	if got := r.jobs.names(); !slices.Equal(got, []string{"train-1-1", "train-1-2", "train-1-3"}) {
		t.Errorf("started %v", got)
	}
	if got := want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/1/retry", nil); got.Attempt != 4 || got.Lost != 0 || got.Reason != "" {
		t.Errorf("retried: %+v", got)
	}
}

func TestTrainingThatIsCutOffInOrderIsNotLost(t *testing.T) {
	r := training(t)
	for attempt := 1; attempt <= maxLost+1; attempt++ {
		r.progress(t, attempt, 1, 1)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r.Run(ctx, time.Hour) // ends at once, as with Ctrl-C
		r.jobs.vanish(jobName(pipeline.Result{ID: 1, Attempt: attempt}))
		r.reconcile(t) // the next start
		if got := r.result(t, 1); got.Status != pipeline.ResultScheduled || got.Attempt != attempt+1 || got.Lost != 0 || got.Cut {
			t.Fatalf("after attempt %d was cut off: %+v", attempt, got)
		}
	}
}

func TestRunningJobIsLeftAlone(t *testing.T) {
	r := training(t)
	r.progress(t, 1, 1, 1)
	r.reconcile(t)
	if got := r.result(t, 1); got.Status != pipeline.ResultRunning || got.Attempt != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestJobThatNobodyWantsIsStopped(t *testing.T) {
	r := training(t)
	r.write(t, func(tx *registry.Tx) error { // as a stop that was cut off after its commit
		result, err := tx.Result(1)
		if err != nil {
			return err
		}
		result.Status = pipeline.ResultStopped
		return tx.UpdateResult(&result)
	})
	r.jobs.running["another"] = r.jobs.running["train-1-1"]
	r.reconcile(t)
	if got, _ := r.jobs.Running(t.Context()); !slices.Equal(got, []string{"another"}) {
		t.Errorf("running %v", got)
	}
}

func TestResultThatMovedOnIsNotStarted(t *testing.T) {
	r := training(t)
	scheduled := r.result(t, 1)
	want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/1/stop", nil)
	r.launch(t.Context(), []pipeline.Result{scheduled}) // as when the stop came first
	if got, _ := r.jobs.Running(t.Context()); len(got) != 0 {
		t.Errorf("a stopped result runs: %v", got)
	}
	want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/1/retry", nil)
	r.launch(t.Context(), []pipeline.Result{scheduled, {ID: 9, Attempt: 1}})
	if got, _ := r.jobs.Running(t.Context()); !slices.Equal(got, []string{"train-1-2"}) {
		t.Errorf("running %v, want the second attempt only", got)
	}
}

func TestStopEndsTheJobsAndKeepsTheirLogs(t *testing.T) {
	r := newRig(t)
	r.deploy(t, r.configuration(t, image, image))
	r.arrives(t, r.stream(t, 1, 0))
	if _, log := r.call(t, "GET", "/results/2/logs", nil); string(log) != "train-2-1 says hello\n" {
		t.Errorf("while it runs the log is %q", log)
	}
	want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/1/stop", nil)
	want[problem](t, r, http.StatusConflict, "POST", "/results/1/stop", nil)
	d := want[pipeline.Deployment](t, r, http.StatusOK, "POST", "/deployments/1/stop", nil)
	if d.Status != pipeline.DeploymentStopped || r.result(t, 2).Status != pipeline.ResultStopped {
		t.Errorf("got %+v", d)
	}
	if got, _ := r.jobs.Running(t.Context()); len(got) != 0 {
		t.Errorf("still running: %v", got)
	}
	if _, log := r.call(t, "GET", "/results/2/logs", nil); string(log) != "train-2-1 says hello\n" {
		t.Errorf("the log is %q", log)
	}
}

func TestDelete(t *testing.T) {
	r := training(t)
	want[problem](t, r, http.StatusConflict, "DELETE", "/deployments/1", nil)
	want[problem](t, r, http.StatusConflict, "DELETE", "/results/1", nil)
	r.stored(t, 1, 1)
	r.finish(t, 1)
	i := pipeline.Inference{Name: "digits", Result: 1, Replicas: 1, Status: pipeline.InferenceRunning}
	r.write(t, func(tx *registry.Tx) error { return tx.CreateInference(&i) })
	for _, path := range []string{"/results/1", "/deployments/1"} {
		if p := want[problem](t, r, http.StatusConflict, "DELETE", path, nil); p.Kind != "in-use" || !strings.Contains(p.Detail, "digits") {
			t.Errorf("%s: %+v", path, p)
		}
	}
	r.write(t, func(tx *registry.Tx) error { return tx.DeleteInference(i.ID) })
	want[eventing.Deleted](t, r, http.StatusOK, "DELETE", "/deployments/1", nil)
	want[problem](t, r, http.StatusNotFound, "GET", "/results/1", nil)
	if r.has(t, 1, 1) {
		t.Error("the trained model is still stored")
	}
}

func TestDeleteOneResult(t *testing.T) {
	r := training(t)
	r.stored(t, 1, 1)
	r.finish(t, 1)
	want[eventing.Deleted](t, r, http.StatusOK, "DELETE", "/results/1", nil)
	if d := want[pipeline.Deployment](t, r, http.StatusOK, "GET", "/deployments/1", nil); len(d.Results) != 0 || r.has(t, 1, 1) {
		t.Errorf("after the delete: %+v, stored: %v", d, r.has(t, 1, 1))
	}
}

func TestRetryThatIsRefused(t *testing.T) {
	r := newRig(t)
	r.deploy(t, r.configuration(t, image, wide))
	if p := want[problem](t, r, http.StatusConflict, "POST", "/results/1/retry", nil); p.Field != "status" {
		t.Errorf("a waiting result: %+v", p)
	}
	want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/1/stop", nil)
	if p := want[problem](t, r, http.StatusConflict, "POST", "/results/1/retry", nil); p.Field != "datasource" {
		t.Errorf("without a stream: %+v", p)
	}
	r.arrives(t, r.stream(t, 1, 0))
	if p := want[problem](t, r, http.StatusUnprocessableEntity, "POST", "/results/2/retry", nil); p.Field == "" {
		t.Errorf("a model that cannot read the stream: %+v", p)
	}
}
