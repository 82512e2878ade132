package functions

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/platform/local"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// The way to the replicas of this machine is guarded like every other.
func TestAttackThroughPredict(t *testing.T) {
	p, err := local.New(local.Config{Dir: t.TempDir(), Scratch: t.TempDir(), Log: slog.New(slog.DiscardHandler), BaseURL: "http://127.0.0.1/predict"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	store, err := registry.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, c := range []struct {
		name, anonymous, method, host, origin string
		status                                int
	}{
		{"as it should be", "", "POST", "127.0.0.1:8080", "", 404},
		{"the page", "", "POST", "127.0.0.1:8080", "http://127.0.0.1:8080", 404},
		{"a foreign page", "", "POST", "127.0.0.1:8080", "http://evil.example", 403},
		{"a rebound name", "", "GET", "evil.example", "", 421},
		{"a viewer predicts", "viewer", "POST", "127.0.0.1:8080", "", 401},
		{"a viewer reads", "viewer", "GET", "127.0.0.1:8080", "", 404},
		{"nobody reads", "nobody", "GET", "127.0.0.1:8080", "", 401},
	} {
		h := &Host{parts: parts{store: store}}
		h.runHere(p)
		if h.config.Guard, err = (guard.Settings{Anonymous: c.anonymous}).Open("http://127.0.0.1:8080"); err != nil {
			t.Fatal(err)
		}
		h.protect()
		r, w := httptest.NewRequest(c.method, "/predict/digits/v2/models/digits/infer", nil), httptest.NewRecorder()
		r.Host = c.host
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		h.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
}

// Where one can log in, a replica lets in what this process has let in, and
// nobody else who finds its port.
func TestAttackAReplicasPort(t *testing.T) {
	token := identity.NewToken()
	front, err := guard.Settings{Tokens: identity.TokenLine("ada", identity.Operator, identity.NewToken())}.Open("http://127.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, line := range (Config{Guard: front}).replicaEnv(token) {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
		if strings.Contains(value, token) {
			t.Errorf("a replica is told the token: %s", line)
		}
	}
	settings, err := guard.ReadSettings(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	g, err := settings.Open("127.0.0.1:40000")
	if err != nil {
		t.Fatal(err)
	}
	for bearer, want := range map[string]identity.Role{"": identity.Nobody, "Bearer " + token: identity.Editor} {
		var got identity.Role
		r := httptest.NewRequest("POST", "/v2/models/m/infer", nil)
		r.Host = "127.0.0.1:40000"
		if bearer != "" {
			r.Header.Set("Authorization", bearer)
		}
		g.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = identity.Of(r.Context()).Role })).ServeHTTP(httptest.NewRecorder(), r)
		if got != want {
			t.Errorf("%q is %s", bearer, got)
		}
	}
}
