package oidctest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kafkaml/kafkaml/shared/toolchain"
	"github.com/kafkaml/kafkaml/shared/toolchain/toolchaintest"
)

// What a Keycloak is set up with.
const (
	realm    = "ml"
	password = "a password of a test"
)

// Keycloak is a real issuer: Keycloak in its development mode, with a realm of
// people whose tokens it signs.
type Keycloak struct {
	URL   string // of the realm, the issuer
	base  string
	admin string // bearer token of its administrator
}

// NewKeycloak starts a Keycloak for the length of a test. Its realm has the roles
// of roles, by person; the client kafkaml, whose access tokens are for the
// audience kafkaml; brief, whose tokens are for it too and last for a second; and
// other, whose tokens are for nobody here.
func NewKeycloak(t *testing.T, roles map[string][]string) *Keycloak {
	t.Helper()
	from, err := toolchain.Keycloak()
	if err != nil {
		t.Fatalf("%v: run `make keycloak`", err)
	}
	home := filepath.Join(t.TempDir(), "keycloak") // it writes into its folder
	if err := os.CopyFS(home, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	k := &Keycloak{base: startKeycloak(t, home)}
	k.URL = k.base + "/realms/" + realm
	k.admin = k.token(t, "master", "admin-cli", "admin")
	k.call(t, "/admin/realms", realmOf(roles))
	return k
}

// startKeycloak gives the URL at which it serves, once it does.
func startKeycloak(t *testing.T, home string) string {
	t.Helper()
	process := exec.Command(filepath.Join(home, "bin", "kc.sh"), "start-dev", "--http-host=127.0.0.1", "--http-port=0", "--http-management-port=0", "--cache=local") //nolint:noctx // it ends with the test
	process.Env = append(os.Environ(), "KC_BOOTSTRAP_ADMIN_USERNAME=admin", "KC_BOOTSTRAP_ADMIN_PASSWORD="+password, "JAVA_OPTS_KC_HEAP=-Xms64m -Xmx512m", "JAVA_OPTS_APPEND=-XX:TieredStopAtLevel=1")
	return toolchaintest.Quarkus(t, "Keycloak", process)
}

// realmOf is a realm as Keycloak imports it.
func realmOf(roles map[string][]string) map[string]any {
	client := func(id, audience string, attributes map[string]string) map[string]any {
		c := map[string]any{"clientId": id, "publicClient": true, "directAccessGrantsEnabled": true, "attributes": attributes}
		if audience != "" {
			c["protocolMappers"] = []any{map[string]any{
				"name": "audience", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
				"config": map[string]string{"included.custom.audience": audience, "access.token.claim": "true"},
			}}
		}
		return c
	}
	var known, people []any
	for person, has := range roles {
		for _, role := range has {
			known = append(known, map[string]any{"name": role})
		}
		people = append(people, map[string]any{
			"username": person, "enabled": true, "email": person + "@example.com", "emailVerified": true, "firstName": person, "lastName": "Test",
			"realmRoles": has, "credentials": []any{map[string]any{"type": "password", "value": password}},
		})
	}
	return map[string]any{
		"realm": realm, "enabled": true, "roles": map[string]any{"realm": known}, "users": people,
		"clients": []any{
			client("kafkaml", "kafkaml", map[string]string{"oauth2.device.authorization.grant.enabled": "true"}),
			client("brief", "kafkaml", map[string]string{"access.token.lifespan": "1"}),
			client("other", "other", nil),
		},
	}
}

// Token is an access token of a person, by a client.
func (k *Keycloak) Token(t *testing.T, person, client string) string {
	t.Helper()
	return k.token(t, realm, client, person)
}

func (k *Keycloak) token(t *testing.T, realm, client, person string) string {
	t.Helper()
	r, err := http.PostForm(k.base+"/realms/"+realm+"/protocol/openid-connect/token", url.Values{ //nolint:noctx // it ends with the test
		"grant_type": {"password"}, "client_id": {client}, "username": {person}, "password": {password}, "scope": {"openid"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	var answer struct {
		Access string `json:"access_token"`
		Why    string `json:"error_description"`
	}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil || answer.Access == "" {
		t.Fatalf("no token for %s by %s: %s %v %s", person, client, r.Status, err, answer.Why)
	}
	return answer.Access
}

// Rotate has tokens signed by a key that was not there before.
func (k *Keycloak) Rotate(t *testing.T) {
	t.Helper()
	k.call(t, "/admin/realms/"+realm+"/components", map[string]any{
		"name": "newer", "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider",
		"config": map[string][]string{"priority": {"1000"}, "enabled": {"true"}, "active": {"true"}, "algorithm": {"RS256"}},
	})
}

// call makes something by the administrator's API.
func (k *Keycloak) call(t *testing.T, path string, body map[string]any) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, k.base+path, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Authorization", "Bearer "+k.admin)
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if why, _ := io.ReadAll(r.Body); r.StatusCode != http.StatusCreated {
		t.Fatalf("POST %s: %s %s", path, r.Status, why)
	}
}
