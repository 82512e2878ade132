package registry_test

import (
	"slices"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// The model of a result is the one that its values of hp have made, which is kept
// while a result is of it.
func TestVariants(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		w := populate(t, s)
		values := map[string]any{"hp.units": 8.0, "hp.act": "relu", "hp.bias": true}
		other, broken := map[string]any{"hp.units": 9.0}, map[string]any{"hp.units": -1.0}
		of := func(values map[string]any) pipeline.Result {
			return pipeline.Result{Deployment: w.deployment.ID, Model: w.model.ID, ModelVersion: w.model.Version, Variation: pipeline.Variation{Hyperparameters: values}}
		}
		do(t, s, func(tx *registry.Tx) error {
			for _, v := range []pipeline.Variant{
				{Variation: pipeline.Variation{Hyperparameters: values}, Artifact: "a", Export: pipeline.Export{Parameters: 3}},
				{Variation: pipeline.Variation{Hyperparameters: other}, Artifact: "b"},
				{Variation: pipeline.Variation{Hyperparameters: broken}, Refused: &pipeline.Rejection{Field: "source", Reason: "units is -1"}},
			} {
				if err := tx.CreateVariant(w.model.ID, w.model.Version, v); err != nil {
					return err
				}
			}
			r := of(values)
			return tx.CreateResult(&r)
		})
		do(t, s, func(tx *registry.Tx) error {
			if m, err := tx.ModelOf(of(values)); err != nil || m.Artifact != "a" || m.Parameters != 3 || m.Source != w.model.Source {
				t.Errorf("%+v, %v", m, err)
			}
			if m, err := tx.ModelOf(of(nil)); err != nil || m.Artifact != w.model.Artifact {
				t.Errorf("%+v, %v", m, err)
			}
			_, err := tx.ModelOf(of(broken))
			refused(t, err, pipeline.Invalid, "units is -1")
			_, err = tx.ModelOf(of(map[string]any{"hp.units": 10.0}))
			refused(t, err, pipeline.NotFound, "hp.units=10")
			return tx.DeleteUnusedVariants(w.model.ID)
		})
		do(t, s, func(tx *registry.Tx) error {
			kept, err := tx.VariantArtifacts(w.model.ID)
			if err != nil || !slices.Equal(kept, []string{"a"}) {
				t.Errorf("kept %v, %v", kept, err)
			}
			all, err := tx.Artifacts()
			if err != nil || !slices.Contains(all, "a") {
				t.Errorf("a backup would hold %v, %v", all, err)
			}
			return nil
		})
	})
}
