package door_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/identity"
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
