package deploytraining

import (
	"archive/zip"
	"bytes"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestTrainingOnThisMachine(t *testing.T) {
	m := newMachine(t)
	m.model(t)
	want[pipeline.Deployment](t, m.rig, http.StatusCreated, "POST", "/deployments", map[string]any{
		"configuration": 1, "batch_size": 10, "training_kwargs": "epochs=20, shuffle=True", "seed": 7,
	})
	begun := time.Now()
	m.arrives(t, m.points(t, 1, 1000))
	r := m.until(t, "it is finished", func(r pipeline.Result) bool { return r.Status == pipeline.ResultFinished })
	t.Logf("finished in %v: engine %s (%s), %v", time.Since(begun), r.Engine, r.EngineReason, r.Metrics)
	if r.EpochsDone != 20 || r.Metrics.Validation["accuracy"] < 0.7 || r.Lineage.Records != 1000 || r.Split == nil || r.Confusion == nil {
		t.Errorf("got %+v", r)
	}
	page := want[struct{ Items []pipeline.Epoch }](t, m.rig, http.StatusOK, "GET", "/results/1/metrics", nil)
	if len(page.Items) != 20 || page.Items[19].Epoch != 20 {
		t.Errorf("%d epochs: %+v", len(page.Items), page.Items)
	}
	for format, name := range map[string]string{"savedmodel": "saved_model.pb", "keras": "model.weights.h5"} {
		_, body := m.call(t, "GET", "/results/1/model?format="+format, nil)
		archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(archive.File, func(f *zip.File) bool { return f.Name == name }) {
			t.Errorf("%s lacks %s", format, name)
		}
	}
}

// long is a training that does not end by itself within the test.
var long = map[string]any{"configuration": 1, "batch_size": 10, "training_kwargs": "epochs=1000000", "engine": "graph"}

func TestKilledTrainingFailsWithTheReasonAndCanBeRetried(t *testing.T) {
	m := newMachine(t)
	m.model(t)
	want[pipeline.Deployment](t, m.rig, http.StatusCreated, "POST", "/deployments", long)
	m.arrives(t, m.points(t, 1, 500))
	m.until(t, "it trains", func(r pipeline.Result) bool { return r.EpochsDone > 0 })
	if err := m.child(t).Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r := m.until(t, "it failed", func(r pipeline.Result) bool { return r.Status == pipeline.ResultFailed })
	if !strings.Contains(r.Reason, "kill") {
		t.Errorf("reason %q, want the kill", r.Reason)
	}
	want[pipeline.Result](t, m.rig, http.StatusOK, "POST", "/results/1/retry", nil)
	m.until(t, "it trains again", func(r pipeline.Result) bool { return r.Attempt == 2 && r.EpochsDone > 0 })
	if d := want[pipeline.Deployment](t, m.rig, http.StatusOK, "POST", "/deployments/1/stop", nil); d.Status != pipeline.DeploymentStopped {
		t.Errorf("got %+v", d)
	}
	if running, err := m.local.Running(t.Context()); err != nil || len(running) != 0 {
		t.Errorf("still running: %v, %v", running, err)
	}
	if _, log := m.call(t, "GET", "/results/1/logs", nil); !strings.Contains(string(log), "told to end") {
		t.Errorf("the log lacks its last words:\n%s", log)
	}
}

func TestTrainingIsStartedAgainAfterARestart(t *testing.T) {
	m := newMachine(t)
	m.model(t)
	want[pipeline.Deployment](t, m.rig, http.StatusCreated, "POST", "/deployments", long)
	m.arrives(t, m.points(t, 1, 500))
	m.until(t, "it trains", func(r pipeline.Result) bool { return r.EpochsDone > 0 })
	if err := m.local.Close(); err != nil { // the machine goes down
		t.Fatal(err)
	}
	m.boot(t)
	m.Jobs = m.local
	m.reconcile(t)
	r := m.until(t, "it trains again", func(r pipeline.Result) bool { return r.Attempt == 2 && r.EpochsDone > 0 })
	if r.Lost != 1 || r.Reason != "" {
		t.Errorf("got %+v", r)
	}
}
