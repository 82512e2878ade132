package registry_test

import (
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// TestParents keeps a result that a training is yet to go on from, and finds
// those that went on from it.
func TestParents(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		w := populate(t, s)
		other := pipeline.Deployment{Configuration: w.configuration.ID}
		child := pipeline.Result{Model: w.model.ID, Parent: w.result.ID}
		do(t, s, func(tx *registry.Tx) error {
			if err := tx.CreateDeployment(&other); err != nil {
				return err
			}
			child.Deployment = other.ID
			if err := tx.DeleteInference(w.inference.ID); err != nil {
				return err
			}
			return tx.CreateResult(&child)
		})
		var found registry.Page[pipeline.Result]
		do(t, s, func(tx *registry.Tx) (err error) {
			found, err = tx.Results(registry.Query{By: map[string]int64{"parent": w.result.ID}})
			return err
		})
		if len(found.Items) != 1 || found.Items[0].ID != child.ID || found.Items[0].Parent != w.result.ID {
			t.Errorf("went on from it: %+v", found.Items)
		}
		remove := func() error {
			return s.Do(t.Context(), func(tx *registry.Tx) error { return tx.DeleteResult(w.result.ID) })
		}
		refused(t, remove(), pipeline.InUse, "result 2")
		refused(t, s.Do(t.Context(), func(tx *registry.Tx) error { return tx.DeleteDeployment(w.deployment.ID) }), pipeline.InUse, "result 2")
		child.Status = pipeline.ResultStopped
		do(t, s, func(tx *registry.Tx) error { return tx.UpdateResult(&child) })
		if err := remove(); err != nil {
			t.Errorf("with its child stopped: %v", err)
		}
	})
}
