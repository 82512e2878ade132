package door_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

var asJSON = map[string]string{"Content-Type": "application/json"}

func TestREST(t *testing.T) {
	r := newRig(t, door.Config{})
	res, body := post(t, r.url("/models"), asJSON, `{"name":"m","source":"s"}`)
	if res.StatusCode != http.StatusCreated || res.Header.Get("Location") != "/model-register/models/1" || !strings.Contains(body, `"id":1`) {
		t.Fatalf("%d, Location %q: %s", res.StatusCode, res.Header.Get("Location"), body)
	}
	for _, c := range []struct {
		name, method, path, body string
		header                   map[string]string
		status                   int
		field                    string
	}{
		{"read", "GET", "/models/1", "", nil, 200, ""},
		{"read what is not there", "GET", "/models/9", "", nil, 404, ""},
		{"an id of words", "GET", "/models/x", "", nil, 422, "id"},
		{"taken", "POST", "/models", `{"name":"m","source":"s"}`, asJSON, 409, "name"},
		{"a byte order mark before it", "POST", "/models", "\ufeff" + `{"name":"m","source":"s"}`, asJSON, 409, "name"},
		{"a fault in the source", "POST", "/models", `{"name":"n","source":"?"}`, asJSON, 422, "source"},
		{"unknown member", "POST", "/models", `{"name":"n","source":"s","nmae":1}`, asJSON, 422, "nmae"},
		{"not JSON", "POST", "/models", `{"name"`, asJSON, 400, "body"},
		{"not called JSON", "POST", "/models", `{}`, map[string]string{"Content-Type": "text/plain"}, 415, "content-type"},
		{"not now", "POST", "/models/validate", `{"source":"busy"}`, asJSON, 503, ""},
		{"a fault of ours", "POST", "/models/validate", `{"source":"x"}`, asJSON, 500, ""},
		{"nothing there", "GET", "/nowhere", "", nil, 404, ""},
		{"a filter of words", "GET", "/models?configuration=x", "", nil, 422, "configuration"},
		{"an unknown filter", "GET", "/models?color=red", "", nil, 422, "color"},
		{"a limit of none", "GET", "/models?limit=0", "", nil, 422, "limit"},
		{"delete what is not there", "DELETE", "/models/9", "", nil, 404, ""},
		{"delete", "DELETE", "/models/1", "", nil, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, body := send(t, c.method, r.url(c.path), c.header, c.body)
			var p struct{ Field string }
			if res.StatusCode >= 400 {
				if err := json.Unmarshal([]byte(body), &p); err != nil || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") {
					t.Errorf("no problem details: %s", body)
				}
			}
			if res.StatusCode != c.status || p.Field != c.field {
				t.Errorf("status %d, field %q; want %d, %q: %s", res.StatusCode, p.Field, c.status, c.field, body)
			}
			if c.field == "source" && !strings.Contains(body, `"at":{"line":3,"column":7}`) {
				t.Errorf("the place is missing: %s", body)
			}
		})
	}
}

func TestIdempotencyKey(t *testing.T) {
	r := newRig(t, door.Config{})
	h := map[string]string{"Content-Type": "application/json", "Idempotency-Key": "k"}
	_, first := post(t, r.url("/models"), h, `{"name":"m","source":"s"}`)
	res, again := post(t, r.url("/models"), h, `{"name":"m","source":"s"}`)
	if res.StatusCode != http.StatusCreated || first != again {
		t.Errorf("%d: %s, then %s", res.StatusCode, first, again)
	}
}

func TestListPages(t *testing.T) {
	r := newRig(t, door.Config{})
	for i := range 5 {
		post(t, r.url("/models"), asJSON, fmt.Sprintf(`{"name":"m%d","source":"s"}`, i))
	}
	var names []string
	for path := "/models?limit=2"; path != ""; {
		_, body := send(t, "GET", r.url(path), nil, "")
		var page registry.Page[pipeline.Model]
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Items {
			names = append(names, m.Name)
		}
		if path = ""; page.Next != "" {
			path = "/models?limit=2&after=" + page.Next
		}
	}
	if got := strings.Join(names, " "); got != "m4 m3 m2 m1 m0" {
		t.Errorf("items %s", got)
	}
	if _, body := send(t, "GET", r.url("/models?q=zzz"), nil, ""); strings.TrimSpace(body) != `{"items":[]}` {
		t.Errorf("an empty list is %s", body)
	}
}

// subscribe reads a stream of facts line by line.
func subscribe(t *testing.T, url string, h map[string]string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
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
	if res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		defer res.Body.Close()
		for s := bufio.NewScanner(res.Body); s.Scan(); {
			if s.Text() != "" {
				lines <- s.Text()
			}
		}
	}()
	return lines
}

func TestFactsAreStreamedAndResumed(t *testing.T) {
	r := newRig(t, door.Config{})
	post(t, r.url("/models"), asJSON, `{"name":"before","source":"s"}`)
	live := subscribe(t, r.url("/events"), nil)
	if got := <-live; got != "id: 1" {
		t.Fatalf("the stream begins with %q", got)
	}
	err := r.store.Do(t.Context(), func(tx *registry.Tx) error {
		return tx.Emit(eventing.New(eventing.DeploymentDeleted, "/x", "1", map[string]int{"id": 1})) // another function's
	})
	if err != nil {
		t.Fatal(err)
	}
	post(t, r.url("/models"), asJSON, `{"name":"after","source":"s"}`)
	for _, want := range []string{"id: 3", "event: " + eventing.ModelRegistered, `"name":"after"`} {
		if got := <-live; !strings.Contains(got, want) {
			t.Errorf("line %q, want %q", got, want)
		}
	}
	for name, lines := range map[string]<-chan string{
		"by header": subscribe(t, r.url("/events"), map[string]string{"Last-Event-ID": "0"}),
		"by query":  subscribe(t, r.url("/events?after=0"), nil),
	} {
		t.Run(name, func(t *testing.T) {
			for _, want := range []string{"id: 0", "id: 1", "event: ", `"name":"before"`, "id: 3", "event: ", `"name":"after"`} {
				if got := <-lines; !strings.Contains(got, want) {
					t.Errorf("line %q, want %q", got, want)
				}
			}
		})
	}
	all := subscribe(t, r.url("/events?facts=all&after=1"), nil)
	for _, want := range []string{"id: 1", "id: 2", "event: " + eventing.DeploymentDeleted} {
		if got := <-all; got != want {
			t.Errorf("line %q of all facts, want %q", got, want)
		}
	}
	restored := subscribe(t, r.url("/events?after=1000"), nil)
	for _, want := range []string{"id: 1000", "event: missed", `{"after": 1000, "first": 4}`} {
		if got := <-restored; !strings.Contains(got, want) {
			t.Errorf("line %q of a position that was lost, want %q", got, want)
		}
	}
	post(t, r.url("/models"), asJSON, `{"name":"later","source":"s"}`)
	if got := <-restored; got != "id: 4" {
		t.Errorf("then follows %q", got)
	}
	if res, _ := send(t, "GET", r.url("/events?after=x"), nil, ""); res.StatusCode != 422 {
		t.Errorf("status %d for a position of words", res.StatusCode)
	}
}

// A server that shuts down does not wait for its streams.
func TestShutdownEndsStreams(t *testing.T) {
	r := newRig(t, door.Config{})
	lines := subscribe(t, r.url("/events"), nil)
	<-lines
	if err := r.Server.Config.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range lines { // ends
	}
}

func TestHealthMetricsAndSchemas(t *testing.T) {
	r := newRig(t, door.Config{})
	post(t, r.url("/models"), asJSON, `{"name":"m","source":"s"}`)
	for path, want := range map[string]string{
		"/health/liveness":                   "ALIVE",
		"/health/readiness":                  "READY",
		"/metrics":                           `kafkaml_events_seconds_count{outcome="taken",type="io.kafkaml.model.register.v1"} 1`,
		"/schemas":                           eventing.ModelRegister,
		"/schemas/" + eventing.ModelRegister: `"required"`,
	} {
		if res, body := send(t, "GET", r.url(path), nil, ""); res.StatusCode != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	if res, _ := send(t, "GET", r.url("/health/readiness"), nil, ""); res.StatusCode != 503 {
		t.Errorf("ready without a registry: %d", res.StatusCode)
	}
}
