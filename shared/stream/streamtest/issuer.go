package streamtest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"
)

// Issuer is an issuer of OAuth 2: it gives tokens to the client "kafkaml", whose
// secret is Password, and shows the key that they are signed with.
type Issuer struct {
	URL    string // its token endpoint is URL/token, its keys are at URL/keys
	Issued atomic.Int64

	key    *rsa.PrivateKey
	server *httptest.Server
}

// Audience is what the issuer's tokens are for.
const Audience = "kafka"

// NewIssuer starts an issuer. Close ends it.
func NewIssuer() (*Issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	i := &Issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", i.token)
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256",
			"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	i.server = httptest.NewServer(mux)
	i.URL = i.server.URL
	return i, nil
}

// Close ends the issuer.
func (i *Issuer) Close() { i.server.Close() }

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	name, secret, _ := r.BasicAuth()
	if name != User || secret != Password {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error": "invalid_client"}`)
		return
	}
	token, err := i.Token(Audience, time.Hour)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600})
}

// Token makes a token for an audience that is valid for a time, which may be over.
func (i *Issuer) Token(audience string, valid time.Duration) (string, error) {
	i.Issued.Add(1)
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": i.URL, "aud": audience, "sub": User, "scope": "kafka", "iat": now.Add(-time.Hour).Unix(), "exp": now.Add(valid).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed := encode([]byte(`{"alg":"RS256","typ":"JWT","kid":"1"}`)) + "." + encode(claims)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	return signed + "." + encode(signature), err
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // who asked may be gone
}
