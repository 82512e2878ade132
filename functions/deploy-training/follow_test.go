package deploytraining

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// TestFollowingOnThisMachine lets a deployment follow a stream until it is told to end:
// its result is finished, with all that has come. Another stream is refused meanwhile.
func TestFollowingOnThisMachine(t *testing.T) {
	m := newMachine(t)
	m.model(t)
	want[pipeline.Deployment](t, m.rig, http.StatusCreated, "POST", "/deployments", map[string]any{
		"configuration": 1, "batch_size": 10, "training_kwargs": "steps_per_epoch=10", "mode": "stream",
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
		"from":              {form(map[string]any{"from": 1}), "from"},
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
