// Package oidctest runs an OpenID Connect issuer for tests, with keys of its own:
// discovery, keys, the authorization code flow with PKCE and the device flow.
package oidctest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Issuer is one, whose users are all called ada.
type Issuer struct {
	*httptest.Server
	Roles []string // of ada

	mu        sync.Mutex
	keys      map[string]crypto.Signer // published
	fetches   int                      // of the keys
	away      bool                     // the keys cannot be had
	refreshed int
	challenge string // of the authorization that is under way
}

// New starts an issuer with a key called 1.
func New(t *testing.T) *Issuer {
	t.Helper()
	i := &Issuer{keys: map[string]crypto.Signer{"1": NewKey(t)}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"%[1]s/keys","authorization_endpoint":"%[1]s/auth","token_endpoint":"%[1]s/token","device_authorization_endpoint":"%[1]s/device","end_session_endpoint":"%[1]s/end"}`, i.URL)
	})
	mux.HandleFunc("GET /keys", i.serveKeys)
	mux.HandleFunc("GET /auth", i.authorize)
	mux.HandleFunc("POST /device", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"device_code":"d","user_code":"ABCD","verification_uri":"%s/enter","expires_in":60,"interval":1}`, i.URL)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) { i.token(t, w, r) })
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *Issuer) serveKeys(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fetches++
	if i.away {
		http.Error(w, "away", http.StatusBadGateway)
		return
	}
	var set jose.JSONWebKeySet
	for id, key := range i.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: id, Use: "sig"})
	}
	_ = json.NewEncoder(w).Encode(set)
}

// authorize logs ada in at once, and sends the browser back.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" {
		http.Error(w, "a code with PKCE is wanted", http.StatusBadRequest)
		return
	}
	i.mu.Lock()
	i.challenge = q.Get("code_challenge")
	i.mu.Unlock()
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {"c"}, "state": {q.Get("state")}}.Encode(), http.StatusSeeOther)
}

func (i *Issuer) token(t *testing.T, w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	challenge := i.challenge
	if r.FormValue("grant_type") == "refresh_token" {
		i.refreshed++
	}
	i.mu.Unlock()
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if r.FormValue("grant_type") == "authorization_code" && base64.RawURLEncoding.EncodeToString(sum[:]) != challenge {
		http.Error(w, `{"error":"invalid_grant","error_description":"the verifier is wrong"}`, http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"token_type":"Bearer","access_token":%q,"id_token":%q,"refresh_token":"r","expires_in":300}`, "opaque", i.Token(t, map[string]any{"roles": i.Roles}))
}

// Refreshed is how often a token was refreshed.
func (i *Issuer) Refreshed() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.refreshed
}

// Fetches is how often the keys were fetched.
func (i *Issuer) Fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// SetAway has the keys not to be had, or to be had again.
func (i *Issuer) SetAway(away bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.away = away
}

// NewKey is a key that nobody knows.
func NewKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Key is a published key.
func (i *Issuer) Key(id string) crypto.Signer {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[id]
}

// Rotate publishes another key in place of those before.
func (i *Issuer) Rotate(t *testing.T, id string) {
	t.Helper()
	key := NewKey(t)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = map[string]crypto.Signer{id: key}
}

// Claims are those of a good token, with changes; nil takes a member out.
func (i *Issuer) Claims(changes map[string]any) map[string]any {
	now := time.Now()
	c := map[string]any{
		"iss": i.URL, "sub": "4711", "aud": "kafkaml", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(),
		"preferred_username": "ada", "realm_access": map[string]any{"roles": []string{"offline", "ml-team"}},
	}
	maps.Copy(c, changes)
	for name, v := range c {
		if v == nil {
			delete(c, name)
		}
	}
	return c
}

// Sign makes a token of claims.
func Sign(t *testing.T, alg jose.SignatureAlgorithm, key any, id string, c map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Token is a good token, with changes.
func (i *Issuer) Token(t *testing.T, changes map[string]any) string {
	t.Helper()
	return Sign(t, jose.RS256, i.Key("1"), "1", i.Claims(changes))
}
