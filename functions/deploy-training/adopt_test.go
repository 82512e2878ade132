package deploytraining

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// succeeds has the trainings that follow aliases be looked at, as Run does.
func (r *rig) succeeds(t *testing.T) {
	t.Helper()
	if err := r.succeed(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// named gives an alias to a result.
func (r *rig) named(t *testing.T, id int64, alias string) {
	t.Helper()
	want[pipeline.Result](t, r, http.StatusOK, "POST", "/results/"+fmt.Sprint(id)+"/alias", map[string]any{"alias": alias})
}

// TestStreamFollowsTheAlias lets a training learn record by record from the champion on
// while the alias moves: to a result that it has given itself, which changes nothing, and
// to that of another full training, whose weights it goes on from where it stands.
func TestStreamFollowsTheAlias(t *testing.T) {
	m := newMachine(t)
	m.model(t)
	full := map[string]any{"configuration": 1, "batch_size": 10, "training_kwargs": "epochs=2"}
	want[pipeline.Deployment](t, m.rig, http.StatusCreated, "POST", "/deployments", full)
	d := m.points(t, 1, 200)
	m.arrives(t, d)
	m.until(t, "it is finished", done)
	m.named(t, 1, "champion")
	follows := want[pipeline.Deployment](t, m.rig, http.StatusCreated, "POST", "/deployments", map[string]any{
		"configuration": 1, "batch_size": 10, "training_kwargs": "steps_per_epoch=5", "mode": "stream", "follows": "small@champion", "result_records": 50,
	})
	if follows.From != 1 || follows.Follows != "small@champion" {
		t.Fatalf("%+v", follows)
	}
	since := d
	since.ID, since.Deployment, since.Open, since.Ranges = 0, 2, true, []pipeline.Range{{Topic: d.Ranges[0].Topic, Offset: 200}}
	m.write(t, func(tx *registry.Tx) error { return tx.CreateDatasource(&since) })
	m.arrives(t, since)
	m.produce(t, d.Ranges[0].Topic, 100, 3)
	m.untilOf(t, 2, "it gives results", func(r pipeline.Result) bool { return r.Interims == 2 })
	m.named(t, 3, "champion") // its own
	m.succeeds(t)
	if r := m.result(t, 2); r.Successor != 0 || r.Unfit != "" || r.Parent != 1 {
		t.Errorf("after its own result became the champion: %+v", r)
	}
	want[pipeline.Deployment](t, m.rig, http.StatusCreated, "POST", "/deployments", full)
	again := d
	again.ID, again.Deployment = 0, 3
	m.write(t, func(tx *registry.Tx) error { return tx.CreateDatasource(&again) })
	m.arrives(t, again)
	m.untilOf(t, 5, "the full training is finished", done)
	m.named(t, 5, "champion")
	m.succeeds(t)
	m.succeeds(t) // which tells it again
	r := m.untilOf(t, 2, "it goes on from it", func(r pipeline.Result) bool { return r.Parent == 5 })
	m.produce(t, d.Ranges[0].Topic, 100, 4)
	m.untilOf(t, 2, "it learns on", func(r pipeline.Result) bool { return r.EpochsDone >= 4 })
	m.call(t, "POST", "/results/2/stop", nil)
	ended := m.untilOf(t, 2, "it ended", done)
	told := m.adoptions(t)
	if len(told) != 1 || told[0].Before != 1 || told[0].Result != 5 || told[0].Records != 100 || !slices.Equal(r.Adoptions, told) || ended.Lineage.Records != 200 {
		t.Errorf("told %+v, kept %+v, of %d records", told, r.Adoptions, ended.Lineage.Records)
	}
}

// adoptions are those that were told.
func (r *rig) adoptions(t *testing.T) (told []pipeline.Adoption) {
	t.Helper()
	all, err := r.Store.Events(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Event.Type() == eventing.ResultAdopted {
			var a pipeline.Adopted
			if err := eventing.Data(e.Event, &a); err != nil {
				t.Fatal(err)
			}
			told = append(told, a.Adoption)
		}
	}
	return told
}

// TestAliasMovesAreTold holds what a training that follows an alias is told, and what
// its reports change, also where they come late, again, or are made up.
func TestAliasMovesAreTold(t *testing.T) {
	r := newRig(t)
	c := r.configuration(t, image)
	result := func() (id int64) {
		r.write(t, func(tx *registry.Tx) error {
			one := pipeline.Result{Model: 1, ModelName: "m1", ModelVersion: 1, Status: pipeline.ResultFinished, Artifact: "results/x", Imported: &pipeline.Imported{}}
			if err := tx.CreateResult(&one); err != nil {
				return err
			}
			id = one.ID
			return nil
		})
		return id
	}
	for _, b := range kerasmodel.Kind().Bundle.Served {
		if err := r.Artifacts.Put(t.Context(), "results/x/"+b.Name, strings.NewReader(b.Name)); err != nil {
			t.Fatal(err)
		}
	}
	first, second, third := result(), result(), result()
	r.named(t, first, "champion")
	for field, form := range map[string]map[string]any{
		"follows": {"configuration": c, "batch_size": 10, "mode": "once", "follows": "m1@champion"},
		"from":    {"configuration": c, "batch_size": 10, "mode": "stream", "follows": "m1@champion", "from": first},
	} {
		if p := want[problem](t, r, http.StatusUnprocessableEntity, "POST", "/deployments", form); p.Field != field || p.Hint == "" {
			t.Errorf("%s: %+v", field, p)
		}
	}
	form := map[string]any{"configuration": c, "batch_size": 10, "mode": "stream", "follows": "m1@nobody"}
	if p := want[problem](t, r, http.StatusUnprocessableEntity, "POST", "/deployments", form); p.Field != "follows" {
		t.Errorf("nobody's: %+v", p)
	}
	form["follows"] = "m1@champion"
	of := want[pipeline.Deployment](t, r, http.StatusCreated, "POST", "/deployments", form).Results[0]
	r.named(t, second, "champion") // before it begins
	r.arrives(t, r.stream(t, 1, 0))
	spec := r.jobs.running["train-"+fmt.Sprint(of)+"-1"].Spec
	if spec.Parent == nil || spec.Parent.Result != second || !spec.Following.Follows {
		t.Fatalf("it begins from %+v: %+v", spec.Parent, spec.Following)
	}
	r.deliver(t, eventing.TrainingProgressed, of, pipeline.Progress{Result: of, Attempt: 1, Epochs: epochs(1, 1)})
	mark := pipeline.SuccessorMark(pipeline.ResultCheckpoint(of))
	marked := func() bool {
		ok, err := r.Artifacts.Exists(t.Context(), mark)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if r.succeeds(t); marked() {
		t.Error("it is told of what it has")
	}
	r.named(t, third, "champion")
	if r.succeeds(t); !marked() || r.result(t, of).Successor != third || r.result(t, of).Parent != second {
		t.Errorf("the alias moved: %+v", r.result(t, of))
	}
	if err := r.Artifacts.Delete(t.Context(), mark); err != nil { // it was taken, or a crash came before
		t.Fatal(err)
	}
	if r.succeeds(t); !marked() {
		t.Error("it is not told again")
	}
	report := func(all ...pipeline.Adoption) {
		t.Helper()
		r.deliver(t, eventing.TrainingProgressed, of, pipeline.Progress{Result: of, Attempt: 1, Adoptions: all})
	}
	made := pipeline.Adoption{Number: 1, Records: 10, Epoch: 1, Before: second, Result: first}
	report(made) // of what it was not told
	if now := r.result(t, of); now.Parent != second || len(now.Adoptions) != 1 {
		t.Errorf("made up: %+v", now)
	}
	taken := pipeline.Adoption{Number: 2, Records: 20, Epoch: 1, Before: first, Result: third}
	report(made, taken)
	report(made, taken)
	if told := r.adoptions(t); len(told) != 2 || r.result(t, of).Parent != third {
		t.Errorf("told %+v, goes on from %d", told, r.result(t, of).Parent)
	}
	r.write(t, func(tx *registry.Tx) error {
		m, err := tx.Model(1)
		if err == nil {
			m.Source, m.Export = "s2", wide
			m.Untrainable = "it has no optimizer"
			err = tx.UpdateModel(&m)
		}
		one := pipeline.Result{Model: 1, ModelName: "m1", ModelVersion: 2, Status: pipeline.ResultFinished, Artifact: "results/y", Imported: &pipeline.Imported{}}
		if err == nil {
			err = tx.CreateResult(&one)
		}
		if err == nil {
			_, err = tx.SetAlias(one.ID, "champion")
		}
		return err
	})
	if err := r.Artifacts.Delete(t.Context(), mark); err != nil {
		t.Fatal(err)
	}
	r.succeeds(t)
	r.succeeds(t)
	if now := r.result(t, of); !strings.Contains(now.Unfit, "it has no optimizer") || now.Successor != third || marked() {
		t.Errorf("a champion that does not suit: %+v, marked %v", now, marked())
	}
	r.named(t, third, "champion")
	if r.succeeds(t); r.result(t, of).Unfit != "" {
		t.Errorf("after it was moved back: %q", r.result(t, of).Unfit)
	}
	r.jobs.vanish("train-" + fmt.Sprint(of) + "-1")
	r.reconcile(t)
	if spec := r.jobs.running["train-"+fmt.Sprint(of)+"-2"].Spec; spec.Parent == nil || spec.Parent.Result != third || spec.Following.Adopted != 2 {
		t.Errorf("the next attempt: %+v, %+v", spec.Parent, spec.Following)
	}
}
