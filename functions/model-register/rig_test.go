package modelregister

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnximport"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxmodel"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// warm is one Python worker for all tests of the package: it takes seconds to
// start.
var warm struct {
	once sync.Once
	framework.Builder
	err error
}

func worker() (framework.Builder, error) {
	warm.once.Do(func() { warm.Builder, warm.err = keras.Build(context.Background(), quiet) })
	return warm.Builder, warm.err
}

var quiet = slog.New(slog.DiscardHandler)

func TestMain(m *testing.M) {
	code := m.Run()
	if warm.Builder != nil {
		if err := warm.Close(); err != nil && code == 0 {
			code = 1
		}
	}
	os.Exit(code)
}

// rig is the function behind its real door, on a SQLite file and a folder of
// artifacts.
type rig struct {
	*Service
	url, blobs string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	w, err := worker()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	store, err := registry.Open(t.Context(), "sqlite:"+filepath.Join(dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	blobs := filepath.Join(dir, "artifacts")
	artifacts, err := artifact.Open(t.Context(), "file://"+blobs)
	if err != nil {
		t.Fatal(err)
	}
	known := framework.Registry{{Kind: kerasmodel.Kind()}, {Kind: onnxmodel.Kind(), Importer: onnximport.Importer{}}}
	builders := framework.Builders{kerasmodel.Name: w}
	s := NewService(Deps{
		Store: store, Artifacts: artifacts, Kinds: known.Kinds(), Builders: builders, Importers: known.Importers(builders), Scratch: dir, Log: quiet,
	})
	server := httptest.NewServer(door.Handler(s.Function(), store, quiet))
	t.Cleanup(func() {
		server.Close()
		if err := artifacts.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return &rig{s, server.URL, blobs}
}

// call sends a REST request and reads the answer into a map.
func (r *rig) call(t *testing.T, method, path string, body any) (int, map[string]any) {
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

// send sends an event to the event door and reads the data of the answer.
func (r *rig) send(t *testing.T, e event.Event) (int, map[string]any) {
	t.Helper()
	req, err := eventing.NewRequest(t.Context(), r.url, e)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (int, map[string]any) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	return resp.StatusCode, answer
}

// want fails the test where a request was not answered with status.
func (r *rig) want(t *testing.T, status int, method, path string, body any) map[string]any {
	t.Helper()
	got, answer := r.call(t, method, path, body)
	if got != status {
		t.Fatalf("%s %s: status %d, want %d: %v", method, path, got, status, answer)
	}
	return answer
}

// exports are the folders of exported models among the artifacts.
func (r *rig) exports(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(r.blobs, "models", "*", "*", "model.zip"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

const (
	imports = "import keras\nfrom keras import layers\n"
	small   = `model = keras.Sequential([keras.Input((3,)), layers.Dense(4, "relu"), layers.Dense(2, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
`
	wider = `model = keras.Sequential([keras.Input((3,)), layers.Dense(8, "relu"), layers.Dense(2, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
`
)

// form is a model's body.
func form(name, source string) map[string]any {
	return map[string]any{"name": name, "imports": imports, "source": source}
}
