package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/kafkaml/kafkaml/shared/identity"
)

// logins are the ways to log in to the kafkaml of the bench. Who need not, as its
// client, is an operator.
type logins struct {
	issuer         *httptest.Server // of OpenID Connect
	settings       []string
	static, signed string // tokens
}

func newLogins() (*logins, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	l := &logins{issuer: httptest.NewServer(mux), static: identity.NewToken()}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"%[1]s/keys"}`, l.issuer.URL)
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Use: "sig"}}})
	})
	l.settings = []string{
		"KAFKAML_ANONYMOUS=" + identity.Operator.String(), "KAFKAML_TOKENS=" + identity.TokenLine("bench", identity.Editor, l.static),
		"KAFKAML_OIDC_ISSUER=" + l.issuer.URL, "KAFKAML_OIDC_AUDIENCE=kafkaml", "KAFKAML_OIDC_ROLES=bench=" + identity.Editor.String(),
	}
	l.signed, err = sign(key, map[string]any{
		"iss": l.issuer.URL, "aud": "kafkaml", "sub": "1", "exp": time.Now().Add(12 * time.Hour).Unix(), "roles": []string{"bench"},
	})
	return l, err
}

func sign(key *rsa.PrivateKey, claims map[string]any) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(body)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// predictLoggedIn compares how long a prediction by REST takes of one who logs in
// with that of one who need not: the same inference, a request at a time, in turn.
func predictLoggedIn(ctx context.Context, b *bench) (_ []finding, err error) {
	v, err := b.serve(ctx, "mnist")
	if err != nil {
		return nil, err
	}
	in, err := b.topic(ctx, "in", partitions)
	if err != nil {
		return nil, err
	}
	out, err := b.topic(ctx, "out", partitions)
	if err != nil {
		return nil, err
	}
	r, err := direct.start(ctx, b, v, in, out)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	name := fmt.Sprintf("bench-%d", b.named)
	model := fmt.Sprintf("%s/predict/%s/v2/models/%[2]s", b.url, name)
	var described struct {
		Inputs []struct{ Name string }
	}
	if text, err := call(ctx, http.MethodGet, model, "", nil); err != nil {
		return nil, err
	} else if err := json.Unmarshal(text, &described); err != nil {
		return nil, err
	}
	var values []int
	for _, pixel := range v.data.sample(0) {
		values = append(values, int(pixel))
	}
	body, err := json.Marshal(map[string]any{"inputs": []any{map[string]any{
		"name": described.Inputs[0].Name, "datatype": "UINT8", "shape": append([]int{1}, v.data.shape...), "data": values,
	}}})
	if err != nil {
		return nil, err
	}
	ways := []struct{ name, token string }{
		{"no login", ""}, {"a static token", b.logins.static}, {"a token of an OpenID Connect issuer", b.logins.signed},
	}
	took := make([][]time.Duration, len(ways))
	for range b.scaled(2000, 20) * b.runs {
		for i, w := range ways {
			t, err := times(func() error {
				_, err := call(ctx, http.MethodPost, model+"/infer", w.token, body)
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
			took[i] = append(took[i], t)
		}
	}
	var all []finding
	for i, w := range ways[1:] {
		f := finding{what: "p50 of a prediction by REST, " + w.name, against: ways[0].name, mark: 1 / 1.05, rule: "at most 5 % higher"}
		ours, theirs := median(took[i+1]), median(took[0])
		f.ours, f.theirs, f.ratio = fmt.Sprint(ours), fmt.Sprint(theirs), float64(theirs)/float64(ours)
		all = append(all, f)
	}
	return all, nil
}

func call(ctx context.Context, method, url, token string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, text)
	}
	return text, err
}
