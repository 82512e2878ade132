package keras

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// plainOptuna asks and tells Optuna in one process, as its users do; a trial in
// four fails.
const plainOptuna = `
import json, sys
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(sampler=getattr(optuna.samplers, sys.argv[1])(seed=7), direction="maximize")
f = optuna.distributions
spaces = {"learning_rate": f.FloatDistribution(1e-4, 0.1, log=True), "batch_size": f.CategoricalDistribution([16, 32, 64]), "units": f.IntDistribution(16, 256, step=16)}
all = []
for i in range(18):
    trial = study.ask(spaces)
    all.append(trial.params)
    if i % 4 == 3:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    else:
        study.tell(trial, trial.params["units"] / 256 - trial.params["learning_rate"])
print(json.dumps(all))
`

// Proposals that go on from what the registry holds are those of one process of
// Optuna with the same seed, value by value.
func TestProposesAsOptuna(t *testing.T) {
	w := sharedWorker(t)
	space, err := pipeline.ParseSpace("learning_rate=log(1e-4,0.1), batch_size=[16,32,64], units=int(16,256,16)")
	if err != nil {
		t.Fatal(err)
	}
	for sampler, class := range map[pipeline.Sampler]string{pipeline.SamplerTPE: "TPESampler", pipeline.SamplerRandom: "RandomSampler"} {
		python := exec.Command(w.options.Python, "-c", plainOptuna, class)
		python.Env = []string{"PYTHONPATH=" + w.options.SitePackages + ":" + w.options.StudyPackages}
		out, err := python.Output()
		if err != nil {
			t.Fatal(err)
		}
		var want []map[string]any
		if err := json.Unmarshal(out, &want); err != nil {
			t.Fatal(err)
		}
		st := pipeline.Study{Space: space, Sampler: sampler, Seed: 7, Direction: pipeline.ModeMax, Trials: len(want)}
		var got []map[string]any
		var s framework.Sampling
		var queue []map[string]any
		for i := range want {
			if len(queue) == 0 {
				s.Study = st
				p, err := w.Propose(t.Context(), s)
				if err != nil {
					t.Fatal(err)
				}
				queue, s.State = p.Trials, p.State
			}
			values := queue[0]
			got, queue = append(got, values), queue[1:]
			told := framework.Told{State: "fail", Parameters: values}
			if i%4 != 3 {
				v := values["units"].(float64)/256 - values["learning_rate"].(float64)
				told.State, told.Value = "complete", &v
			}
			s.Told = append(s.Told, told)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", sampler, diff)
		}
	}
}

// A grid proposes each of its points once.
func TestProposesAGrid(t *testing.T) {
	space, err := pipeline.ParseSpace("epochs=int(1,3), batch_size=[16,32], learning_rate=float(0.1,0.3,0.1)")
	if err != nil {
		t.Fatal(err)
	}
	st := pipeline.Study{Space: space, Sampler: pipeline.SamplerGrid, Trials: 100, Objective: "loss", Direction: pipeline.ModeMin}
	if err := st.Suits(pipeline.Export{Variables: "wr", Monitors: map[string]pipeline.MetricMode{"loss": pipeline.ModeMin}}); err != nil || st.Trials != 18 {
		t.Fatal(st.Trials, err)
	}
	var s framework.Sampling
	seen := map[string]bool{}
	for len(s.Told) < st.Trials {
		s.Study = st
		p, err := sharedWorker(t).Propose(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		s.State = p.State
		for _, values := range p.Trials {
			seen[pipeline.StudyTrial{Parameters: values}.Said()] = true
			s.Told = append(s.Told, framework.Told{State: "fail", Parameters: values})
		}
	}
	if len(seen) != 18 {
		t.Errorf("%d of 18 points", len(seen))
	}
}

// What a child says is no trial unless its values are in the space.
func TestAttackForgedProposal(t *testing.T) {
	space, err := pipeline.ParseSpace("batch_size=[16,32], learning_rate=log(1e-4,0.1)")
	if err != nil {
		t.Fatal(err)
	}
	for said, why := range map[string]string{
		`{"proposed":{"trials":[{"batch_size":17,"learning_rate":0.01}]}}`:          "not in the space",
		`{"proposed":{"trials":[{"batch_size":16,"learning_rate":1}]}}`:             "not in the space",
		`{"proposed":{"trials":[{"batch_size":16}]}}`:                               "not in the space",
		`{"proposed":{"trials":[{"batch_size":16,"learning_rate":0.01,"more":1}]}}`: "not in the space",
		`{"proposed":{"trials":[]}}`:                                                "ended early",
		`{"proposed":`:                                                              "ended early",
		`{"error":"ModuleNotFoundError: No module named 'optuna'"}`:                 "No module named 'optuna'",
	} {
		if _, err := proposed([]byte(said), 0, pipeline.Study{Space: space}); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", said, err)
		}
	}
	if _, err := proposed([]byte(`{"proposed":{"trials":[{"batch_size":16,"learning_rate":0.01}]}}`), 0, pipeline.Study{Space: space}); err != nil {
		t.Error(err)
	}
}
