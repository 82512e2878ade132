package door_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/registry/registrytest"
)

// rig serves a small function: it registers models without building them.
type rig struct {
	*httptest.Server
	direct  http.Handler // the door behind it
	store   *registry.Store
	path    string       // of its registry
	commits func() int64 // transactions that wrote to it
	runs    atomic.Int64
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func newRig(t *testing.T, c door.Config) *rig {
	t.Helper()
	return rigOn(t, filepath.Join(t.TempDir(), "registry.db"), c)
}

// rigOn is a process that serves the function on a registry that it may share
// with others.
func rigOn(t *testing.T, path string, c door.Config) *rig {
	t.Helper()
	commits := registrytest.Commits(t, path)
	store, err := registry.Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{store: store, path: path, commits: commits}
	c.Store, c.Log = store, quiet()
	r.direct = http.StripPrefix("/model-register", door.New(r.function(), c))
	r.Server = httptest.NewServer(as(identity.Principal{ID: identity.AnonymousID, Role: identity.Operator}, r.direct))
	t.Cleanup(func() {
		r.Server.Close()
		_ = store.Close()
	})
	return r
}

// as puts a principal into the context of requests that have none, as a guard
// does.
func as(p identity.Principal, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if identity.Of(r.Context()).Role == identity.Nobody {
			r = r.WithContext(identity.With(r.Context(), p))
		}
		next.ServeHTTP(w, r)
	})
}

func (r *rig) url(path string) string { return r.Server.URL + "/model-register" + path }

func (r *rig) function() door.Function {
	return door.Function{
		Name: "model-register",
		Commands: map[string]door.Command{
			eventing.ModelRegister: r.register, eventing.ModelDelete: r.remove, eventing.ModelValidate: broken,
		},
		Events: map[string]door.EventHandler{
			eventing.KafkaRecord:        func(context.Context, event.Event) (*event.Event, error) { r.runs.Add(1); return nil, nil },
			eventing.TrainingProgressed: r.progressed,
		},
		Routes: []door.Route{
			{Pattern: "POST /models", Type: eventing.ModelRegister, Made: "/models"},
			{Pattern: "DELETE /models/{id}", Type: eventing.ModelDelete},
			{Pattern: "POST /models/validate", Type: eventing.ModelValidate},
		},
		Resources: []door.Resource{
			door.ListOf("GET /models", "Models.", r.store, (*registry.Tx).Models, "configuration"),
			door.GetOf("GET /models/{id}", "A model.", r.store, (*registry.Tx).Model),
		},
		Facts: []string{"io.kafkaml.model."},
	}
}

func (r *rig) register(ctx context.Context, c *door.Call) error {
	r.runs.Add(1)
	var m struct{ Name, Description, Imports, Source, Framework string }
	if err := eventing.Data(c.Event, &m); err != nil {
		return err
	}
	if m.Name == "private" {
		return &pipeline.Error{Kind: pipeline.Forbidden, Field: "name", Reason: "is not for everybody"}
	}
	if strings.Contains(m.Source, "?") {
		return &pipeline.Error{
			Kind: pipeline.Invalid, Field: "source", Reason: "invalid syntax", Hint: "mend it",
			At: &pipeline.Position{Line: 3, Column: 7},
		}
	}
	return c.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		model := pipeline.Model{Name: m.Name, Source: m.Source, Framework: "tensorflow", Version: 1, Export: pipeline.Export{
			Task: pipeline.OtherTask, Inputs: []pipeline.Tensor{}, Outputs: []pipeline.Tensor{}, Labels: []pipeline.Tensor{}, Layers: []pipeline.Layer{}, Metrics: []string{},
		}}
		if err := tx.CreateModel(&model); err != nil {
			return nil, err
		}
		return door.Publish(tx, "model-register", eventing.ModelRegistered, model.ID, model)
	})
}

func (r *rig) remove(ctx context.Context, c *door.Call) error {
	id, err := door.Target(c.Event)
	if err != nil {
		return err
	}
	return c.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		if err := tx.DeleteModel(id); err != nil {
			return nil, err
		}
		return door.Publish(tx, "model-register", eventing.ModelDeleted, id, eventing.Deleted{ID: id})
	})
}

// progressed stores that a training reported something.
func (r *rig) progressed(ctx context.Context, e event.Event) (*event.Event, error) {
	return nil, r.store.Do(ctx, func(tx *registry.Tx) error {
		return tx.Emit(eventing.New(eventing.ResultProgressed, "/x", "1", map[string]int{"id": 1}))
	})
}

// broken fails as its source says.
func broken(ctx context.Context, c *door.Call) error {
	var m struct{ Source string }
	if err := json.Unmarshal(c.Event.Data(), &m); err != nil {
		return err
	}
	switch m.Source {
	case "busy":
		return &pipeline.Error{Kind: pipeline.Unavailable, Reason: "no worker is free"}
	case "slow":
		return fmt.Errorf("build: %w", context.DeadlineExceeded)
	case "none":
		return c.Commit(ctx, func(*registry.Tx) (*event.Event, error) { return nil, nil })
	case "forgetful":
		return nil
	case "late":
		err := c.Commit(ctx, func(*registry.Tx) (*event.Event, error) { return nil, nil })
		return errors.Join(err, &pipeline.Error{Kind: pipeline.Unavailable, Reason: "committed, but a process could not be stopped"})
	}
	return errors.New("a fault of ours")
}

// post sends body with headers and gives status, headers and body.
func post(t *testing.T, url string, h map[string]string, body string) (*http.Response, string) {
	t.Helper()
	return send(t, http.MethodPost, url, h, body)
}

func send(t *testing.T, method, url string, h map[string]string, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range h {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}
