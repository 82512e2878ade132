package registry_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// A variant that is asked for is found until it is built. One that freezes layers is
// another than the one that does not.
func TestAskedVariants(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		w := populate(t, s)
		values := map[string]any{"hp.units": 8.0}
		frozen := pipeline.Variation{Hyperparameters: values, Freeze: []string{"dense"}}
		of := pipeline.Result{Deployment: w.deployment.ID, Model: w.model.ID, ModelVersion: w.model.Version, Variation: frozen}
		do(t, s, func(tx *registry.Tx) error {
			if err := tx.CreateVariant(w.model.ID, w.model.Version, pipeline.Variant{Variation: pipeline.Variation{Hyperparameters: values}, Artifact: "a"}); err != nil {
				return err
			}
			return tx.CreateVariant(w.model.ID, w.model.Version, pipeline.Variant{Variation: frozen, Pending: true})
		})
		do(t, s, func(tx *registry.Tx) error {
			asked, err := tx.AskedVariants()
			if diff := cmp.Diff([]registry.Asked{{Model: w.model.ID, Version: w.model.Version, Variation: frozen}}, asked); diff != "" || err != nil {
				t.Errorf("%v, (-want +got)\n%s", err, diff)
			}
			_, err = tx.ModelOf(of)
			refused(t, err, pipeline.Unavailable, "is being built with hp.units=8, dense frozen")
			return tx.SetVariant(w.model.ID, w.model.Version, pipeline.Variant{Variation: frozen, Artifact: "b"})
		})
		do(t, s, func(tx *registry.Tx) error {
			if asked, err := tx.AskedVariants(); err != nil || len(asked) > 0 {
				t.Errorf("%v, %v", asked, err)
			}
			m, err := tx.ModelOf(of)
			if err != nil || m.Artifact != "b" {
				t.Errorf("%+v, %v", m, err)
			}
			return err
		})
	})
}

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
