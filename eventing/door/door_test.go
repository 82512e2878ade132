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
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// rig serves a small function: it registers models without building them.
type rig struct {
	*httptest.Server
	store *registry.Store
	runs  atomic.Int64
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func newRig(t *testing.T, c door.Config) *rig {
	t.Helper()
	store, err := registry.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{store: store}
	c.Store, c.Log = store, quiet()
	r.Server = httptest.NewServer(http.StripPrefix("/model-register", door.New(r.function(), c)))
	t.Cleanup(func() {
		r.Server.Close()
		_ = store.Close()
	})
	return r
}

func (r *rig) url(path string) string { return r.Server.URL + "/model-register" + path }

func (r *rig) function() door.Function {
	return door.Function{
		Name: "model-register",
		Commands: map[string]door.Command{
			eventing.ModelRegister: r.register, eventing.ModelDelete: r.remove, eventing.ModelValidate: broken,
			eventing.KafkaRecord: func(context.Context, event.Event) (*event.Event, error) { r.runs.Add(1); return nil, nil },
		},
		Routes: []door.Route{
			{Pattern: "POST /models", Type: eventing.ModelRegister, Made: "/models"},
			{Pattern: "DELETE /models/{id}", Type: eventing.ModelDelete},
			{Pattern: "POST /models/validate", Type: eventing.ModelValidate},
		},
		Resources: func(mux *http.ServeMux) {
			mux.HandleFunc("GET /models", door.List(r.store, (*registry.Tx).Models, "configuration"))
			mux.HandleFunc("GET /models/{id}", door.Get(r.store, (*registry.Tx).Model))
		},
		Facts: []string{"io.kafkaml.model."},
	}
}

func (r *rig) register(ctx context.Context, e event.Event) (*event.Event, error) {
	r.runs.Add(1)
	var m struct{ Name, Description, Imports, Source, Framework string }
	if err := eventing.Data(e, &m); err != nil {
		return nil, err
	}
	if strings.Contains(m.Source, "?") {
		return nil, &pipeline.Error{
			Op: "register model", Kind: pipeline.Invalid, Field: "source", Reason: "invalid syntax", Hint: "mend it",
			At: &pipeline.Position{Line: 3, Column: 7},
		}
	}
	return door.Once(ctx, r.store, e, func(tx *registry.Tx) (*event.Event, error) {
		model := pipeline.Model{Name: m.Name, Source: m.Source, Framework: "tensorflow"}
		if err := tx.CreateModel(&model); err != nil {
			return nil, err
		}
		fact := eventing.New(eventing.ModelRegistered, door.Source("model-register"), fmt.Sprint(model.ID), model)
		return &fact, tx.Emit(fact)
	})
}

func (r *rig) remove(ctx context.Context, e event.Event) (*event.Event, error) {
	id, err := eventing.ID(e)
	if err != nil {
		return nil, err
	}
	return door.Once(ctx, r.store, e, func(tx *registry.Tx) (*event.Event, error) {
		fact := eventing.New(eventing.ModelDeleted, door.Source("model-register"), fmt.Sprint(id), map[string]int64{"id": id})
		return &fact, tx.DeleteModel(id)
	})
}

// broken fails as its source says.
func broken(_ context.Context, e event.Event) (*event.Event, error) {
	var m struct{ Source string }
	if err := json.Unmarshal(e.Data(), &m); err != nil {
		return nil, err
	}
	switch m.Source {
	case "busy":
		return nil, &pipeline.Error{Kind: pipeline.Unavailable, Reason: "no worker is free"}
	case "slow":
		return nil, fmt.Errorf("build: %w", context.DeadlineExceeded)
	case "none":
		return nil, nil
	}
	return nil, errors.New("a fault of ours")
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
