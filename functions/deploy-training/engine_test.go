package deploytraining

import (
	"maps"
	"net/http"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestRepeatTakesTheEngineOfBefore lets a first training choose XLA and looks
// at what a second one, alike or not, is told.
func TestRepeatTakesTheEngineOfBefore(t *testing.T) {
	form := map[string]any{"batch_size": 10, "training_kwargs": "epochs=3, shuffle=False", "seed": 7}
	for name, tt := range map[string]struct {
		change map[string]any // members of the second deployment
		offset int64          // where its stream begins; that of the first begins at 0
		failed bool           // the first
		want   pipeline.Engine
		why    string
	}{
		"the same":           {want: kerasmodel.XLA, why: "as for the same training of result 1: measured"},
		"verbose is no fact": {change: map[string]any{"training_kwargs": "epochs=3, shuffle=False, verbose=2"}, want: kerasmodel.XLA, why: "as for the same training of result 1: measured"},
		"another batch size": {change: map[string]any{"batch_size": 11}, want: pipeline.Auto},
		"another seed":       {change: map[string]any{"seed": 8}, want: pipeline.Auto},
		"another argument":   {change: map[string]any{"training_kwargs": "epochs=4, shuffle=False"}, want: pipeline.Auto},
		"another stream":     {offset: 1, want: pipeline.Auto},
		"a pinned engine":    {change: map[string]any{"engine": "graph"}, want: kerasmodel.Graph},
		"the first failed":   {failed: true, want: pipeline.Auto},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			form := maps.Clone(form)
			form["configuration"] = r.configuration(t, image)
			want[pipeline.Deployment](t, r, http.StatusCreated, "POST", "/deployments", form)
			r.arrives(t, r.stream(t, 1, 0))
			first := pipeline.Outcome{Result: 1, Attempt: 1, Engine: kerasmodel.XLA, EngineReason: "measured", Artifact: "a", Seconds: 2}
			if tt.failed {
				first.Reason = "no"
				r.deliver(t, eventing.TrainingFailed, 1, first)
			} else {
				r.stored(t, 1, 1)
				r.deliver(t, eventing.TrainingFinished, 1, first)
			}
			maps.Copy(form, tt.change)
			want[pipeline.Deployment](t, r, http.StatusCreated, "POST", "/deployments", form)
			r.arrives(t, r.stream(t, 2, tt.offset))

			spec := r.jobs.running["train-2-1"].Spec
			if spec.Engine != tt.want || spec.EngineReason != tt.why {
				t.Errorf("told %s for %q, want %s for %q", spec.Engine, spec.EngineReason, tt.want, tt.why)
			}
			if tt.why == "" {
				return
			}
			r.stored(t, 2, 1)
			r.deliver(t, eventing.TrainingFinished, 2, pipeline.Outcome{Result: 2, Attempt: 1, Engine: spec.Engine, EngineReason: spec.EngineReason, Artifact: "a", Seconds: 2})
			want[pipeline.Deployment](t, r, http.StatusCreated, "POST", "/deployments", form)
			r.arrives(t, r.stream(t, 3, tt.offset))
			if third := r.jobs.running["train-3-1"].Spec; third.EngineReason != tt.why {
				t.Errorf("a third is told %q", third.EngineReason)
			}
		})
	}
}
