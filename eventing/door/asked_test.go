package door_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/identity"
)

// signedIn serves r to those whom the header X-Who names.
func signedIn(t *testing.T, r *rig) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		who := identity.Principal{ID: q.Header.Get("X-Who"), Role: identity.Editor}
		r.Server.Config.Handler.ServeHTTP(w, q.WithContext(identity.With(q.Context(), who)))
	}))
	t.Cleanup(server.Close)
	return server.URL + "/model-register"
}

// A key belongs to who sent it and to what was asked with it.
func TestAttackIdempotency(t *testing.T) {
	const model = `{"name":"m","source":"s"}`
	for _, c := range []struct {
		name        string
		first, then string // who
		body        string // of the second request, after model
		path        string
		status      int
		says        string
	}{
		{"the same request", "alice", "alice", model, "/models", 201, `"id":1`},
		{"the same in another order", "alice", "alice", ` {"source": "s", "name":"m"}`, "/models", 201, `"id":1`},
		{"Bob's key 1 is not Alice's", "alice", "bob", `{"name":"of bob","source":"s"}`, "/models", 201, `"id":2`},
		{"Bob's own refusal", "alice", "bob", model, "/models", 409, `already named`},
		{"another body", "alice", "alice", `{"name":"n","source":"s"}`, "/models", 409, `"field":"id"`},
		{"a body that is refused", "alice", "alice", `{"name":"n","source":"?"}`, "/models", 409, `"field":"id"`},
		{"a body that is off the schema", "alice", "alice", `{"source":3}`, "/models", 409, `"field":"id"`},
		{"another route", "alice", "alice", `{"source":"none"}`, "/models/validate", 204, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := signedIn(t, newRig(t, door.Config{}))
			h := map[string]string{"Content-Type": "application/json", "Idempotency-Key": "1", "X-Who": c.first}
			if res, body := post(t, url+"/models", h, model); res.StatusCode != http.StatusCreated {
				t.Fatalf("%d: %s", res.StatusCode, body)
			}
			h["X-Who"] = c.then
			if res, body := post(t, url+c.path, h, c.body); res.StatusCode != c.status || !strings.Contains(body, c.says) {
				t.Errorf("%d: %s; want %d with %s", res.StatusCode, body, c.status, c.says)
			}
		})
	}
}

// The same on the event door, whose answer is an event.
func TestAttackIdempotencyOfEvents(t *testing.T) {
	const register = eventing.ModelRegister
	for _, c := range []struct {
		name, typ, source, subject, body, who string
		status                                int
		answer, says                          string
	}{
		{"the same event", register, "/a", "", `{"name":"m","source":"s"}`, "alice", 200, eventing.ModelRegistered, `"id":1`},
		{"another body", register, "/a", "", `{"name":"n","source":"s"}`, "alice", 200, eventing.ModelRejected, "another command was sent under this id"},
		{"another type", eventing.ModelDelete, "/a", "1", `{}`, "alice", 200, eventing.ModelRejected, "another command was sent under this id"},
		{"of another", register, "/a", "", `{"name":"n","source":"s"}`, "bob", 200, eventing.ModelRegistered, `"id":2`},
		{"for the key of a request", register, "/kafkaml/model-register/rest", "", `{"name":"n","source":"s"}`, "alice", 400, "", `"field":"source"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := signedIn(t, newRig(t, door.Config{}))
			send := func(typ, source, subject, body, who string) (*http.Response, string) {
				h := map[string]string{
					"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": source, "Ce-Type": typ, "Content-Type": "application/json", "X-Who": who,
				}
				if subject != "" {
					h["Ce-Subject"] = subject
				}
				return post(t, url+"/", h, body)
			}
			if res, body := send(register, "/a", "", `{"name":"m","source":"s"}`, "alice"); res.StatusCode != http.StatusOK {
				t.Fatalf("%d: %s", res.StatusCode, body)
			}
			res, body := send(c.typ, c.source, c.subject, c.body, c.who)
			if got := res.Header.Get("Ce-Type"); res.StatusCode != c.status || got != c.answer || !strings.Contains(body, c.says) {
				t.Errorf("%d, %s: %s; want %d, %s with %s", res.StatusCode, got, body, c.status, c.answer, c.says)
			}
		})
	}
}
