package deploytraining

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

func TestDeploymentWaitsAsRows(t *testing.T) {
	r := newRig(t)
	d := r.deploy(t, r.configuration(t, image, image))
	if d.Status != pipeline.DeploymentWaiting || len(d.Results) != 2 || d.TrainingKwargs.Epochs != 3 {
		t.Errorf("got %+v", d)
	}
	if got := r.jobs.names(); len(got) != 0 {
		t.Errorf("jobs %v before any stream", got)
	}
}

func TestEitherOrderStartsEachJobOnce(t *testing.T) {
	want := []string{"train-1-1", "train-2-1"}
	orders := map[string]func(t *testing.T, r *rig, c int64){
		"deployment first": func(t *testing.T, r *rig, c int64) {
			r.deploy(t, c)
			r.arrives(t, r.stream(t, 1, 0))
		},
		"stream first": func(t *testing.T, r *rig, c int64) {
			r.arrives(t, r.stream(t, 1, 0))
			r.deploy(t, c)
		},
		"stream first, told late": func(t *testing.T, r *rig, c int64) {
			d := r.stream(t, 1, 0)
			r.deploy(t, c)
			r.arrives(t, d)
		},
	}
	for name, order := range orders {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			order(t, r, r.configuration(t, image, image))
			if got := r.jobs.names(); !slices.Equal(got, want) {
				t.Errorf("started %v, want %v", got, want)
			}
			if got := r.result(t, 1); got.Status != pipeline.ResultScheduled || got.Datasource != 1 || got.Attempt != 1 || got.EpochsTotal != 3 {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestDeploymentAndStreamAtTheSameMoment(t *testing.T) {
	for range 15 {
		r := newRig(t)
		c := r.configuration(t, image, image, image)
		var both sync.WaitGroup
		both.Go(func() { r.deploy(t, c) })
		both.Go(func() { r.arrives(t, r.stream(t, 1, 0)) })
		both.Wait()
		want := []string{"train-1-1", "train-2-1", "train-3-1"}
		if got := r.jobs.names(); !slices.Equal(got, want) {
			t.Fatalf("started %v, want %v", got, want)
		}
	}
}

func TestDuplicatesStartNothingTwice(t *testing.T) {
	r := newRig(t)
	r.deploy(t, r.configuration(t, image, image))
	d := r.stream(t, 1, 0)
	var all sync.WaitGroup
	for range 100 { // as events of their own, all at once
		all.Go(func() { r.arrives(t, d) })
	}
	all.Wait()
	again := r.stream(t, 1, 0) // another control record of the same stream
	again.InputConfig = json.RawMessage(`{"label_reshape":"","label_type":"int32","data_reshape":"2 2","data_type":"uint8"}`)
	r.write(t, func(tx *registry.Tx) error { return tx.UpdateDatasource(&again) })
	r.arrives(t, again)
	if got, want := r.jobs.names(), []string{"train-1-1", "train-2-1"}; !slices.Equal(got, want) {
		t.Errorf("started %v, want %v", got, want)
	}
}

func TestAnotherStreamIsAnotherRound(t *testing.T) {
	r := newRig(t)
	r.deploy(t, r.configuration(t, image, image))
	r.arrives(t, r.stream(t, 1, 0))
	r.arrives(t, r.stream(t, 1, 100))
	if got, want := r.jobs.names(), []string{"train-1-1", "train-2-1", "train-3-1", "train-4-1"}; !slices.Equal(got, want) {
		t.Fatalf("started %v, want %v", got, want)
	}
	third, first := r.result(t, 3), r.result(t, 1)
	if third.Datasource != 2 || third.Model != first.Model || third.ModelVersion != first.ModelVersion {
		t.Errorf("the second round has %+v", third)
	}
	if got := r.jobs.running["train-3-1"].Spec; got.Ranges[0].Offset != 100 || got.Seed != 7 || got.BatchSize != 10 || got.Artifact != "models/1" || got.Output != "results/3/attempt-1" {
		t.Errorf("the job is told %+v", got)
	}
}

func TestStoppedDeploymentTakesNoStream(t *testing.T) {
	r := newRig(t)
	r.deploy(t, r.configuration(t, image))
	if d := want[pipeline.Deployment](t, r, http.StatusOK, "POST", "/deployments/1/stop", nil); d.Status != pipeline.DeploymentStopped {
		t.Errorf("got %+v", d)
	}
	r.arrives(t, r.stream(t, 1, 0))
	if got := r.jobs.names(); len(got) != 0 {
		t.Errorf("started %v", got)
	}
	want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/1/retry", nil)
	if got := r.jobs.names(); !slices.Equal(got, []string{"train-1-1"}) {
		t.Errorf("retry started %v", got)
	}
}

func TestModelThatCannotReadTheStream(t *testing.T) {
	r := newRig(t)
	r.deploy(t, r.configuration(t, image, wide))
	r.arrives(t, r.stream(t, 1, 0))
	if got := r.jobs.names(); !slices.Equal(got, []string{"train-1-1"}) {
		t.Errorf("started %v", got)
	}
	bad := r.result(t, 2)
	if bad.Status != pipeline.ResultFailed || !strings.Contains(bad.Reason, "data_reshape") || bad.Datasource != 1 {
		t.Errorf("got %+v, want a failure of data_reshape", bad)
	}
	if d := want[pipeline.Deployment](t, r, http.StatusOK, "GET", "/deployments/1", nil); d.Status != pipeline.DeploymentTraining || len(d.Results) != 2 {
		t.Errorf("the deployment is %+v", d)
	}
}

// TestMonitorThatIsNeverSeen starts no Job that would watch the validation of a stream
// that has none.
func TestMonitorThatIsNeverSeen(t *testing.T) {
	r := newRig(t)
	image := image
	image.Variables, image.Monitors = "wr", map[string]pipeline.MetricMode{"loss": pipeline.ModeMin, "val_loss": pipeline.ModeMin}
	c := r.configuration(t, image)
	for _, kwargs := range []string{"early_stopping={monitor: 'val_loss'}", "reduce_lr_on_plateau={monitor: 'val_loss'}"} {
		d := want[pipeline.Deployment](t, r, http.StatusCreated, "POST", "/deployments", map[string]any{"configuration": c, "batch_size": 10, "training_kwargs": "epochs=3, " + kwargs})
		source := r.stream(t, d.ID, 0)
		source.ID, source.ValidationRate = 0, 0
		r.write(t, func(tx *registry.Tx) error { return tx.CreateDatasource(&source) })
		r.arrives(t, source)
		if got := r.result(t, d.ID); got.Status != pipeline.ResultFailed || !strings.Contains(got.Reason, "val_loss is never seen") || got.Hint == "" || len(r.jobs.names()) != 0 {
			t.Errorf("%s: %+v, Jobs %v", kwargs, got, r.jobs.names())
		}
	}
}

func TestRefusedStreamLeavesTheDeploymentWaiting(t *testing.T) {
	r := newRig(t)
	r.deploy(t, r.configuration(t, image))
	bad := r.stream(t, 1, 0)
	bad.Rejected = &pipeline.Rejection{Field: "topic", Reason: "no such topic", Hint: "create it"}
	r.write(t, func(tx *registry.Tx) error { return tx.UpdateDatasource(&bad) })
	r.arrives(t, bad)
	d := want[pipeline.Deployment](t, r, http.StatusOK, "GET", "/deployments/1", nil)
	if d.Status != pipeline.DeploymentWaiting || d.LastRejection == nil || d.LastRejection.Reason != "no such topic" || d.LastRejection.Datasource != bad.ID {
		t.Errorf("got %+v", d)
	}
	r.arrives(t, r.stream(t, 1, 0))
	if d = want[pipeline.Deployment](t, r, http.StatusOK, "GET", "/deployments/1", nil); d.LastRejection != nil || d.Status != pipeline.DeploymentTraining {
		t.Errorf("after a good stream: %+v", d)
	}
}

func TestExpiredStreamDoesNotCountForANewDeployment(t *testing.T) {
	r := newRig(t)
	old := r.stream(t, 1, 0)
	old.Retention.State = pipeline.Expired
	r.write(t, func(tx *registry.Tx) error { return tx.UpdateDatasource(&old) })
	if d := r.deploy(t, r.configuration(t, image)); d.Status != pipeline.DeploymentWaiting {
		t.Errorf("got %+v", d)
	}
}

func TestFactsTellEachState(t *testing.T) {
	r := newRig(t)
	r.deploy(t, r.configuration(t, image))
	r.arrives(t, r.stream(t, 1, 0))
	stored, err := r.Store.Events(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, s := range stored {
		types = append(types, s.Event.Type())
	}
	if diff := cmp.Diff([]string{eventing.DeploymentCreated, eventing.ResultScheduled}, types); diff != "" {
		t.Error(diff)
	}
}
