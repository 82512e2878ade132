package door_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// Every command leaves one line, whatever came of it and however it was sent;
// a repetition leaves none, and nobody can fill the audit without a role.
func TestAudit(t *testing.T) {
	r := newRig(t, door.Config{})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		role, _ := identity.ParseRole(q.Header.Get("X-Role"))
		ctx := identity.With(q.Context(), identity.Principal{ID: "token:ada", Name: "ada", Role: role})
		r.direct.ServeHTTP(w, q.WithContext(identity.WithOrigin(ctx, "192.0.2.1")))
	}))
	defer front.Close()
	as := func(role string, more ...string) map[string]string {
		h := map[string]string{"X-Role": role, "Content-Type": "application/json"}
		for i := 0; i < len(more); i += 2 {
			h[more[i]] = more[i+1]
		}
		return h
	}
	at := front.URL + "/model-register"
	post(t, at+"/models", as("editor", "Idempotency-Key", "k"), `{"name":"m","source":"s"}`)
	post(t, at+"/models", as("editor", "Idempotency-Key", "k"), `{"name":"m","source":"s"}`)
	post(t, at+"/models", as("editor", "Idempotency-Key", "k"), `{"name":"other","source":"s"}`)
	post(t, at+"/models", as("operator"), `{"name":"m","source":"s"}`)
	post(t, at+"/models", as("viewer"), `{"name":"v","source":"s"}`)
	post(t, at+"/models", as("editor"), `{"nmae":1}`)
	post(t, at+"/models", as("none"), `{"name":"n","source":"s"}`)
	post(t, at+"/", as("editor", "Ce-Specversion", "1.0", "Ce-Id", "1", "Ce-Source", "/test", "Ce-Type", eventing.ModelDelete, "Ce-Subject", "1"), `{}`)
	post(t, at+"/models", as("editor"), `{"name":"private","source":"s"}`)
	page, err := registry.Read(t.Context(), r.store, func(tx *registry.Tx) (registry.Page[registry.Audit], error) { return tx.Audits(registry.Query{}) })
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range page.Items {
		got = append(got, strings.Join([]string{a.Role, a.Command, a.Subject, a.Outcome}, " "))
		if a.Principal != "token:ada" || a.Name != "ada" || a.From != "192.0.2.1" || a.Time.IsZero() || (a.Outcome != "taken") != (a.Reason != "") {
			t.Errorf("%+v", a)
		}
	}
	want := []string{
		"editor " + eventing.ModelRegister + "  denied", // for what its data name
		"editor " + eventing.ModelDelete + " 1 taken", "editor " + eventing.ModelRegister + "  off-schema", "viewer " + eventing.ModelRegister + "  denied",
		"operator " + eventing.ModelRegister + "  rejected", "editor " + eventing.ModelRegister + "  rejected", "editor " + eventing.ModelRegister + " 1 taken",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the audit:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if res, _ := send(t, "GET", at+"/audit", as("editor"), ""); res.StatusCode != http.StatusForbidden {
		t.Errorf("an editor reads it: %d", res.StatusCode)
	}
	if res, body := send(t, "GET", at+"/audit?status=denied&limit=5", as("operator"), ""); res.StatusCode != http.StatusOK || strings.Count(body, `"seq"`) != 2 {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}
