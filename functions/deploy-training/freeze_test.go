package deploytraining

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// TestFreeze deploys a model with a layer frozen: its training waits, also through a
// restart, for the model that is built with that, which all its results are of.
func TestFreeze(t *testing.T) {
	r := newRig(t)
	image := image
	image.Variables, image.Layers = "w", []pipeline.Layer{{Name: "dense"}, {Name: "last"}}
	c := r.configuration(t, image)
	r.names(t, "models/1", `[{"path":"/layers/dense/vars/0","dtype":"float32","shape":[4,3]}]`)
	r.names(t, "models/1/frozen", `[{"path":"/layers/dense/vars/0","dtype":"float32","shape":[4,3]}]`)
	r.deploy(t, c)
	r.arrives(t, r.stream(t, 1, 0))
	r.ends(t, 1)
	body := map[string]any{"configuration": c, "batch_size": 10, "from": 1, "freeze": []string{"dens"}}
	refused := func(says string) {
		t.Helper()
		if status, text := r.call(t, "POST", "/deployments", body); status != http.StatusBadRequest && status != http.StatusUnprocessableEntity || !strings.Contains(string(text), `"field":"freeze"`) || !strings.Contains(string(text), says) {
			t.Errorf("%d %s, want %q", status, text, says)
		}
	}
	refused("the model has no layer dens")
	body["freeze"] = []string{"dense"}
	d := r.deployFrom(t, body)
	r.arrives(t, r.stream(t, d.ID, 100))
	started := func(want ...string) {
		t.Helper()
		if err := r.Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := r.jobs.names(); !slices.Equal(got, want) {
			t.Fatalf("started %v, want %v", got, want)
		}
	}
	started("train-1-1")
	if got := r.result(t, 2); got.Status != pipeline.ResultScheduled || !slices.Equal(got.Freeze, []string{"dense"}) {
		t.Errorf("before its model is built: %+v", got)
	}
	of := pipeline.Variation{Freeze: []string{"dense"}}
	built := func(v pipeline.Variant) {
		t.Helper()
		v.Variation = of
		r.write(t, func(tx *registry.Tx) error { return tx.SetVariant(1, 1, v) })
	}
	built(pipeline.Variant{Artifact: "models/1/frozen", Export: image})
	r.startBuilt(t.Context()) // at once, before Reconcile looks
	if got := r.jobs.names(); len(got) != 2 {
		t.Errorf("its model is built, but started are %v", got)
	}
	started("train-1-1", "train-2-1")
	if job := r.jobs.running["train-2-1"].Spec; job.Artifact != "models/1/frozen" || job.Parent == nil || job.Parent.Export == nil || job.Parent.Exported != "models/1" {
		t.Errorf("told %+v", job)
	}
	r.ends(t, 2)

	// Another stream of it, another deployment of the same, and one that goes on from
	// there with nothing frozen.
	r.arrives(t, r.stream(t, d.ID, 200))
	other := r.deployFrom(t, body)
	r.arrives(t, r.stream(t, other.ID, 300))
	delete(body, "freeze")
	body["from"] = 2
	free := r.deployFrom(t, body)
	r.arrives(t, r.stream(t, free.ID, 400))
	started("train-1-1", "train-2-1", "train-3-1", "train-4-1", "train-5-1")
	for name, artifact := range map[string]string{"train-3-1": "models/1/frozen", "train-4-1": "models/1/frozen", "train-5-1": "models/1"} {
		if job := r.jobs.running[name].Spec; job.Artifact != artifact || job.Parent == nil || job.Parent.Export == nil {
			t.Errorf("%s trains %s, of %+v", name, job.Artifact, job.Parent)
		}
	}

	// Whose variables have no names.
	r.write(t, func(tx *registry.Tx) error {
		m := pipeline.Model{Name: "unnamed", Source: "s", Framework: kerasmodel.Name, SourceHash: "h", Artifact: "models/2", Export: image}
		if err := tx.CreateModel(&m); err != nil {
			return err
		}
		return tx.CreateConfiguration(&pipeline.Configuration{Name: "unnamed", Models: []int64{m.ID}})
	})
	unnamed := r.deploy(t, 2)
	r.arrives(t, r.stream(t, unnamed.ID, 0))
	r.ends(t, unnamed.Results[0])
	body["configuration"], body["from"], body["freeze"] = 2, unnamed.Results[0], []string{"dense"}
	refused("Keras could not save the model")
	body["configuration"], body["from"] = c, 2

	// What could not be built fails the streams that come, and is refused at once.
	of.Freeze = []string{"dense/inner"}
	body["freeze"] = of.Freeze
	last := r.deployFrom(t, body)
	built(pipeline.Variant{Refused: &pipeline.Rejection{Field: "freeze", Reason: "the model has no layer dense/inner"}})
	r.arrives(t, r.stream(t, last.ID, 500))
	if got := r.result(t, last.Results[0]); got.Status != pipeline.ResultFailed || !strings.Contains(got.Reason, "no layer dense/inner") {
		t.Errorf("that could not be built: %+v", got)
	}
	refused("the model has no layer dense/inner")
}
