package serve

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"testing"
)

// The page is told of the cluster only where Kubernetes names the functions.
func TestPageConfig(t *testing.T) {
	for where, namespace := range map[string]string{
		"http://*.ml.svc.cluster.local":   "ml",
		"https://*.functions.example.com": "",
	} {
		t.Run(where, func(t *testing.T) {
			h := pageHandler(where, func(string) string { return "" }, nil, slog.New(slog.DiscardHandler))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", "/config.json", nil))
			var config struct {
				Functions map[string]string
				Cluster   *struct{ Namespace, Server string }
			}
			if err := json.Unmarshal(w.Body.Bytes(), &config); err != nil {
				t.Fatal(err)
			}
			if config.Functions["deploy-training"] != "/deploy-training" {
				t.Errorf("functions %v", config.Functions)
			}
			switch {
			case namespace == "" && config.Cluster != nil:
				t.Errorf("a cluster: %+v", config.Cluster)
			case namespace != "" && (config.Cluster == nil || config.Cluster.Namespace != namespace || config.Cluster.Server != "http://page.ml.svc.cluster.local"):
				t.Errorf("cluster %+v", config.Cluster)
			}
		})
	}
}

// The page's address describes all functions, as that of kafkaml run does.
func TestPageDescribesTheFunctions(t *testing.T) {
	h := pageHandler("http://*.ml.svc.cluster.local", func(string) string { return "" }, nil, slog.New(slog.DiscardHandler))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/openapi.json", nil))
	var document struct{ Paths map[string]any }
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil {
		t.Fatalf("%d %v", w.Code, err)
	}
	for _, path := range []string{"/model-register/models", "/records/streams", "/predict/{inference}/v2"} {
		if document.Paths[path] == nil {
			t.Errorf("%s is not described", path)
		}
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/asyncapi.json", nil))
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil {
		t.Errorf("%d %v", w.Code, err)
	}
}
