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
    if sys.argv[2] == "one":
        trial = study.ask(spaces)
    else:
        trial = study.ask()
        model = trial.suggest_categorical("model", ["a", "b"])
        trial.suggest_float("learning_rate", 1e-4, 0.1, log=True)
        if model == "a":
            trial.suggest_int("a/hp.units", 16, 48, step=16)
            trial.suggest_float("a/hp.rate", 0, 0.5)
        else:
            trial.suggest_categorical("b/hp.units", ["few", "many"])
    all.append({name.split("/")[-1]: value for name, value in trial.params.items()})
    if i % 4 == 3:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    else:
        study.tell(trial, -trial.params["learning_rate"])
print(json.dumps(all))
`

// Proposals that go on from what the registry holds are those of one process of
// Optuna with the same seed, value by value; what is of one model is asked for only
// where that is chosen.
func TestProposesAsOptuna(t *testing.T) {
	w := sharedWorker(t)
	for sampler, class := range map[pipeline.Sampler]string{pipeline.SamplerTPE: "TPESampler", pipeline.SamplerRandom: "RandomSampler"} {
		for models, st := range map[string]pipeline.Study{
			"one":     study(t, "learning_rate=log(1e-4,0.1), batch_size=[16,32,64], units=int(16,256,16)", sampler),
			"several": study(t, "learning_rate=log(1e-4,0.1)", sampler, searched()...),
		} {
			python := exec.Command(w.options.Python, "-c", plainOptuna, class, models)
			python.Env = []string{"PYTHONPATH=" + w.options.SitePackages + ":" + w.options.StudyPackages}
			out, err := python.Output()
			if err != nil {
				t.Fatal(err)
			}
			var want []map[string]any
			if err := json.Unmarshal(out, &want); err != nil {
				t.Fatal(err)
			}
			st.Trials = len(want)
			if diff := cmp.Diff(want, proposedOf(t, w, st)); diff != "" {
				t.Errorf("%s, %s: %s", sampler, models, diff)
			}
		}
	}
}

// searched are two models, whose sources ask hp for other values by the same name.
func searched() []pipeline.Model {
	model := func(name string, hp ...pipeline.Parameter) pipeline.Model {
		return pipeline.Model{Name: name, Export: pipeline.Export{Hyperparameters: hp}}
	}
	return []pipeline.Model{
		model("a", pipeline.Parameter{Name: "hp.units", Kind: pipeline.ParameterInt, Low: 16, High: 48, Step: 16}, pipeline.Parameter{Name: "hp.rate", Kind: pipeline.ParameterFloat, High: 0.5}),
		model("b", pipeline.Parameter{Name: "hp.units", Kind: pipeline.ParameterChoice, Choices: []any{"few", "many"}}),
	}
}

// study is one of a space, of models if need be.
func study(t *testing.T, space string, sampler pipeline.Sampler, models ...pipeline.Model) pipeline.Study {
	t.Helper()
	given, err := pipeline.ParseSpace(space)
	st := pipeline.Study{Space: given, Sampler: sampler, Seed: 7, Trials: 100, Direction: pipeline.ModeMax}
	if err == nil {
		_, err = st.Choose(append([]pipeline.Model{}, models...))
	}
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// proposedOf has all trials of a study proposed; a trial in four fails.
func proposedOf(t *testing.T, w *Worker, st pipeline.Study) (all []map[string]any) {
	t.Helper()
	var s framework.Sampling
	for len(all) < st.Trials {
		s.Study = st
		p, err := w.Propose(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		s.State = p.State
		for _, values := range p.Trials {
			told := framework.Told{State: "fail", Parameters: values}
			if v, ok := values["learning_rate"].(float64); ok && len(all)%4 != 3 {
				v = -v
				told.State, told.Value = "complete", &v
			}
			s.Told, all = append(s.Told, told), append(all, values)
		}
	}
	return all
}

// A grid proposes each of its points once: of several models those of each.
func TestProposesAGrid(t *testing.T) {
	models := searched()
	for space, points := range map[string]int{
		"epochs=int(1,3), batch_size=[16,32], learning_rate=float(0.1,0.3,0.1), model=[b]": 36,
		"batch_size=[8,16], hp.rate=[0.1,0.2], model=[b,a]":                                2*2 + 2*3*2,
	} {
		st := study(t, space, pipeline.SamplerGrid, models...)
		seen := map[string]bool{}
		for _, values := range proposedOf(t, sharedWorker(t), st) {
			seen[pipeline.StudyTrial{Parameters: values}.Said()] = true
		}
		if len(seen) != points || st.Trials != points {
			t.Errorf("%s: %d of %d points: %v", space, len(seen), st.Trials, seen)
		}
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
