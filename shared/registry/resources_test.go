package registry_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// world is one of each resource, each referring to the one before.
type world struct {
	model         pipeline.Model
	configuration pipeline.Configuration
	deployment    pipeline.Deployment
	datasource    pipeline.Datasource
	result        pipeline.Result
	inference     pipeline.Inference
}

func populate(t *testing.T, s *registry.Store) *world {
	t.Helper()
	w := &world{}
	do(t, s, func(tx *registry.Tx) error {
		*w = world{
			model:         pipeline.Model{Name: "mnist", Description: "Digits", Source: "model = 1", Framework: "tensorflow"},
			configuration: pipeline.Configuration{Name: "digits"},
			deployment:    pipeline.Deployment{BatchSize: 32},
			datasource: pipeline.Datasource{
				InputFormat: pipeline.RAW, InputConfig: []byte(`{"data_type":"uint8"}`), TotalMsg: 5,
				Ranges:    []pipeline.Range{{Topic: "images", Offset: 3, Length: 5}},
				Origin:    pipeline.Origin{Topic: "control", Offset: 9, Bytes: 60},
				Retention: pipeline.Retention{State: pipeline.Available},
			},
			inference: pipeline.Inference{Replicas: 2, InputTopic: "in", OutputTopic: "out", InputConfig: []byte(`{}`)},
		}
		if err := tx.CreateModel(&w.model); err != nil {
			return err
		}
		w.configuration.Models = []int64{w.model.ID}
		if err := tx.CreateConfiguration(&w.configuration); err != nil {
			return err
		}
		w.deployment.Configuration = w.configuration.ID
		if err := tx.CreateDeployment(&w.deployment); err != nil {
			return err
		}
		w.datasource.Deployment = w.deployment.ID
		if err := tx.CreateDatasource(&w.datasource); err != nil {
			return err
		}
		w.result = pipeline.Result{
			Deployment: w.deployment.ID, Configuration: w.configuration.ID, Model: w.model.ID, ModelName: w.model.Name,
			ModelVersion: 1, Datasource: w.datasource.ID, Attempt: 1,
		}
		if err := tx.CreateResult(&w.result); err != nil {
			return err
		}
		w.inference.Result = w.result.ID
		return tx.CreateInference(&w.inference)
	})
	return w
}

// become takes a result through states.
func become(t *testing.T, s *registry.Store, id int64, states ...pipeline.ResultStatus) {
	t.Helper()
	do(t, s, func(tx *registry.Tx) error {
		for _, state := range states {
			r, err := tx.Result(id)
			if err != nil {
				return err
			}
			r.Status = state
			if err := tx.UpdateResult(&r); err != nil {
				return err
			}
		}
		return nil
	})
}

// refused checks that err is of a kind and says all of words.
func refused(t *testing.T, err error, kind pipeline.Kind, words ...string) {
	t.Helper()
	var e *pipeline.Error
	if !errors.As(err, &e) || e.Kind != kind {
		t.Fatalf("got %v, want an error of kind %s", err, kind)
	}
	for _, word := range words {
		if !strings.Contains(e.Error(), word) {
			t.Errorf("%q does not say %q", e.Error(), word)
		}
	}
}

func TestWhatIsStoredIsReadBack(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		w := populate(t, open(t, url))
		w.model.UsedBy = []int64{w.configuration.ID}
		w.configuration.UsedBy = []int64{w.deployment.ID}
		w.deployment.Results = []int64{w.result.ID}
		again := open(t, url) // a second connection, as another process has
		err := view(t, again, func(tx *registry.Tx) error {
			return errors.Join(
				same(t, w.model)(tx.Model(w.model.ID)),
				same(t, w.configuration)(tx.Configuration(w.configuration.ID)),
				same(t, w.deployment)(tx.Deployment(w.deployment.ID)),
				same(t, w.datasource)(tx.Datasource(w.datasource.ID)),
				same(t, w.result)(tx.Result(w.result.ID)),
				same(t, w.inference)(tx.Inference(w.inference.ID)),
			)
		})
		if err != nil {
			t.Fatal(err)
		}
		if w.inference.Name != "inference-1" || w.inference.Status != pipeline.InferenceDeploying {
			t.Errorf("an inference without a name is %q and %s", w.inference.Name, w.inference.Status)
		}
		if w.model.Created.IsZero() || time.Since(w.model.Created) > time.Minute {
			t.Errorf("model created at %v", w.model.Created)
		}
	})
}

func same[T any](t *testing.T, want T) func(T, error) error {
	return func(got T, err error) error {
		t.Helper()
		if diff := cmp.Diff(want, got); err == nil && diff != "" {
			t.Errorf("%T differs (-stored +read):\n%s", want, diff)
		}
		return err
	}
}

func TestModelVersions(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		m := populate(t, s).model
		first := m.Source
		do(t, s, func(tx *registry.Tx) error { m.Description = "changed"; return tx.UpdateModel(&m) })
		if m.Version != 1 {
			t.Errorf("a new description made version %d", m.Version)
		}
		do(t, s, func(tx *registry.Tx) error { m.Source = "model = 2"; return tx.UpdateModel(&m) })
		if m.Version != 2 {
			t.Errorf("a new source made version %d, want 2", m.Version)
		}
		stale := m
		stale.Version, stale.Source = 1, "model = 3"
		refused(t, s.Do(t.Context(), func(tx *registry.Tx) error { return tx.UpdateModel(&stale) }), pipeline.Conflict, "version 1", "version 2")
		err := view(t, s, func(tx *registry.Tx) error {
			old, err := tx.ModelVersion(m.ID, 1)
			if err != nil {
				return err
			}
			if old.Source != first || old.Description != "changed" {
				t.Errorf("version 1 is %q, %q", old.Source, old.Description)
			}
			all, err := tx.ModelVersions(m.ID)
			if len(all) != 2 || all[0].Version != 2 || all[1].Version != 1 {
				t.Errorf("versions are %+v", all)
			}
			_, missing := tx.ModelVersion(m.ID, 3)
			refused(t, missing, pipeline.NotFound, "version 3")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestReservedModelID(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		var m pipeline.Model
		do(t, s, func(tx *registry.Tx) (err error) { m.ID, err = tx.ReserveModel(); return err })
		reserved := m.ID
		other := pipeline.Model{Name: "other"}
		do(t, s, func(tx *registry.Tx) error { return tx.CreateModel(&other) })
		m.Name = "reserved"
		do(t, s, func(tx *registry.Tx) error { return tx.CreateModel(&m) })
		if m.ID != reserved || other.ID == reserved {
			t.Errorf("reserved %d, got %d, the other %d", reserved, m.ID, other.ID)
		}
	})
}

func TestDeleteNamesTheUsers(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		w := populate(t, s)
		try := func(fn func(tx *registry.Tx, id int64) error, id int64) error {
			return s.Do(t.Context(), func(tx *registry.Tx) error { return fn(tx, id) })
		}
		refused(t, try((*registry.Tx).DeleteModel, w.model.ID), pipeline.InUse, `configuration 1 "digits"`, "result 1")
		refused(t, try((*registry.Tx).DeleteConfiguration, w.configuration.ID), pipeline.InUse, "deployment 1")
		refused(t, try((*registry.Tx).DeleteDeployment, w.deployment.ID), pipeline.InUse, `inference 1 "inference-1"`)
		refused(t, try((*registry.Tx).DeleteResult, w.result.ID), pipeline.InUse, `inference 1 "inference-1"`)
		refused(t, try((*registry.Tx).DeleteDatasource, w.datasource.ID), pipeline.InUse, "result 1")
		become(t, s, w.result.ID, pipeline.ResultScheduled)
		refused(t, try((*registry.Tx).DeleteResult, w.result.ID), pipeline.Conflict, "scheduled")
		refused(t, try((*registry.Tx).DeleteDeployment, w.deployment.ID), pipeline.Conflict, "training")
		become(t, s, w.result.ID, pipeline.ResultStopped)
		for _, step := range []struct {
			what   string
			delete func(tx *registry.Tx, id int64) error
			id     int64
		}{
			{"inference", (*registry.Tx).DeleteInference, w.inference.ID},
			{"deployment", (*registry.Tx).DeleteDeployment, w.deployment.ID}, // and its result
			{"datasource", (*registry.Tx).DeleteDatasource, w.datasource.ID},
			{"configuration", (*registry.Tx).DeleteConfiguration, w.configuration.ID},
			{"model", (*registry.Tx).DeleteModel, w.model.ID},
		} {
			if err := try(step.delete, step.id); err != nil {
				t.Errorf("delete %s: %v", step.what, err)
			}
			refused(t, try(step.delete, step.id), pipeline.NotFound, "there is no "+step.what)
		}
		refused(t, try((*registry.Tx).DeleteResult, w.result.ID), pipeline.NotFound, "there is no result")
	})
}

func TestManyUsersAreCounted(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		w := populate(t, s)
		for i := range 7 {
			c := pipeline.Configuration{Name: fmt.Sprint("c", i), Models: []int64{w.model.ID}}
			do(t, s, func(tx *registry.Tx) error { return tx.CreateConfiguration(&c) })
		}
		err := s.Do(t.Context(), func(tx *registry.Tx) error { return tx.DeleteModel(w.model.ID) })
		refused(t, err, pipeline.InUse, `configuration 5 "c3" and 4 more`)
	})
}

func TestRefusedWrites(t *testing.T) {
	cases := []struct {
		name  string
		write func(tx *registry.Tx, w *world) error
		kind  pipeline.Kind
		words []string
	}{
		{"model, name taken", func(tx *registry.Tx, _ *world) error {
			return tx.CreateModel(&pipeline.Model{Name: "mnist"})
		}, pipeline.Conflict, []string{"name", `"mnist"`, "model 1"}},
		{"model renamed to a taken name", func(tx *registry.Tx, w *world) error {
			if err := tx.CreateModel(&pipeline.Model{Name: "other"}); err != nil {
				return err
			}
			w.model.Name = "other"
			return tx.UpdateModel(&w.model)
		}, pipeline.Conflict, []string{"name", `"other"`}},
		{"configuration, name taken", func(tx *registry.Tx, w *world) error {
			return tx.CreateConfiguration(&pipeline.Configuration{Name: "digits", Models: w.configuration.Models})
		}, pipeline.Conflict, []string{"name", "configuration 1"}},
		{"configuration of nothing", func(tx *registry.Tx, _ *world) error {
			return tx.CreateConfiguration(&pipeline.Configuration{Name: "empty"})
		}, pipeline.Invalid, []string{"models", "at least one"}},
		{"configuration of one model twice", func(tx *registry.Tx, _ *world) error {
			return tx.CreateConfiguration(&pipeline.Configuration{Name: "twice", Models: []int64{1, 1}})
		}, pipeline.Invalid, []string{"models", "twice"}},
		{"configuration of a model that is not there", func(tx *registry.Tx, _ *world) error {
			return tx.CreateConfiguration(&pipeline.Configuration{Name: "missing", Models: []int64{1, 99}})
		}, pipeline.Invalid, []string{"models", "no model 99"}},
		{"deployment of a configuration that is not there", func(tx *registry.Tx, _ *world) error {
			return tx.CreateDeployment(&pipeline.Deployment{Configuration: 99})
		}, pipeline.Invalid, []string{"configuration", "99"}},
		{"result of a deployment that is not there", func(tx *registry.Tx, _ *world) error {
			return tx.CreateResult(&pipeline.Result{Deployment: 99, Model: 1})
		}, pipeline.Invalid, []string{"deployment", "99"}},
		{"result that goes back", func(tx *registry.Tx, w *world) error {
			w.result.Status = pipeline.ResultFinished
			return tx.UpdateResult(&w.result)
		}, pipeline.Conflict, []string{"waiting", "finished"}},
		{"result of an attempt that is over", func(tx *registry.Tx, w *world) error {
			w.result.Attempt = 0
			return tx.UpdateResult(&w.result)
		}, pipeline.Conflict, []string{"attempt 1"}},
		{"datasource from the same control record", func(tx *registry.Tx, w *world) error {
			return tx.CreateDatasource(&w.datasource)
		}, pipeline.Conflict, []string{"datasource 1", "offset 9"}},
		{"inference of a result that is not there", func(tx *registry.Tx, _ *world) error {
			return tx.CreateInference(&pipeline.Inference{Result: 99})
		}, pipeline.Invalid, []string{"result", "99"}},
		{"inference with a name kept for another", func(tx *registry.Tx, w *world) error {
			return tx.CreateInference(&pipeline.Inference{Result: w.result.ID, Name: "inference-7"})
		}, pipeline.Invalid, []string{"name", "inference-7"}},
		{"update of what is not there", func(tx *registry.Tx, _ *world) error {
			return tx.UpdateDeployment(&pipeline.Deployment{ID: 99})
		}, pipeline.NotFound, []string{"no deployment 99"}},
	}
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		w := populate(t, s)
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				mine := *w
				err := s.Do(t.Context(), func(tx *registry.Tx) error { return c.write(tx, &mine) })
				refused(t, err, c.kind, c.words...)
			})
		}
	})
}

// A deployment tells why the last stream that named it was refused, until one
// comes that was not.
func TestLastRejectionOfADeployment(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		s := open(t, url)
		id := populate(t, s).deployment.ID
		last := func() *pipeline.StreamRejection {
			page, err := registry.Read(t.Context(), s, func(tx *registry.Tx) (registry.Page[pipeline.Deployment], error) {
				return tx.Deployments(registry.Query{})
			})
			if err != nil {
				t.Fatal(err)
			}
			return page.Items[0].LastRejection
		}
		if got := last(); got != nil {
			t.Errorf("%+v before a refusal", got)
		}
		bad := pipeline.Datasource{Deployment: id, Rejected: &pipeline.Rejection{Field: "topic", Reason: "does not exist"}}
		do(t, s, func(tx *registry.Tx) error { return tx.CreateDatasource(&bad) })
		if got := last(); got == nil || got.Datasource != bad.ID || got.Reason != "does not exist" {
			t.Errorf("%+v after a refusal", got)
		}
		do(t, s, func(tx *registry.Tx) error { return tx.CreateDatasource(&pipeline.Datasource{Deployment: id}) })
		if got := last(); got != nil {
			t.Errorf("%+v after a stream that was not refused", got)
		}
	})
}
