package deploytraining

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// TestFollowingOnThisMachine lets a deployment follow a stream until it is told to end:
// its result is finished, with all that has come. Another stream is refused meanwhile.
func TestFollowingOnThisMachine(t *testing.T) {
	m := newMachine(t)
	m.model(t)
	want[pipeline.Deployment](t, m.rig, http.StatusCreated, "POST", "/deployments", map[string]any{
		"configuration": 1, "batch_size": 10, "training_kwargs": "steps_per_epoch=10", "mode": "stream", "result_records": 400,
	})
	open := func() pipeline.Datasource {
		d := m.points(t, 1, 1005)
		d.Open = true
		m.write(t, func(tx *registry.Tx) error { return tx.UpdateDatasource(&d) })
		m.arrives(t, d)
		return d
	}
	open()
	m.until(t, "the curve is there", func(r pipeline.Result) bool { return r.EpochsDone >= 10 && r.Metrics.Training["accuracy"] > 0 })
	second := open()
	m.write(t, func(tx *registry.Tx) error {
		d, err := tx.Datasource(second.ID)
		if err == nil && (d.Unused == nil || !strings.Contains(d.Unused.Reason, "follows another stream")) {
			t.Errorf("of a second stream: %+v", d.Unused)
		}
		return err
	})
	if status, body := m.call(t, "POST", "/results/1/stop", nil); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	r := m.until(t, "it is finished", func(r pipeline.Result) bool { return r.Status == pipeline.ResultFinished })
	if r.Lineage.Records != 1005 || r.Lineage.Ranges[0].Length != 1005 || r.Artifact == "" || r.Split.Training.Records != 1005 || r.EpochsTotal != 0 {
		t.Errorf("%+v", r)
	}
	if r.Metrics.Training["accuracy"] < 0.6 {
		t.Errorf("progressive accuracy %v", r.Metrics.Training)
	}
	given := m.given(t)
	if len(given) != 2 || given[2].Lineage.Records != 800 || given[2].Serving == nil || given[1].Lineage.WeightsHash == given[2].Lineage.WeightsHash {
		t.Errorf("on the way: %+v", given)
	}
	if status, body := m.call(t, "GET", "/results/3/model?format=keras", nil); status != http.StatusOK || len(body) == 0 {
		t.Errorf("the model of a result on the way: %d", status)
	}
}

// TestFollowingRefused holds what a deployment of mode stream is refused for.
func TestFollowingRefused(t *testing.T) {
	r := newRig(t)
	c := r.configuration(t, image)
	form := func(more map[string]any) map[string]any {
		f := map[string]any{"configuration": c, "batch_size": 10, "mode": "stream"}
		for name, v := range more {
			f[name] = v
		}
		return f
	}
	for name, test := range map[string]struct {
		form  map[string]any
		field string
	}{
		"epochs":            {form(map[string]any{"training_kwargs": "epochs=2"}), "training_kwargs.epochs"},
		"early stopping":    {form(map[string]any{"training_kwargs": "early_stopping={'monitor': 'loss'}"}), "training_kwargs"},
		"xla":               {form(map[string]any{"engine": "xla"}), "engine"},
		"drift of once":     {map[string]any{"configuration": c, "batch_size": 10, "drift": "adwin"}, "drift"},
		"unknown drift":     {form(map[string]any{"drift": "kswin"}), "drift"},
		"nothing drifts":    {form(map[string]any{"on_drift": "restart"}), "on_drift"},
		"unknown on_drift":  {form(map[string]any{"drift": "ddm", "on_drift": "panic"}), "on_drift"},
		"no rate":           {form(map[string]any{"drift": "adwin", "on_drift": "rate"}), "on_drift"},
		"nothing is raised": {form(map[string]any{"drift": "adwin", "drift_rate": 5}), "on_drift"},
		"no accuracy":       {form(map[string]any{"drift": "ddm"}), "drift"},
		"silence of no use": {map[string]any{"configuration": c, "batch_size": 10, "stream_timeout": 5}, "stream_timeout"},
	} {
		p := want[problem](t, r, http.StatusUnprocessableEntity, "POST", "/deployments", test.form)
		if !strings.HasPrefix(p.Field, test.field) || p.Hint == "" {
			t.Errorf("%s: %+v", name, p)
		}
	}
	for range mostFollowing {
		want[pipeline.Deployment](t, r, http.StatusCreated, "POST", "/deployments", form(nil))
	}
	if p := want[problem](t, r, http.StatusConflict, "POST", "/deployments", form(nil)); !strings.Contains(p.Hint, "stop") {
		t.Errorf("one too many: %+v", p)
	}
	want[problem](t, r, http.StatusConflict, "POST", "/deployments", map[string]any{"configuration": c, "batch_size": 10, "incremental": true}) // is one, too
}

// TestDriftsAreToldOnce lets attempts report drifts, some of them again: each is an
// event once, and the result keeps the last 100.
func TestDriftsAreToldOnce(t *testing.T) {
	r := training(t)
	report := func(attempt int, at ...int64) {
		p := pipeline.Progress{Result: 1, Attempt: attempt, Epochs: epochs(1, 1)}
		for _, records := range at {
			p.Drifts = append(p.Drifts, pipeline.Drift{Records: records, Epoch: 1})
		}
		r.deliver(t, eventing.TrainingProgressed, 1, p)
	}
	report(1, 500)
	report(1, 500, 900) // with an epoch that is known
	if first := r.result(t, 1).Drifts; len(first) != 2 {
		t.Errorf("of the first attempt: %+v", first)
	}
	r.deliver(t, eventing.TrainingFailed, 1, pipeline.Outcome{Result: 1, Attempt: 1, Reason: "killed"})
	want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/1/retry", nil)
	told := []int64{500, 900}
	for at := int64(1000); at < 1150; at++ {
		told = append(told, at)
	}
	report(2, told...)
	kept := r.result(t, 1).Drifts
	if len(kept) != 100 || kept[0].Records != 1050 || kept[99].Records != 1149 {
		t.Errorf("kept: %+v", kept)
	}
	all, err := r.Store.Events(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var events []int64
	for _, e := range all {
		if e.Event.Type() != eventing.ResultDrifted {
			continue
		}
		var d pipeline.Drifted
		if err := eventing.Data(e.Event, &d); err != nil {
			t.Fatal(err)
		}
		events = append(events, d.Drift.Records)
	}
	if !slices.Equal(events, told) {
		t.Errorf("told: %v", events)
	}
}
