package modelregister

import (
	"bytes"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// asks stores a deployment's results of a model with layers frozen, as deploy-training
// does: one that waits for a stream, one that has its own.
func (r *rig) asks(t *testing.T, model int64, freeze ...string) pipeline.Variation {
	t.Helper()
	of := pipeline.Variation{Freeze: freeze}
	err := r.Store.Do(t.Context(), func(tx *registry.Tx) error {
		c := pipeline.Configuration{Name: strings.Join(freeze, " "), Models: []int64{model}}
		if err := tx.CreateConfiguration(&c); err != nil {
			return err
		}
		d := pipeline.Deployment{Configuration: c.ID, From: 1, Freeze: freeze}
		if err := tx.CreateDeployment(&d); err != nil {
			return err
		}
		for datasource := range int64(2) {
			one := pipeline.Result{Deployment: d.ID, Model: model, ModelVersion: 1, Variation: of, Datasource: datasource}
			if datasource != 0 {
				one.Status = pipeline.ResultScheduled
			}
			if err := tx.CreateResult(&one); err != nil {
				return err
			}
		}
		return tx.CreateVariant(model, 1, pipeline.Variant{Variation: of, Pending: true})
	})
	if err != nil {
		t.Fatal(err)
	}
	return of
}

// variantOf is what the registry has of a variation.
func (r *rig) variantOf(t *testing.T, model int64, of pipeline.Variation) *pipeline.Variant {
	t.Helper()
	v, err := registry.Read(t.Context(), r.Store, func(tx *registry.Tx) (*pipeline.Variant, error) { return tx.Variant(model, 1, of) })
	if err != nil || v == nil {
		t.Fatalf("%v of %v, %v", v, of, err)
	}
	return v
}

// TestBuildAsked builds what a deployment asks for once, of a source and of a file, and
// fails the results that wait for what could not be built.
func TestBuildAsked(t *testing.T) {
	r := newRig(t)
	r.want(t, http.StatusCreated, "POST", "/models", form("a", small))
	file, err := os.ReadFile("../../shared/framework/keras/testdata/import/trained.keras")
	if err != nil {
		t.Fatal(err)
	}
	if status, answer := r.sendFile(t, "name=b", bytes.NewReader(file)); status != http.StatusCreated {
		t.Fatalf("%d %v", status, answer)
	}
	layer := r.want(t, http.StatusOK, "GET", "/models/2", nil)["layers"].([]any)[1].(map[string]any)["name"].(string)
	good, bad, imported := r.asks(t, 1, "dense"), r.asks(t, 1, "dens"), r.asks(t, 2, layer)
	exports := len(r.exports(t))
	for range 2 {
		if err := r.buildAsked(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if v := r.variantOf(t, 1, good); v.Pending || v.Refused != nil || v.Export.TrainableParameters != 4*2+2 {
		t.Errorf("%+v", v)
	}
	if v := r.variantOf(t, 2, imported); v.Pending || v.Refused != nil || v.Export.TrainableParameters >= v.Export.Parameters {
		t.Errorf("%+v", v)
	}
	if v := r.variantOf(t, 1, bad); v.Refused == nil || v.Refused.Field != "freeze" || !strings.Contains(v.Refused.Reason, "no layer dens") {
		t.Errorf("%+v", v)
	}
	if got := len(r.exports(t)); got != exports+2 {
		t.Errorf("%d exports were stored, want 2", got-exports)
	}
	for id, want := range map[int64]pipeline.ResultStatus{1: pipeline.ResultFinished, 2: pipeline.ResultWaiting, 3: pipeline.ResultScheduled, 4: pipeline.ResultFailed, 5: pipeline.ResultScheduled} {
		got, err := registry.Read(t.Context(), r.Store, func(tx *registry.Tx) (pipeline.Result, error) { return tx.Result(id) })
		if err != nil || got.Status != want || (want == pipeline.ResultFailed) != strings.Contains(got.Reason, "freeze: the model has no layer dens") {
			t.Errorf("result %d is %s, %q, %v, want %s", id, got.Status, got.Reason, err, want)
		}
	}
	// What another replica has built meanwhile stays, and what nobody refers to goes.
	if err := r.buildOne(t.Context(), registry.Asked{Model: 1, Version: 1, Variation: good}); err != nil {
		t.Fatal(err)
	}
	if got := len(r.exports(t)); got != exports+2 {
		t.Errorf("%d exports are left, want 2", got-exports)
	}
}
