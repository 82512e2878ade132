package registry_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
)

// trained makes a finished result, and one that waits, of a new model.
func trained(tx *registry.Tx, model string) (finished, waiting pipeline.Result, err error) {
	d, finished, err := registrytest.Deployed(tx, pipeline.Model{Name: model, Source: "s"})
	if err != nil {
		return finished, waiting, err
	}
	waiting = pipeline.Result{Deployment: d.ID, Configuration: d.Configuration, Model: finished.Model, ModelName: model, ModelVersion: 1}
	if err := tx.CreateResult(&waiting); err != nil {
		return finished, waiting, err
	}
	return finished, waiting, finish(tx, &finished)
}

func finish(tx *registry.Tx, r *pipeline.Result) error {
	for _, s := range []pipeline.ResultStatus{pipeline.ResultScheduled, pipeline.ResultRunning, pipeline.ResultFinished} {
		r.Status, r.Attempt, r.Artifact = s, 1, "results/1"
		if err := tx.UpdateResult(r); err != nil {
			return err
		}
	}
	return nil
}

func TestAliases(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		refused := func(err error, kind pipeline.Kind, want string) {
			t.Helper()
			if pipeline.KindOf(err) != kind || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s: %s", pipeline.KindOf(err), err, kind, want)
			}
		}
		do(t, s, func(tx *registry.Tx) error {
			one, two, err := trained(tx, "mnist")
			if err != nil {
				return err
			}
			other, _, err := trained(tx, "iris")
			if err != nil {
				return err
			}
			_, err = tx.SetAlias(two.ID, "champion")
			refused(err, pipeline.Conflict, "is waiting, only a finished one can have an alias")
			_, err = tx.SetAlias(other.ID, "mnist@champion")
			refused(err, pipeline.Invalid, "is of the model iris")
			_, err = tx.SetAlias(99, "champion")
			refused(err, pipeline.NotFound, "there is no result 99")
			if _, err = tx.SetAlias(one.ID, "mnist@champion"); err != nil {
				return err
			}
			_, err = tx.RollBackAlias("mnist@champion")
			refused(err, pipeline.Conflict, "named no other result before")
			if err := finish(tx, &two); err != nil {
				return err
			}
			moved, err := tx.SetAlias(two.ID, "champion")
			if err != nil || len(moved) != 2 || !slices.Equal(moved[0].Aliases, []string{"champion"}) || moved[1].ID != one.ID || moved[1].Aliases != nil {
				t.Errorf("%+v, %v", moved, err)
			}
			if now, before, err := tx.Aliased("", "mnist@champion"); now != two.ID || before != one.ID || err != nil {
				t.Errorf("%d, %d, %v", now, before, err)
			}
			for _, ref := range []string{"mnist@champion", "champion"} {
				page, err := tx.Results(registry.Query{Texts: map[string]string{"alias": ref}})
				if err != nil || len(page.Items) != 1 || page.Items[0].ID != two.ID {
					t.Errorf("%s: %+v, %v", ref, page.Items, err)
				}
			}
			refused(tx.DeleteResult(two.ID), pipeline.InUse, "used by alias mnist@champion")
			refused(tx.DeleteDeployment(two.Deployment), pipeline.InUse, "used by alias mnist@champion")

			i := pipeline.Inference{Result: two.ID, Follows: "mnist@champion", InputTopic: "in"}
			if err := tx.CreateInference(&i); err != nil {
				return err
			}
			_, err = tx.DropAlias(two.ID, "champion")
			refused(err, pipeline.InUse, "follows mnist@champion")
			m, err := tx.Model(two.Model)
			if err != nil {
				return err
			}
			m.Name = "digits" // an alias is the model's, whatever that is called
			if err := tx.UpdateModel(&m); err != nil {
				return err
			}
			if i, err = tx.Inference(i.ID); err != nil || i.Follows != "digits@champion" {
				t.Errorf("it follows %q, %v", i.Follows, err)
			}
			if err := tx.DeleteInference(i.ID); err != nil {
				return err
			}
			if r, err := tx.DropAlias(two.ID, "champion"); err != nil || r.Aliases != nil {
				t.Errorf("%v, %v", r.Aliases, err)
			}
			_, err = tx.DropAlias(two.ID, "champion")
			refused(err, pipeline.NotFound, "has no alias champion")
			return tx.DeleteResult(two.ID)
		})
	})
}

func TestTagsAndNotes(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		do(t, s, func(tx *registry.Tx) error {
			r, other, err := trained(tx, "mnist")
			if err != nil {
				return err
			}
			if r, err = tx.EditResult(r.ID, "a note", map[string]string{"stage": "production", "team": "a"}); err != nil {
				return err
			}
			if r.Notes != "a note" || len(r.Tags) != 2 || r.Tags["stage"] != "production" {
				t.Errorf("%+v", r)
			}
			if _, err = tx.EditResult(other.ID, "", map[string]string{"stage": "test"}); err != nil {
				return err
			}
			for tag, want := range map[string]int{"stage": 2, "stage=production": 1, "stage=none": 0, "tea": 0} {
				page, err := tx.Results(registry.Query{Texts: map[string]string{"tag": tag}})
				if err != nil || len(page.Items) != want {
					t.Errorf("%s: %d results, %v", tag, len(page.Items), err)
				}
			}
			return tx.DeleteResult(r.ID)
		})
	})
}
