package door_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// Each way in asks for the role that it takes, whichever form a command has.
func TestAttackWithoutTheRole(t *testing.T) {
	r := newRig(t, door.Config{})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		role, _ := identity.ParseRole(q.Header.Get("X-Role"))
		p := identity.Principal{ID: "token:" + q.Header.Get("X-Role"), Name: "ada", Role: role}
		r.direct.ServeHTTP(w, q.WithContext(identity.With(q.Context(), p)))
	}))
	defer front.Close()
	event := map[string]string{
		"Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "/test", "Ce-Type": eventing.ModelRegister,
	}
	for i, c := range []struct {
		method, path, body string
		header             map[string]string
		needs              identity.Role
	}{
		{"GET", "/models", "", nil, identity.Viewer},
		{"GET", "/schemas", "", nil, identity.Viewer},
		{"GET", "/metrics", "", nil, identity.Viewer},
		{"GET", "/openapi.json", "", nil, identity.Viewer},
		{"GET", "/events?after=x", "", nil, identity.Viewer},
		{"GET", "/health/readiness", "", nil, identity.Nobody},
		{"GET", "/health/liveness", "", nil, identity.Nobody},
		{"POST", "/models", `{"name":"m%d","source":"s"}`, asJSON, identity.Editor},
		{"POST", "/", `{"name":"e%d","source":"s"}`, event, identity.Editor},
		{"DELETE", "/models/99", "", nil, identity.Editor},
	} {
		for role := identity.Nobody; role <= identity.Operator; role++ {
			h := map[string]string{"X-Role": role.String()}
			for k, v := range c.header {
				h[k] = v
			}
			if h["Ce-Id"] != "" {
				h["Ce-Id"] = role.String()
			}
			body := c.body
			if body != "" {
				body = fmt.Sprintf(body, 10*i+int(role))
			}
			res, answer := send(t, c.method, front.URL+"/model-register"+c.path, h, body)
			if denied := res.StatusCode == http.StatusForbidden || res.StatusCode == http.StatusUnauthorized; denied != (role < c.needs) {
				t.Errorf("%s %s as %s: %d %s", c.method, c.path, role, res.StatusCode, answer)
			}
		}
	}
}

// Where trainings run, and before whose, is an operator's to say, whichever form
// the command has.
func TestAttackPlacementByAnEditor(t *testing.T) {
	store, err := registry.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	var reached bool
	f := door.Function{
		Name: "deploy-training",
		Commands: map[string]door.Command{eventing.DeploymentCreate: func(context.Context, *door.Call) error {
			reached = true
			return pipeline.Invalidf("name", "is what the test waits for")
		}},
		Routes: []door.Route{{Pattern: "POST /deployments", Type: eventing.DeploymentCreate, Made: "/deployments"}},
	}
	served := door.New(f, door.Config{Store: store, Log: quiet()})
	n := 0
	ask := func(role identity.Role, path, resources string) (int, string) {
		n++
		q := httptest.NewRequest(http.MethodPost, path, strings.NewReader(fmt.Sprintf(`{"configuration":1,"batch_size":10,%s}`, resources)))
		q.Header.Set("Content-Type", "application/json")
		for k, v := range map[string]string{"Ce-Specversion": "1.0", "Ce-Id": fmt.Sprint(n), "Ce-Source": "/test", "Ce-Type": eventing.DeploymentCreate} {
			if path == "/" {
				q.Header.Set(k, v)
			}
		}
		w := httptest.NewRecorder()
		reached = false
		served.ServeHTTP(w, q.WithContext(identity.With(q.Context(), identity.Principal{ID: "token:ada", Name: "ada", Role: role})))
		return w.Code, w.Body.String()
	}
	for resources, field := range map[string]string{
		`"resources":{"cpu":"2"}`: "",
		`"resources":{"node_selector":{},"tolerations":[],"priority_class":""}`:       "",
		`"resources":{"node_selector":{"gpu":"a100"}}`:                                "resources.node_selector",
		`"resources":{"tolerations":[{"key":"k"}]}`:                                   "resources.tolerations",
		`"resources":{"priority_class":"high"}`:                                       "resources.priority_class",
		`"resources":{"cpu":"2"},"resources":{"priority_class":"high"}`:               "resources.priority_class",
		`"resources":{"priority_class":"high","priority_class":"high"}`:               "resources.priority_class",
		`"resources":{"node_selector":{"gpu":"a100"},"node_selector":{"gpu":"h100"}}`: "resources.node_selector",
	} {
		for _, path := range []string{"/deployments", "/"} {
			status, body := ask(identity.Editor, path, resources)
			if denied := status == http.StatusForbidden && !reached && strings.Contains(body, field) && strings.Contains(body, "operator"); denied != (field != "") {
				t.Errorf("%s of an editor, %s: %d %s", path, resources, status, body)
			}
			if status, body := ask(identity.Operator, path, resources); !reached {
				t.Errorf("%s of an operator, %s: %d %s", path, resources, status, body)
			}
		}
	}
	for _, resources := range []string{`"Resources":{"priority_class":"high"}`, `"resources":{"Priority_Class":"high"}`, `"resources":{"priority_class":"high"},"Resources":{}`} {
		if status, body := ask(identity.Editor, "/deployments", resources); reached || status < 400 {
			t.Errorf("%s: %d %s", resources, status, body)
		}
	}
}
