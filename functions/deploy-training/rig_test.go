package deploytraining

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/eventing/door/doortest"
	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
)

var quiet = slog.New(slog.DiscardHandler)

// scratch is for what the tests of the package share.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "deploy-training-*"); err != nil {
		panic(err)
	}
	code := registrytest.Main(m)
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

// recorder is a platform.Jobs that writes down what is asked of it and runs
// nothing, for what is about order and repetition.
type recorder struct {
	mu      sync.Mutex
	started []string // each name that was not running yet
	running map[string]platform.Job
	refuse  error // what Start answers, nil to take the Job
	queue   []string
}

func (r *recorder) Start(_ context.Context, job platform.Job) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil {
		return r.refuse
	}
	if _, ok := r.running[job.Name]; !ok {
		r.started = append(r.started, job.Name)
		r.running[job.Name] = job
	}
	return nil
}

func (r *recorder) Stop(_ context.Context, name string) error {
	r.vanish(name)
	return nil
}

func (r *recorder) Running(context.Context) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for name := range r.running {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

func (r *recorder) Queue() []string { return r.queue }

func (r *recorder) Log(_ context.Context, name string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.running[name]; !ok {
		return "", &pipeline.Error{Kind: pipeline.NotFound, Reason: "no such job"}
	}
	return name + " says hello\n", nil
}

// vanish ends a Job without a word.
func (r *recorder) vanish(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, name)
}

func (r *recorder) names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := slices.Clone(r.started)
	slices.Sort(names)
	return names
}

// rig is the step behind its real door, on a SQLite file and a folder of
// artifacts, with a recorder for Jobs.
type rig struct {
	*Service
	jobs *recorder
	url  string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return rigOn(t, "sqlite:"+filepath.Join(t.TempDir(), "registry.db"), &recorder{running: map[string]platform.Job{}})
}

// rigOn is a replica of the step on a database and a platform that it may
// share with others.
func rigOn(t *testing.T, database string, jobs *recorder) *rig {
	t.Helper()
	store, err := registry.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	artifacts, err := artifact.Open(t.Context(), "file://"+t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := NewService(Deps{Store: store, Artifacts: artifacts, Jobs: jobs, Kinds: framework.Kinds{kerasmodel.Kind()}, Log: quiet, Env: []string{"A=1"}, Signer: signer})
	server := httptest.NewServer(doortest.Guarded(signer, door.New(s.Function(), door.Config{Store: store, Log: quiet, Verifier: signer})))
	t.Cleanup(func() {
		server.Close()
		if err := artifacts.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return &rig{s, jobs, server.URL}
}

// write runs fn in a transaction of the registry.
func (r *rig) write(t *testing.T, fn func(tx *registry.Tx) error) {
	t.Helper()
	if err := r.Store.Do(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// image is what a model of 2 x 2 pixels and one integer label was exported as,
// wide one that wants nine values.
var (
	image = pipeline.Export{
		Inputs: []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{2, 2}}},
		Labels: []pipeline.Tensor{{Name: "y", DType: "int32", Shape: []int{}}},
		Task:   pipeline.Classification, Classes: 3, Weighted: true,
	}
	wide = pipeline.Export{
		Inputs: []pipeline.Tensor{{Name: "x", DType: "float32", Shape: []int{9}}},
		Labels: []pipeline.Tensor{{Name: "y", DType: "int32", Shape: []int{}}},
		Task:   pipeline.Classification, Classes: 3,
	}
)

// configuration stores a configuration of one model for each export.
func (r *rig) configuration(t *testing.T, exports ...pipeline.Export) int64 {
	t.Helper()
	c := pipeline.Configuration{Name: "c"}
	r.write(t, func(tx *registry.Tx) error {
		c.Models = nil
		for i, e := range exports {
			m := pipeline.Model{Name: fmt.Sprintf("m%d", i+1), Source: "s", Framework: kerasmodel.Name, SourceHash: "h", Artifact: fmt.Sprintf("models/%d", i+1), Export: e}
			if err := tx.CreateModel(&m); err != nil {
				return err
			}
			c.Models = append(c.Models, m.ID)
		}
		return tx.CreateConfiguration(&c)
	})
	return c.ID
}

// stream stores a datasource of n records that begin at offset.
func (r *rig) stream(t *testing.T, deployment, offset int64) pipeline.Datasource {
	t.Helper()
	d := pipeline.Datasource{
		Deployment: deployment, Ranges: []pipeline.Range{{Topic: "pixels", Offset: offset, Length: 100}},
		InputFormat: pipeline.RAW, TotalMsg: 100, ValidationRate: 0.1,
		InputConfig: json.RawMessage(`{"data_type": "uint8", "data_reshape": "2 2", "label_type": "int32", "label_reshape": ""}`),
		Retention:   pipeline.Retention{State: pipeline.Available},
	}
	r.write(t, func(tx *registry.Tx) error { return tx.CreateDatasource(&d) })
	return d
}

// arrives delivers datasource.received.
func (r *rig) arrives(t *testing.T, d pipeline.Datasource) {
	t.Helper()
	r.deliver(t, eventing.DatasourceReceived, d.ID, d)
}

// signer is the installation's.
var signer = identity.NewSigner([]byte("of all rigs, which may share one"))

// dueFrom is from whom a fact is due.
func dueFrom(t *testing.T, typ string, data any) string {
	t.Helper()
	if typ == eventing.DatasourceReceived {
		return identity.Step(pipeline.StepControlLog)
	}
	var of struct {
		Result  int64
		Attempt int
	}
	text, err := json.Marshal(data)
	if err == nil {
		err = json.Unmarshal(text, &of)
	}
	if err != nil {
		t.Fatal(err)
	}
	return identity.Job(of.Result, of.Attempt)
}

// fact sends an event to the event door, as its sender where it has a name.
func (r *rig) fact(t *testing.T, sender, typ string, id int64, data any) (int, string) {
	t.Helper()
	req, err := eventing.NewRequest(t.Context(), r.url, eventing.New(typ, "/test", fmt.Sprint(id), data))
	if err != nil {
		t.Fatal(err)
	}
	if sender != "" {
		req.Header.Set("Authorization", "Bearer "+signer.Token(sender, 0))
	}
	status, body := do(t, req)
	return status, string(body)
}

// deliver sends an event to the event door, as who is due, and wants it taken.
func (r *rig) deliver(t *testing.T, typ string, id int64, data any) {
	t.Helper()
	if status, body := r.fact(t, dueFrom(t, typ, data), typ, id, data); status/100 != 2 {
		t.Fatalf("%s: status %d: %s", typ, status, body)
	}
}

// tooLate sends an event as who is due, and wants it refused since the attempt
// is over.
func (r *rig) tooLate(t *testing.T, typ string, id int64, data any) {
	t.Helper()
	if status, body := r.fact(t, dueFrom(t, typ, data), typ, id, data); status != http.StatusForbidden || !strings.Contains(body, "is over") {
		t.Errorf("%s: status %d: %s", typ, status, body)
	}
}

// call sends a REST request.
func (r *rig) call(t *testing.T, method, path string, body any) (int, []byte) {
	t.Helper()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (int, []byte) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

// want sends a REST request that must be answered with status, and reads the
// answer into a T.
func want[T any](t *testing.T, r *rig, status int, method, path string, body any) (answer T) {
	t.Helper()
	got, text := r.call(t, method, path, body)
	if got != status {
		t.Fatalf("%s %s: status %d, want %d: %s", method, path, got, status, text)
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
	return answer
}

// deploy creates a deployment of a configuration.
func (r *rig) deploy(t *testing.T, configuration int64) pipeline.Deployment {
	t.Helper()
	return want[pipeline.Deployment](t, r, http.StatusCreated, "POST", "/deployments", map[string]any{
		"configuration": configuration, "batch_size": 10, "training_kwargs": "epochs=3, shuffle=False", "seed": 7,
	})
}

// result reads one result.
func (r *rig) result(t *testing.T, id int64) pipeline.Result {
	t.Helper()
	return want[pipeline.Result](t, r, http.StatusOK, "GET", fmt.Sprintf("/results/%d", id), nil)
}

// stored puts a trained model where an attempt leaves it.
func (r *rig) stored(t *testing.T, result int64, attempt int) {
	t.Helper()
	for _, f := range kerasmodel.Kind().Bundle.Formats {
		if err := r.Artifacts.Put(t.Context(), pipeline.ResultArtifact(result, attempt)+"/"+f.Blob, bytes.NewReader([]byte(f.Blob))); err != nil {
			t.Fatal(err)
		}
	}
}

// keeps stores a checkpoint of a result.
func (r *rig) keeps(t *testing.T, result int64) {
	t.Helper()
	if err := r.Artifacts.Put(t.Context(), pipeline.ResultCheckpoint(result)+"/state", strings.NewReader("state")); err != nil {
		t.Fatal(err)
	}
}

// kept reports whether a checkpoint of a result is stored.
func (r *rig) kept(t *testing.T, result int64) bool {
	t.Helper()
	ok, err := r.Artifacts.Exists(t.Context(), pipeline.ResultCheckpoint(result)+"/state")
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// has reports whether an attempt's trained model is stored.
func (r *rig) has(t *testing.T, result int64, attempt int) bool {
	t.Helper()
	ok, err := r.Artifacts.Exists(t.Context(), pipeline.ResultArtifact(result, attempt)+"/savedmodel.zip")
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// problem is what of a problem document the tests look at.
type problem struct{ Kind, Field, Detail, Hint string }
