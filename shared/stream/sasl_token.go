package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/trust"
)

// tokenPatience bounds one request to a token endpoint.
const tokenPatience = 10 * time.Second

const opToken = "get a token for Kafka"

// check says what of s is missing for a token to be had.
func (t Token) check(s SASL) error {
	if (t.URL == "") == (t.File == "") {
		return pipeline.Invalidf(envTokenURL, "%s wants either an endpoint or a file of tokens", OAuthBearer).
			WithHint("set %s with %s and %s, or %s", envTokenURL, envUsername, envPassword, envTokenFile)
	}
	if _, err := t.extensions(); err != nil {
		return err
	}
	if t.File != "" {
		return nil
	}
	u, err := url.Parse(t.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return pipeline.Invalidf(envTokenURL, "is not an http or https URL").WithHint("such as https://login.example.com/oauth2/token")
	}
	if u.User != nil {
		return pipeline.Invalidf(envTokenURL, "holds a user name").WithHint("set %s and %s instead: a URL is shown in messages", envUsername, envPassword)
	}
	if s.Username == "" || s.Password == "" {
		return pipeline.Invalidf(envUsername, "the client's id or secret is not set").WithHint("set %s and %s, which the endpoint at %s knows", envUsername, envPassword, envTokenURL)
	}
	return nil
}

func (t Token) extensions() (map[string]string, error) {
	all := map[string]string{}
	for kv := range strings.SplitSeq(t.Extensions, ",") {
		if kv = strings.TrimSpace(kv); kv == "" {
			continue
		}
		name, value, ok := strings.Cut(kv, "=")
		if !ok || name == "" || name == "auth" || strings.ContainsAny(kv, "\x01") {
			return nil, pipeline.Invalidf(envExtensions, "%q is not name=value", kv).WithHint("such as logicalCluster=lkc-1,identityPoolId=pool-1")
		}
		all[name] = value
	}
	return all, nil
}

// bearer is OAUTHBEARER. A token is kept until it expires; connections that last
// longer than theirs are ended by the broker and made anew.
func (s SASL) bearer() (sasl.Mechanism, error) {
	extensions, err := s.Token.extensions()
	if err != nil {
		return nil, err
	}
	token := s.Token.read
	if s.Token.URL != "" {
		if token, err = s.fetchToken(); err != nil {
			return nil, err
		}
	}
	return borrowed{oauth.Oauth(func(context.Context) (oauth.Auth, error) {
		text, err := token()
		return oauth.Auth{Token: text, Extensions: extensions}, err
	})}, nil
}

// read reads the file of the token.
func (t Token) read() (string, error) {
	text, err := os.ReadFile(t.File)
	if err != nil {
		return "", &pipeline.Error{Op: opToken, Kind: pipeline.Unavailable, Field: envTokenFile, Err: err}
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsAny(token, "\x01 \r\n") {
		return "", &pipeline.Error{
			Op: opToken, Kind: pipeline.Unavailable, Field: envTokenFile, Reason: t.File + " holds no token",
			Hint: "the file holds one token, and nothing else",
		}
	}
	return token, nil
}

// fetchToken asks the endpoint for a token when there is none that is still valid.
func (s SASL) fetchToken() (func() (string, error), error) {
	roots, err := trust.Roots(envTokenCA, s.Token.CA)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: tokenPatience, Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, ForceAttemptHTTP2: true,
		IdleConnTimeout: time.Minute,
	}}
	config := clientcredentials.Config{
		ClientID: s.Username, ClientSecret: s.Password, TokenURL: s.Token.URL, Scopes: strings.Fields(s.Token.Scope),
	}
	tokens := config.TokenSource(context.WithValue(context.Background(), oauth2.HTTPClient, client))
	return func() (string, error) {
		token, err := tokens.Token()
		if err != nil {
			return "", s.Token.explain(err)
		}
		return token.AccessToken, nil
	}, nil
}

// explain says which setting an endpoint that gives no token contradicts.
func (t Token) explain(err error) error {
	e := &pipeline.Error{Op: opToken, Kind: pipeline.Unavailable, Field: envTokenURL, Err: err}
	var answer *oauth2.RetrieveError
	switch {
	case errors.As(err, &answer) && (answer.ErrorCode == "invalid_client" || answer.ErrorCode == "unauthorized_client" || answer.Response.StatusCode == http.StatusUnauthorized):
		e.Field, e.Reason = envUsername, t.URL+" does not take the client's id or secret"
		e.Hint = "see " + envUsername + " and " + envPassword
	case errors.As(err, &answer) && answer.ErrorCode == "invalid_scope":
		e.Field, e.Reason, e.Hint = envScope, t.URL+" does not give this scope", "see "+envScope
	case errors.As(err, &answer):
		e.Reason = fmt.Sprintf("%s answers %d %s", t.URL, answer.Response.StatusCode, answer.ErrorCode)
		e.Hint = "see that " + envTokenURL + " is a token endpoint of OAuth 2"
	default:
		if reason, hint := untrusted(t.URL, err, envTokenURL, envTokenCA); reason != "" {
			e.Field, e.Reason, e.Hint = envTokenCA, reason, hint
			return e
		}
		e.Hint = "see that the endpoint runs and that " + envTokenURL + " names it"
	}
	return e
}

// refusedToken is the error of a broker that takes no such token; what it says
// holds no secret.
func refusedToken(challenge []byte) error {
	const most = 300
	return &pipeline.Error{
		Op: opDial, Kind: pipeline.Unavailable, Field: envMechanism,
		Reason: fmt.Sprintf("the broker does not take the token: %.*s", most, challenge),
		Hint:   "see that the issuer, audience and scope of the token are those that the broker expects (" + envTokenURL + " or " + envTokenFile + ", " + envScope + "), and the clocks",
	}
}
