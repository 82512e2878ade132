package guard_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// open makes a guard that must be.
func open(t *testing.T, s guard.Settings, own ...string) *guard.Guard {
	t.Helper()
	g, err := s.Open(own...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// ask sends a request past g and gives the status and the principal that came
// through.
func ask(t *testing.T, g *guard.Guard, method, host string, header map[string]string) (*httptest.ResponseRecorder, identity.Principal) {
	t.Helper()
	r, w := httptest.NewRequest(method, "/", nil), httptest.NewRecorder()
	r.Host = host
	for k, v := range header {
		r.Header.Add(k, v)
	}
	var p identity.Principal
	g.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { p = identity.Of(r.Context()) })).ServeHTTP(w, r)
	return w, p
}

// A page of evil.example whose name was made to point here sends requests of
// its own origin: only the Host tells.
func TestAttackRebinding(t *testing.T) {
	g := open(t, guard.Settings{Hosts: []string{"ml.example.com", "*.team.example"}, Anonymous: "operator"}, "http://kafkaml.lan:8080")
	for host, ok := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST.:8080": true, "127.0.0.1:8080": true, "[::1]:8080": true, "[::1]": true, "10.1.2.3": true, "": true,
		"kafkaml.lan": true, "kafkaml.lan:8080": true, "ml.example.com": true, "ML.example.com:443": true, "a.team.example": true, "b.a.team.example:1": true,
		"evil.example": false, "evil.example:8080": false, "team.example": false, "ml.example.com.evil.example": false, "evilteam.example": false,
		"localhost.evil.example": false, "127.0.0.1.evil.example": false, "evil.localhost.example": false, "[::1": true, "127.1": false, "2130706433": false,
	} {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			w, _ := ask(t, g, method, host, map[string]string{"Origin": "http://" + host, "Sec-Fetch-Site": "same-origin"})
			if (w.Code != http.StatusMisdirectedRequest) != ok {
				t.Errorf("%s for %q: %d", method, host, w.Code)
			}
			if !ok && !strings.Contains(w.Body.String(), "KAFKAML_HOSTS") {
				t.Errorf("the way out is not said: %s", w.Body)
			}
		}
	}
}

// Behind a proxy that rewrites Host, the name that the browser has is in
// X-Forwarded-Host: believed only where that was said, and held against the list.
func TestAttackForwardedHost(t *testing.T) {
	names := []string{"ml.example.com"}
	forwarded := open(t, guard.Settings{Hosts: names, Forwarded: true, Anonymous: "operator"})
	plain := open(t, guard.Settings{Hosts: names, Anonymous: "operator"})
	for _, c := range []struct {
		name      string
		guard     *guard.Guard
		host      string
		forwarded string
		origin    string
		status    int
	}{
		{"the page behind a proxy", forwarded, "127.0.0.1:8080", "ml.example.com", "http://ml.example.com", 200},
		{"another page behind it", forwarded, "127.0.0.1:8080", "ml.example.com", "http://evil.example", 403},
		{"a foreign name behind it", forwarded, "127.0.0.1:8080", "evil.example", "http://evil.example", 421},
		{"a name that a client put before the proxy's", forwarded, "127.0.0.1:8080", "evil.example, ml.example.com", "http://evil.example", 403},
		{"a rebound page that sends the header itself", forwarded, "evil.example:8080", "ml.example.com", "http://evil.example:8080", 421},
		{"the header without the setting", plain, "127.0.0.1:8080", "evil.example", "http://evil.example", 403},
		{"no header", forwarded, "ml.example.com", "", "https://ml.example.com", 200},
	} {
		h := map[string]string{"Origin": c.origin}
		if c.forwarded != "" {
			h["X-Forwarded-Host"] = c.forwarded
		}
		if w, _ := ask(t, c.guard, "POST", c.host, h); w.Code != c.status {
			t.Errorf("%s: %d, want %d: %s", c.name, w.Code, c.status, w.Body)
		}
	}
}

// Requests that change something come from our own page, from those of
// CORS_ORIGINS, or from no browser.
func TestAttackForeignPage(t *testing.T) {
	g := open(t, guard.Settings{Origins: []string{"http://ui.example"}, Hosts: []string{"*"}, Anonymous: "operator"})
	for _, c := range []struct {
		name   string
		header map[string]string
		ok     bool
	}{
		{"no browser", nil, true},
		{"our page", map[string]string{"Origin": "http://ml.example:8080", "Sec-Fetch-Site": "same-origin"}, true},
		{"our page over plain HTTP", map[string]string{"Origin": "http://ml.example:8080"}, true},
		{"a page of the list", map[string]string{"Origin": "http://ui.example", "Sec-Fetch-Site": "cross-site"}, true},
		{"a foreign page", map[string]string{"Origin": "http://evil.example"}, false},
		{"another port of this host", map[string]string{"Origin": "http://ml.example:3000", "Sec-Fetch-Site": "same-site"}, false},
		{"another port over plain HTTP", map[string]string{"Origin": "http://ml.example:3000"}, false},
		{"a sandboxed frame", map[string]string{"Origin": "null"}, false},
		{"a form of a foreign page", map[string]string{"Origin": "null", "Sec-Fetch-Site": "cross-site"}, false},
		{"no origin, by fetch metadata", map[string]string{"Sec-Fetch-Site": "cross-site"}, false},
		{"an origin that is none", map[string]string{"Origin": "::"}, false},
	} {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
			if w, _ := ask(t, g, method, "ml.example:8080", c.header); (w.Code == 200) != c.ok {
				t.Errorf("%s, %s: %d %s", c.name, method, w.Code, w.Body)
			}
		}
		if w, _ := ask(t, g, "GET", "ml.example:8080", c.header); w.Code != 200 {
			t.Errorf("%s reads: %d", c.name, w.Code)
		}
	}
}

// Nobody has to log in where only this machine reaches the process; elsewhere it
// must have been said what anybody may do.
func TestAnonymous(t *testing.T) {
	for _, c := range []struct {
		name     string
		settings guard.Settings
		own      []string
		role     identity.Role
		refused  bool
	}{
		{"this machine", guard.Settings{}, []string{"127.0.0.1:8080", "http://localhost:8080"}, identity.Operator, false},
		{"IPv6", guard.Settings{}, []string{"[::1]:0"}, identity.Operator, false},
		{"all addresses", guard.Settings{}, []string{"0.0.0.0:8080"}, 0, true},
		{"all addresses of IPv6", guard.Settings{}, []string{"[::]:8080"}, 0, true},
		{"all addresses by a port", guard.Settings{}, []string{":8080"}, 0, true},
		{"an address", guard.Settings{}, []string{"192.168.1.2:8080"}, 0, true},
		{"a URL that others know", guard.Settings{}, []string{"127.0.0.1:8080", "https://ml.example.com"}, 0, true},
		{"a name that others know", guard.Settings{Hosts: []string{"ml.example.com"}}, []string{"127.0.0.1:8080"}, 0, true},
		{"any name", guard.Settings{Hosts: []string{"*"}}, []string{"127.0.0.1:8080"}, 0, true},
		{"told", guard.Settings{Anonymous: "viewer"}, []string{"0.0.0.0:8080"}, identity.Viewer, false},
		{"told on this machine", guard.Settings{Anonymous: "nobody"}, []string{"127.0.0.1:8080"}, identity.Nobody, false},
		{"told what is no role", guard.Settings{Anonymous: "root"}, []string{"127.0.0.1:8080"}, 0, true},
		{"told a host that is none", guard.Settings{Hosts: []string{"http://x/"}}, []string{"127.0.0.1:8080"}, 0, true},
	} {
		g, err := c.settings.Open(c.own...)
		if (err != nil) != c.refused || err == nil && g.Anonymous() != c.role {
			t.Errorf("%s: %v, %+v", c.name, err, g)
		}
		if e, ok := err.(*pipeline.Error); c.refused && (!ok || e.Hint == "" || e.Field == "") { //nolint:errorlint // it is not wrapped
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// Whom the role does not allow is told what it takes.
func TestNeed(t *testing.T) {
	served := guard.ByMethod(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for _, c := range []struct {
		who    identity.Principal
		method string
		status int
	}{
		{identity.Principal{ID: "token:v", Name: "v", Role: identity.Viewer}, "GET", http.StatusTeapot},
		{identity.Principal{ID: "token:v", Name: "v", Role: identity.Viewer}, "POST", http.StatusForbidden},
		{identity.Principal{ID: "token:e", Name: "e", Role: identity.Editor}, "POST", http.StatusTeapot},
		{identity.Principal{}, "GET", http.StatusUnauthorized},
	} {
		r, w := httptest.NewRequest(c.method, "/", nil), httptest.NewRecorder()
		served.ServeHTTP(w, r.WithContext(identity.With(r.Context(), c.who)))
		if w.Code != c.status || (w.Header().Get("WWW-Authenticate") != "") != (c.status == http.StatusUnauthorized) {
			t.Errorf("%s of %q: %d %v", c.method, c.who.ID, w.Code, w.Header())
		}
		var p struct{ Hint string }
		if w.Code != http.StatusTeapot && (json.Unmarshal(w.Body.Bytes(), &p) != nil || p.Hint == "") {
			t.Errorf("no hint: %s", w.Body)
		}
	}
}

// knows one token.
type knows struct{ token, as string }

func (k knows) Verify(_ context.Context, bearer string) (identity.Principal, error) {
	if bearer != k.token {
		return identity.Principal{}, identity.ErrUnknown
	}
	return identity.Principal{ID: k.as, Name: k.as}, nil
}

// A token that nobody knows lets nobody in, not even as those who send none.
func TestBearer(t *testing.T) {
	g := open(t, guard.Settings{Anonymous: "viewer"}, "127.0.0.1:8080")
	g.Trust(knows{"one", "job:1/1"})
	g.Trust(knows{"two", "trigger:x"})
	for header, want := range map[string]string{
		"": identity.AnonymousID, "Bearer one": "job:1/1", "bearer  two ": "trigger:x", "Basic dTpw": identity.AnonymousID,
		"Bearer three": "", "Bearer ": "", "Bearer": "", "Bearer one two": "",
	} {
		h := map[string]string{}
		if header != "" {
			h["Authorization"] = header
		}
		w, p := ask(t, g, "GET", "127.0.0.1:8080", h)
		if p.ID != want || (w.Code == http.StatusUnauthorized) != (want == "") {
			t.Errorf("%q: %d %+v", header, w.Code, p)
		}
	}
}
