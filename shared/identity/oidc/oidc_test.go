package oidc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/identity/oidc/oidctest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func newVerifier(t *testing.T, i *oidctest.Issuer) *Verifier {
	t.Helper()
	v, err := New(Config{Issuer: i.URL, Audience: []string{"kafkaml", "other"}, Claim: "realm_access.roles", Roles: []string{"ml-team=editor", "ml-ops=operator", "sub:007=operator"}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// What an outsider, or somebody with an account of the issuer, may send.
func TestAttackOIDC(t *testing.T) {
	i := oidctest.New(t)
	v := newVerifier(t, i)
	now := time.Now()
	rsaKey := i.Key("1").(*rsa.PrivateKey)
	public, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	asSecret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	body, _ := json.Marshal(i.Claims(nil))
	encode := base64.RawURLEncoding.EncodeToString
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := i.Token(t, nil)
	parts := strings.Split(good, ".")
	changed, _ := json.Marshal(i.Claims(map[string]any{"realm_access": map[string]any{"roles": []string{"ml-ops"}}}))
	for name, token := range map[string]string{
		"expired":                      i.Token(t, map[string]any{"exp": now.Add(-skew - time.Minute).Unix()}),
		"never expires":                i.Token(t, map[string]any{"exp": nil}),
		"not valid yet":                i.Token(t, map[string]any{"nbf": now.Add(skew + time.Minute).Unix()}),
		"of the future":                i.Token(t, map[string]any{"iat": now.Add(skew + time.Minute).Unix()}),
		"for somebody else":            i.Token(t, map[string]any{"aud": "account"}),
		"for several others":           i.Token(t, map[string]any{"aud": []string{"account", "kafka"}, "azp": "kafkaml"}),
		"for nobody":                   i.Token(t, map[string]any{"aud": nil}),
		"of nobody":                    i.Token(t, map[string]any{"sub": nil}),
		"alg none":                     encode([]byte(`{"alg":"none"}`)) + "." + encode(body) + ".",
		"the public key as a secret":   oidctest.Sign(t, jose.HS256, asSecret, "1", i.Claims(nil)),
		"a key of its own":             oidctest.Sign(t, jose.RS256, oidctest.NewKey(t), "1", i.Claims(nil)),
		"a key of its own by its name": oidctest.Sign(t, jose.ES256, other, "mine", i.Claims(nil)),
		"other claims":                 parts[0] + "." + encode(changed) + "." + parts[2],
		"no signature":                 parts[0] + "." + parts[1] + ".",
	} {
		p, err := v.Verify(t.Context(), token)
		if pipeline.KindOf(err) != pipeline.Unauthenticated || errors.Is(err, identity.ErrUnknown) || p.ID != "" {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	for name, token := range map[string]string{
		"of another issuer": i.Token(t, map[string]any{"iss": i.URL + "/"}), "no JWT": "kafkaml_abc", "empty": "", "dots": "..",
	} {
		if p, err := v.Verify(t.Context(), token); !errors.Is(err, identity.ErrUnknown) || p.ID != "" {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if p, err := v.Verify(t.Context(), good); err != nil || p != (identity.Principal{ID: i.URL + "#4711", Name: "ada", Role: identity.Editor}) {
		t.Errorf("a good one: %+v, %v", p, err)
	}
}

// Logging in again brings another token for whom this one was: the way out is at
// the issuer or in the settings.
func TestOtherAudience(t *testing.T) {
	i := oidctest.New(t)
	for said, aud := range map[string][]string{"account": {"account"}, "account, web": {"account", "web"}, "nobody": {}} {
		_, err := newVerifier(t, i).Verify(t.Context(), i.Token(t, map[string]any{"aud": aud}))
		var e *pipeline.Error
		if !errors.As(err, &e) || e.Reason != "the token is for "+said+", not for kafkaml or other" || !strings.Contains(e.Hint, "KAFKAML_OIDC_AUDIENCE") {
			t.Error(err)
		}
	}
}

// Clocks may differ by a minute, and no more.
func TestSkew(t *testing.T) {
	i := oidctest.New(t)
	v := newVerifier(t, i)
	now := time.Now()
	for name, token := range map[string]string{
		"just expired": i.Token(t, map[string]any{"exp": now.Add(-skew / 2).Unix()}),
		"a bit early":  i.Token(t, map[string]any{"nbf": now.Add(skew / 2).Unix(), "iat": now.Add(skew / 2).Unix()}),
	} {
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRolesOfClaims(t *testing.T) {
	i := oidctest.New(t)
	v := newVerifier(t, i)
	for name, c := range map[string]struct {
		changes map[string]any
		want    identity.Role
	}{
		"none":                     {map[string]any{"realm_access": nil}, identity.Nobody},
		"not in the list":          {map[string]any{"realm_access": map[string]any{"roles": []string{"operator", "editor"}}}, identity.Nobody},
		"the highest":              {map[string]any{"realm_access": map[string]any{"roles": []string{"ml-team", "ml-ops"}}}, identity.Operator},
		"by subject":               {map[string]any{"sub": "007", "realm_access": nil}, identity.Operator},
		"one text":                 {map[string]any{"realm_access": map[string]any{"roles": "ml-team more"}}, identity.Editor},
		"a name that is a path":    {map[string]any{"realm_access.roles": []string{"ml-ops"}}, identity.Operator},
		"a value like a subject's": {map[string]any{"realm_access": map[string]any{"roles": []string{"sub:007"}}}, identity.Nobody},
		"numbers":                  {map[string]any{"realm_access": map[string]any{"roles": []any{1, nil, map[string]any{}}}}, identity.Nobody},
	} {
		p, err := v.Verify(t.Context(), i.Token(t, c.changes))
		if err != nil || p.Role != c.want {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	p, err := v.Verify(t.Context(), i.Token(t, map[string]any{"preferred_username": "\x1b[31meve\r\n", "sub": "1"}))
	if err != nil || p.Name != "[31meve" {
		t.Errorf("%q %v", p.Name, err)
	}
}

// A key that is new is fetched, one that is gone is not believed for long, and
// tokens of keys that never were do not make us ask without end.
func TestKeysRotate(t *testing.T) {
	i := oidctest.New(t)
	v := newVerifier(t, i)
	old, first := i.Token(t, nil), i.Key("1")
	verify := func(token string) error {
		_, err := v.Verify(t.Context(), token)
		return err
	}
	for range 100 {
		if err := verify(old); err != nil {
			t.Fatal(err)
		}
	}
	if i.Fetches() != 1 {
		t.Errorf("the keys were fetched %d times", i.Fetches())
	}
	i.Rotate(t, "2")
	if err := verify(oidctest.Sign(t, jose.RS256, i.Key("2"), "2", i.Claims(nil))); err != nil {
		t.Errorf("the new key: %v", err)
	}
	v.now = func() time.Time { return time.Now().Add(2 * kept) }
	gone := func(n int) string {
		return oidctest.Sign(t, jose.RS256, first, "1", i.Claims(map[string]any{"jti": fmt.Sprint(n)}))
	}
	for n := 0; n < 10_000 && verify(gone(n)) == nil; n++ { // go-oidc keeps new keys a moment after it has used them
		time.Sleep(time.Millisecond)
	}
	if err := verify(old); pipeline.KindOf(err) != pipeline.Unauthenticated {
		t.Errorf("the old key: %v", err)
	}
	stranger := oidctest.NewKey(t)
	for n := range 50 {
		if err := verify(oidctest.Sign(t, jose.RS256, stranger, fmt.Sprint(n), i.Claims(nil))); err == nil {
			t.Fatal("a stranger's key is believed")
		}
	}
	if i.Fetches() > 20 {
		t.Errorf("the keys were fetched %d times", i.Fetches())
	}
}

// An issuer that does not answer refuses nobody: the request may come again.
func TestIssuerAway(t *testing.T) {
	i := oidctest.New(t)
	v := newVerifier(t, i)
	i.SetAway(true)
	token := i.Token(t, nil)
	if _, err := v.Verify(t.Context(), token); pipeline.KindOf(err) != pipeline.Unavailable {
		t.Errorf("away: %v", err)
	}
	i.SetAway(false)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("back: %v", err)
	}
}

func TestConfig(t *testing.T) {
	for field, c := range map[string]Config{
		"KAFKAML_OIDC_ISSUER":   {Issuer: "http://login.example.com", Audience: []string{"k"}},
		"KAFKAML_OIDC_AUDIENCE": {Issuer: "https://login.example.com"},
		"KAFKAML_OIDC_ROLES":    {Issuer: "https://login.example.com", Audience: []string{"k"}, Roles: []string{"ml-team"}},
	} {
		_, err := New(c)
		var e *pipeline.Error
		if !errors.As(err, &e) || e.Field != field || e.Hint == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
}
