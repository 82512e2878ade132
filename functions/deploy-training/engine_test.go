package deploytraining

import (
	"maps"
	"net/http"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestRepeatTakesTheEngineOfBefore lets a first training choose XLA on two
// threads and looks at what a second one, alike or not, is told.
func TestRepeatTakesTheEngineOfBefore(t *testing.T) {
	form := map[string]any{"batch_size": 10, "training_kwargs": "epochs=3, shuffle=False", "seed": 7}
	for name, tt := range map[string]struct {
		change map[string]any // members of the second deployment
		offset int64          // where its stream begins; that of the first begins at 0
		threads,
		attempt int // of the first: what it told, and whether it finished
		want  pipeline.Engine
		wants int
	}{
		"the same":            {threads: 2, attempt: 1, want: pipeline.XLA, wants: 2},
		"verbose is no fact":  {change: map[string]any{"training_kwargs": "epochs=3, shuffle=False, verbose=2"}, threads: 2, attempt: 1, want: pipeline.XLA, wants: 2},
		"another batch size":  {change: map[string]any{"batch_size": 11}, threads: 2, attempt: 1, want: pipeline.Auto},
		"another seed":        {change: map[string]any{"seed": 8}, threads: 2, attempt: 1, want: pipeline.Auto},
		"another argument":    {change: map[string]any{"training_kwargs": "epochs=4, shuffle=False"}, threads: 2, attempt: 1, want: pipeline.Auto},
		"another stream":      {offset: 1, threads: 2, attempt: 1, want: pipeline.Auto},
		"a pinned engine":     {change: map[string]any{"engine": "graph"}, threads: 2, attempt: 1, want: pipeline.Graph},
		"the first failed":    {threads: 2, want: pipeline.Auto},
		"its threads unknown": {attempt: 1, want: pipeline.Auto},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			form := maps.Clone(form)
			form["configuration"] = r.configuration(t, image)
			want[Deployment](t, r, http.StatusCreated, "POST", "/deployments", form)
			r.arrives(t, r.stream(t, 1, 0))
			first := pipeline.Outcome{Result: 1, Attempt: 1, Engine: pipeline.XLA, EngineReason: "measured", Threads: tt.threads, Artifact: "a", Seconds: 2}
			if tt.attempt == 0 {
				first.Reason = "no"
				r.deliver(t, eventing.TrainingFailed, 1, first)
			} else {
				r.stored(t, 1, 1)
				r.deliver(t, eventing.TrainingFinished, 1, first)
			}
			maps.Copy(form, tt.change)
			want[Deployment](t, r, http.StatusCreated, "POST", "/deployments", form)
			r.arrives(t, r.stream(t, 2, tt.offset))

			spec := r.jobs.running["train-2-1"].Spec
			if spec.Engine != tt.want || spec.Threads != tt.wants {
				t.Errorf("told %s on %d threads, want %s on %d", spec.Engine, spec.Threads, tt.want, tt.wants)
			}
			why := ""
			if tt.wants > 0 {
				why = "as in result 1, the same training: xla on 2 threads"
			}
			if spec.EngineReason != why {
				t.Errorf("the reason is %q, want %q", spec.EngineReason, why)
			}
		})
	}
}
