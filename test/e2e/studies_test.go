package e2e

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// study reads one.
func (m *machine) study(id string) pipeline.Study {
	m.t.Helper()
	var st pipeline.Study
	if err := json.Unmarshal([]byte(m.kafkaml("studies", "show", id, "-o", "json")), &st); err != nil {
		m.t.Fatal(err)
	}
	return st
}

// over waits until a study has ended.
func (m *machine) over(id string) (st pipeline.Study) {
	m.t.Helper()
	within(m.t, waitTime, "study "+id, func() (string, bool) {
		st = m.study(id)
		return string(st.Status) + " " + st.Reason, st.Status.Ended()
	})
	return st
}

// tried are the values of a study's trials, in their order, and what came of them.
func (m *machine) tried(st pipeline.Study) (said []string) {
	m.t.Helper()
	var all []pipeline.Result
	if err := json.Unmarshal([]byte(m.kafkaml("studies", "trials", "1", "-o", "json")), &all); err != nil {
		m.t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b pipeline.Result) int { return a.Trial.Number - b.Trial.Number })
	for i, r := range all {
		if r.Trial.Number != i || r.Trial.Study != st.ID || r.Datasource != st.Datasource || r.Lineage.Records == 0 && r.Status == pipeline.ResultFinished {
			m.t.Errorf("trial %d: %+v", i, r)
		}
		if r.Trial.Parameters["model"] != r.ModelName || (r.Hyperparameters == nil) != (r.ModelName == "small") {
			m.t.Errorf("trial %d (%s) is of %s, built with %v", i, r.Trial.Said(), r.ModelName, r.Hyperparameters)
		}
		said = append(said, r.Trial.Said()+" "+string(r.Status)+" "+r.Lineage.WeightsHash)
	}
	return said
}

// TestStudies has a study of two models walk its trials as a person does, and another
// one like it whose processes are killed at each trial: it tries the same values, each
// once, and trains the same weights.
func TestStudies(t *testing.T) {
	t.Parallel()
	var undisturbed []string
	for _, killed := range []bool{false, true} {
		m := newMachine(t, nil)
		m.model("small", "small.py")
		m.model("tuned", "tuned.py")
		m.kafkaml("configurations", "create", "--name", "one", "--models", "small")
		m.kafkaml("configurations", "create", "--name", "two", "--models", "small,tuned")
		id := m.created("studies", "create", "--configuration", "two", "--space", "learning_rate=log(1e-4,1e-1), batch_size=[8,16], hp.units=[4,8]",
			"--objective", "val_accuracy", "--trials", "5", "--pruner", "asha", "--training-kwargs", "epochs=4", "--seed", "3")
		st := m.study(id)
		sent := m.meanwhile("stream", "send", m.pointsFile(400), "--label", "class", "--format", "RAW", "--topic", "points",
			"--deployment", strconv.FormatInt(st.Deployment, 10), "--validation-rate", "0.2")
		if killed {
			for range 2 {
				terminate(m.one(trainer).pid, syscall.SIGKILL)
			}
			m.kill()
			m.start()
		}
		<-sent
		st = m.over(id)
		if st.Status != pipeline.StudyFinished || st.Best == nil || st.Finished+st.Pruned != 5 || st.Failed != 0 {
			t.Fatalf("%+v", st)
		}
		all := m.tried(st)
		if !killed {
			if said := strings.Join(all, "\n"); !strings.Contains(said, "model=small") || !strings.Contains(said, "model=tuned") {
				t.Errorf("not both models were tried:\n%s", said)
			}
			undisturbed = all
			m.refusals()
			continue
		}
		if !slices.Equal(all, undisturbed) {
			t.Errorf("killed:\n%s\nundisturbed:\n%s", strings.Join(all, "\n"), strings.Join(undisturbed, "\n"))
		}
	}
}

// TestStudiesOfSources searches what a source asks hp for, killed while it does: each
// set of values is built once, what cannot be built fails its trial alone, and a model
// that was built with values is verified, served, downloaded and gone on from.
func TestStudiesOfSources(t *testing.T) {
	t.Parallel()
	m := newMachine(t, nil)
	m.model("tuned", "tuned.py")
	m.kafkaml("configurations", "create", "--name", "one", "--models", "tuned")
	study := func(space string, more ...string) (st pipeline.Study, all []pipeline.Result) {
		id := m.created(append([]string{
			"studies", "create", "--configuration", "one", "--objective", "accuracy", "--sampler", "grid", "--parallel", "2", "--space", space,
			"--training-kwargs", "epochs=2",
		}, more...)...)
		if st = m.study(id); st.Status == pipeline.StudyWaiting {
			m.kafkaml("stream", "send", m.pointsFile(200), "--label", "class", "--format", "RAW", "--topic", "points",
				"--deployment", strconv.FormatInt(st.Deployment, 10))
			m.kill()
			m.start()
		}
		st = m.over(id)
		all = jsonOf[[]pipeline.Result](m, "studies", "trials", id)
		slices.SortFunc(all, func(a, b pipeline.Result) int { return strings.Compare(a.Trial.Said(), b.Trial.Said()) })
		return st, all
	}
	st, all := study("hp.depth=[2], hp.width=[4]")
	if st.Status != pipeline.StudyFinished || st.Finished != 2 || st.Failed != 1 || len(all) != 3 {
		t.Fatalf("%+v", st)
	}
	hashes := map[string]bool{}
	for _, r := range all {
		if cannot := r.Trial.Parameters["hp.units"] == -1.0; cannot != (r.Status == pipeline.ResultFailed) || cannot && !strings.Contains(r.Reason, "units") {
			t.Errorf("%s: %s %s", r.Trial.Said(), r.Status, r.Reason)
		}
		if r.Status == pipeline.ResultFinished && r.Lineage.ContentHash == "" { // also of those that took another's tensors
			t.Errorf("%s has no hash of its records", r.Trial.Said())
		}
		if r.Lineage.WeightsHash != "" && (hashes[r.Lineage.WeightsHash] || !maps.Equal(r.Hyperparameters, r.Trial.Parameters)) {
			t.Errorf("%s has the weights of another, or the values %v", r.Trial.Said(), r.Hyperparameters)
		}
		hashes[r.Lineage.WeightsHash] = true
	}
	exports := func() []string {
		found, err := filepath.Glob(m.path(filepath.Join("data", "artifacts", "models", "*", "*")))
		if err != nil || len(found) == 0 {
			t.Fatal(found, err)
		}
		return found
	}
	before := exports()
	if _, all := study("hp.units=[8], hp.depth=[2], hp.width=[4], batch_size=[8,16]", "--datasource", "1"); len(all) != 2 || all[0].Status != pipeline.ResultFinished {
		t.Errorf("%+v", all)
	}
	if after := exports(); len(after) != len(before) {
		t.Errorf("the same values were built again: %v, before %v", after, before)
	}
	m.goneOnFrom(st.Best.Result)
	for why, space := range map[string]string{"no model asks for hp.layers": "hp.layers=[1]", "9 is none of its values": "hp.depth=int(0,9)"} {
		if _, said, code := m.try("studies", "create", "--configuration", "one", "--objective", "loss", "--space", space); code == 0 || !strings.Contains(said, why) {
			t.Errorf("%s: exit code %d\n%s", space, code, said)
		}
	}
}

// goneOnFrom has a result whose model was built with values of hp do what any can.
func (m *machine) goneOnFrom(result int64) {
	m.t.Helper()
	id := strconv.FormatInt(result, 10)
	r := jsonOf[pipeline.Result](m, "results", "show", id)
	m.kafkaml("results", "verify", id)
	within(m.t, waitTime, "its verification", func() (string, bool) {
		v := jsonOf[pipeline.Result](m, "results", "show", id).Verification
		return v.Sentence(), v != nil && v.Status == pipeline.VerificationVerified
	})
	m.kafkaml("results", "download", id, "--format", "keras", "--to", m.path("best.keras"))
	d := m.created("deployments", "create", "--configuration", "one", "--from", id, "--batch-size", "8")
	m.kafkaml("stream", "send", m.pointsFile(40), "--label", "class", "--format", "RAW", "--topic", "more", "--deployment", d)
	if on := m.finished(d, 1)[0]; on.Parent != result || !maps.Equal(on.Hyperparameters, r.Hyperparameters) {
		m.t.Errorf("%+v went on from %+v", on, r)
	}
	m.kafkaml("inferences", "create", "--name", "best", "--result", id, "--input-topic", "best-in", "--output-topic", "best-out", "--watch")
	m.kafkaml("stream", "send", m.pointsFile(10), "--label", "class", "--format", "RAW", "--topic", "best-in", "--predict")
}

// refusals asks for what no study can be.
func (m *machine) refusals() {
	for why, flags := range map[string][]string{
		"a logarithm begins above 0":        {"--space", "learning_rate=log(0,1)", "--objective", "loss"},
		"has no model \"big\"":              {"--space", "model=[big,small]", "--objective", "loss"},
		"there is no parameter":             {"--space", "speed=[1,2]", "--objective", "loss"},
		`the model reports no "val_auc"`:    {"--space", "batch_size=[1,2]", "--objective", "val_auc"},
		"has no records to validate on":     {"--space", "batch_size=[1,2]", "--objective", "val_loss", "--datasource", "2"},
		"there is no datasource 99":         {"--space", "batch_size=[1,2]", "--objective", "loss", "--datasource", "99"},
		"the grid has more than 1000":       {"--space", "batch_size=int(1,2000)", "--objective", "loss", "--sampler", "grid"},
		"is empty: there is nothing to try": {"--space", ",", "--objective", "loss"},
	} {
		if strings.Contains(why, "validate") {
			d := m.created("deployments", "create", "--configuration", "one", "--batch-size", "8")
			m.kafkaml("stream", "send", m.pointsFile(40), "--label", "class", "--format", "RAW", "--topic", "unvalidated", "--deployment", d)
			m.finished(d, 1)
		}
		_, said, code := m.try(append([]string{"studies", "create", "--configuration", "one"}, flags...)...)
		if code == 0 || !strings.Contains(said, why) {
			m.t.Errorf("%v: exit code %d\n%s", flags, code, said)
		}
	}
	for _, command := range []string{"deployments delete 1", "deployments stop 1", "results retry 1"} {
		if _, said, code := m.try(strings.Fields(command)...); code == 0 || !strings.Contains(said, "study 1") {
			m.t.Errorf("%s: exit code %d\n%s", command, code, said)
		}
	}
}
