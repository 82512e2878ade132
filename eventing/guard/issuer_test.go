package guard_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/shared/identity/oidc"
	"github.com/kafkaml/kafkaml/shared/identity/oidc/oidctest"
)

// issued are tokens of an issuer: ada's, who has the role, bob's, who has none,
// ada's for somebody else, ada's that expires by itself, and, after a new key was
// made, one that it signed.
type issued struct {
	ada, bob, elsewhere, brief string
	rotated                    func() string
}

// Tokens that an issuer signs let in those alone whom it gives a role here. With
// KAFKAML_LONG=1 the issuer is a real Keycloak as well, which `make keycloak`
// fetches.
func TestAttackIssuer(t *testing.T) {
	t.Run("of the test", func(t *testing.T) {
		i := oidctest.New(t)
		roles := func(all ...string) map[string]any { return map[string]any{"roles": all} }
		holdIssuer(t, i.URL, issued{
			ada:       i.Token(t, map[string]any{"realm_access": roles("ml-team")}),
			bob:       i.Token(t, map[string]any{"realm_access": roles("offline_access"), "sub": "bob"}),
			elsewhere: i.Token(t, map[string]any{"realm_access": roles("ml-team"), "aud": "other"}),
			brief:     i.Token(t, map[string]any{"realm_access": roles("ml-team"), "exp": time.Now().Add(-time.Hour).Unix()}),
			rotated: func() string {
				i.Rotate(t, "1") // another key by the same name
				return i.Token(t, map[string]any{"realm_access": roles("ml-team"), "jti": "another"})
			},
		})
	})
	if os.Getenv("KAFKAML_LONG") == "" {
		return
	}
	t.Run("Keycloak", func(t *testing.T) {
		k := oidctest.NewKeycloak(t, map[string][]string{"ada": {"ml-team"}, "bob": {"ml-guests"}})
		holdIssuer(t, k.URL, issued{
			ada: k.Token(t, "ada", "kafkaml"), bob: k.Token(t, "bob", "kafkaml"), elsewhere: k.Token(t, "ada", "other"), brief: k.Token(t, "ada", "brief"),
			rotated: func() string {
				k.Rotate(t)
				return k.Token(t, "ada", "kafkaml")
			},
		})
	})
}

func holdIssuer(t *testing.T, issuer string, tokens issued) {
	t.Helper()
	g := open(t, guard.Settings{OIDC: oidc.Config{Issuer: issuer, Audience: []string{"kafkaml"}, Claim: "realm_access.roles", Roles: []string{"ml-team=editor"}}}, "127.0.0.1:8080")
	door := httptest.NewServer(g.Wrap(guard.ByMethod(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))))
	defer door.Close()
	post := func(token string) int {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, door.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Authorization", "Bearer "+token)
		r, err := door.Client().Do(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		return r.StatusCode
	}
	hold := func(what, token string, want int) {
		t.Helper()
		if status := post(token); status != want {
			t.Errorf("%s: %d, want %d", what, status, want)
		}
	}
	parts := strings.Split(tokens.ada, ".")
	hold("a role of realm_access.roles", tokens.ada, http.StatusTeapot)
	hold("no role here", tokens.bob, http.StatusForbidden)
	hold("for somebody else", tokens.elsewhere, http.StatusUnauthorized)
	hold("another's signature", strings.Join(parts[:2], ".")+"."+strings.Split(tokens.bob, ".")[2], http.StatusUnauthorized)
	expire(t, func() bool { return post(tokens.brief) == http.StatusUnauthorized }) // while its key is known
	newer := tokens.rotated()
	if strings.Split(newer, ".")[2] == parts[2] {
		t.Error("the token after the keys were changed is the one before")
	}
	hold("a new key", newer, http.StatusTeapot)
}

// expire waits until a token has expired, and the minute that clocks may differ by.
func expire(t *testing.T, expired func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); !expired(); {
		if time.Now().After(end) {
			t.Fatal("the token that expires after a second lets in for ever")
		}
		select {
		case <-t.Context().Done():
		case <-time.After(time.Second):
		}
	}
}
