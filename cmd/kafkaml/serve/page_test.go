package serve

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing/guard"
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
	h := guarded(t, guard.Settings{Hosts: []string{"*"}, Anonymous: "viewer"},
		pageHandler("http://*.ml.svc.cluster.local", func(string) string { return "" }, nil, slog.New(slog.DiscardHandler)))
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

// A browser on plain HTTP sends no Sec-Fetch-Site, and the page names the
// function in Host: its own commands arrive all the same, those of other pages
// and under other names do not.
func TestAttackThroughThePage(t *testing.T) {
	var got []string
	access := guard.Settings{Hosts: []string{"*.ml.svc", "127.0.0.1"}, Anonymous: "operator"}
	step := guarded(t, access, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = append(got, r.Host+" "+r.URL.Path) }))
	functions := httptest.NewServer(step)
	defer functions.Close()
	where := "http://*.ml.svc:" + functions.Listener.Addr().String()[len("127.0.0.1:"):]
	dialed := http.DefaultTransport.(*http.Transport).Clone()
	dialed.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, functions.Listener.Addr().String())
	}
	h := pageOver(dialed, where, func(string) string { return "" }, nil, slog.New(slog.DiscardHandler))
	front := guarded(t, guard.Settings{Hosts: []string{"page.example"}, Anonymous: "operator"}, h)
	for _, c := range []struct {
		host, origin string
		status       int
	}{
		{"page.example", "http://page.example", 200},
		{"page.example", "http://evil.example", 403},
		{"evil.example", "http://evil.example", 421},
		{"page.example", "", 200},
	} {
		for _, path := range []string{"/model-register/models", "/predict/digits/v2/models/digits/infer"} {
			r, w := httptest.NewRequest("POST", path, nil), httptest.NewRecorder()
			r.Host = c.host
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			front.ServeHTTP(w, r)
			if w.Code != c.status {
				t.Errorf("%s from %q at %q: %d %s", path, c.origin, c.host, w.Code, w.Body)
			}
		}
	}
	if want := 4; len(got) != want {
		t.Errorf("%d requests came through, not %d: %v", len(got), want, got)
	}
	for _, one := range got { // an inference is never taken for a function
		if strings.HasPrefix(one, "inference-digits.ml.svc") != strings.HasSuffix(one, "/v2/models/digits/infer") {
			t.Error(one)
		}
	}
}

func guarded(t *testing.T, s guard.Settings, next http.Handler) http.Handler {
	t.Helper()
	g, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	return g.Wrap(next)
}

// The settings of a cluster name a file of the functions' own pods, which the page's
// has not: it starts all the same, and whoever brings an event is nobody to it.
func TestPageTakesNoCarriers(t *testing.T) {
	env := map[string]string{
		"KAFKAML_ANONYMOUS": "nobody", "KAFKAML_EVENTS_OIDC_ISSUER": "https://kubernetes.default.svc", "KAFKAML_EVENTS_OIDC_AUDIENCE": "events",
		"KAFKAML_EVENTS_OIDC_SUBJECTS": "system:serviceaccount:ml:*", "KAFKAML_EVENTS_OIDC_CA": "/etc/kafkaml/kafka/none",
	}
	people, err := gate(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	if a := people.Audience(); a != "" {
		t.Errorf("it takes tokens for %s", a)
	}
}
