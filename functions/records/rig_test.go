package records_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/eventing/door/doortest"
	"github.com/kafkaml/kafkaml/functions/records"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/streamtest"
)

// rig is the step over a broker and SQLite.
type rig struct {
	*httptest.Server
	cluster    *stream.Cluster
	store      *registry.Store
	data       string // a topic of one partition
	control    string // the control topic; nobody reads it
	deployment int64  // of one model, with three numbers in and two classes out
	result     int64  // of that model, finished
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigWith(t, nil)
}

// newRigWith is a rig whose records may be framed by a schema registry.
func newRigWith(t *testing.T, known *schemas.Client, changes ...func(*records.Deps)) *rig {
	t.Helper()
	r := &rig{cluster: streamtest.Cluster(t)}
	r.data, r.control = streamtest.Topic(t, r.cluster, 1), streamtest.Name(t)
	var err error
	if r.store, err = registry.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "registry.db")); err != nil {
		t.Fatal(err)
	}
	r.fill(t)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	deps := records.Deps{Store: r.store, Cluster: r.cluster, ControlTopic: r.control, Schemas: known, Log: log}
	for _, change := range changes {
		change(&deps)
	}
	r.Server = httptest.NewServer(doortest.AsRole(door.New(records.NewService(deps).Function(), door.Config{Store: r.store, Log: log})))
	t.Cleanup(func() {
		r.Server.Close()
		_ = r.store.Close()
	})
	return r
}

// fill makes a deployment of one model and finishes its result.
func (r *rig) fill(t *testing.T) {
	t.Helper()
	r.deploys(t, "m", pipeline.Export{
		Inputs: []pipeline.Tensor{{Name: "input", DType: "float32", Shape: []int{3}}},
		Labels: []pipeline.Tensor{{Name: "output", DType: "int32", Shape: []int{}}},
	})
}

// deploys makes the deployment one of a model of its own, which is finished.
func (r *rig) deploys(t *testing.T, name string, e pipeline.Export) {
	t.Helper()
	err := r.store.Do(t.Context(), func(tx *registry.Tx) error {
		d, result, err := registrytest.Deployed(tx, pipeline.Model{Name: name, Export: e})
		if err != nil {
			return err
		}
		r.deployment, r.result = d.ID, result.ID
		return r.finish(tx)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (r *rig) finish(tx *registry.Tx) error {
	for _, s := range []pipeline.ResultStatus{pipeline.ResultScheduled, pipeline.ResultRunning, pipeline.ResultFinished} {
		result, err := tx.Result(r.result)
		if err != nil {
			return err
		}
		result.Status, result.Attempt, result.Artifact = s, 1, "results/1/attempt-1"
		if err := tx.UpdateResult(&result); err != nil {
			return err
		}
	}
	return nil
}

// read gets JSON into v and gives the status.
func (r *rig) read(t *testing.T, path string, v any) int {
	t.Helper()
	answer, err := http.Get(r.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if err := json.NewDecoder(answer.Body).Decode(v); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}
