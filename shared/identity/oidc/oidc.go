// Package oidc knows the bearer tokens of an OpenID Connect issuer: ID tokens,
// and access tokens that are JWTs.
package oidc

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/trust"
)

// Config says whose tokens are believed, and what they allow. There is no issuer
// where Issuer is empty.
type Config struct {
	Issuer   string   // KAFKAML_OIDC_ISSUER: its URL, as tokens have it in iss
	Audience []string // KAFKAML_OIDC_AUDIENCE: whom tokens are for; the first is the client id of page and command line
	Claim    string   // KAFKAML_OIDC_ROLES_CLAIM: where the roles are, a name or names separated by dots
	Roles    []string // KAFKAML_OIDC_ROLES: VALUE=ROLE, or sub:SUBJECT=ROLE; without any, values are roles

	// Carriers are the subjects, with * for any text, of tokens that show who brings
	// an event and give no role: those of Knative's sources. Nobody else's tokens are
	// taken then.
	Carriers []string // KAFKAML_EVENTS_OIDC_SUBJECTS
	CA       string   // KAFKAML_EVENTS_OIDC_CA: file of the issuer's authority, where it is not a public one
}

// variable names a setting.
func (c Config) variable(name string) string {
	if len(c.Carriers) > 0 {
		return "KAFKAML_EVENTS_OIDC_" + name
	}
	return "KAFKAML_OIDC_" + name
}

const (
	// skew is how far the clocks of issuer and installation may differ.
	skew = time.Minute
	// kept is how long a token that was verified is believed without looking at
	// the issuer's keys again.
	kept = time.Minute
	// mostKept bounds how many are.
	mostKept = 10_000
	// patience bounds one request to the issuer.
	patience = 10 * time.Second
)

// asymmetric are the algorithms whose keys the issuer publishes: with any other,
// whoever can verify a token could make one.
var asymmetric = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// Verifier is the identity.Verifier of an issuer's tokens.
type Verifier struct {
	config Config
	roles  map[string]identity.Role // by value of the claim, or "sub:" and the subject
	client *http.Client
	now    func() time.Time

	opening  singleflight.Group
	mu       sync.Mutex
	provider *gooidc.Provider // nil until the issuer has answered
	checks   *gooidc.IDTokenVerifier
	known    map[[32]byte]known
}

// New makes a verifier. The issuer is asked when it is first needed.
func New(c Config) (*Verifier, error) {
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return nil, pipeline.Invalidf(c.variable("ISSUER"), "%q is not the URL of an issuer", c.Issuer).WithHint("it begins with https://, on this machine http:// will do")
	}
	if len(c.Audience) == 0 {
		return nil, pipeline.Invalidf(c.variable("AUDIENCE"), "is not set").WithHint("name the client that the issuer knows kafkaml by")
	}
	if c.Claim == "" {
		c.Claim = "roles"
	}
	transport, err := trust.Transport("read the authority of the issuer", c.variable("CA"), c.CA)
	if err != nil {
		return nil, err
	}
	v := &Verifier{
		config: c, roles: map[string]identity.Role{}, now: time.Now, known: map[[32]byte]known{},
		client: &http.Client{Timeout: patience, Transport: paced{transport, rate.NewLimiter(rate.Every(5*time.Second), 6)}},
	}
	for role := identity.Viewer; len(c.Roles) == 0 && role <= identity.Operator; role++ {
		v.roles[role.String()] = role
	}
	for _, one := range c.Roles {
		i := strings.LastIndex(one, "=")
		role, err := identity.ParseRole(one[i+1:])
		if i < 1 || err != nil {
			return nil, pipeline.Invalidf("KAFKAML_OIDC_ROLES", "%q gives no role", one).WithHint("write VALUE=ROLE, separated by commas: ml-team=editor,sub:4711=operator")
		}
		v.roles[one[:i]] = max(role, v.roles[one[:i]])
	}
	return v, nil
}

func isLoopback(host string) bool {
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
}

// paced asks an issuer only so often: whoever sends tokens of keys that there
// are not makes us look for them.
type paced struct {
	over  http.RoundTripper
	limit *rate.Limiter
}

// RoundTrip implements http.RoundTripper.
func (p paced) RoundTrip(r *http.Request) (*http.Response, error) {
	if !p.limit.Allow() {
		return nil, fmt.Errorf("%s was asked too often", r.URL.Host)
	}
	return p.over.RoundTrip(r)
}

// Verify implements identity.Verifier.
func (v *Verifier) Verify(ctx context.Context, bearer string) (identity.Principal, error) {
	if issuerOf(bearer) != v.config.Issuer || len(v.config.Carriers) > 0 && !v.isFor(audienceOf(bearer)) {
		return identity.Principal{}, identity.ErrUnknown // one issuer may know people and carriers
	}
	if p, ok := v.remembered(bearer); ok {
		return p, nil
	}
	checks, err := v.open(ctx)
	if err != nil {
		return identity.Principal{}, err
	}
	var fetched error
	token, err := checks.Verify(context.WithValue(ctx, fetchKey{}, &fetched), bearer)
	if fetched != nil {
		return identity.Principal{}, v.away(fetched)
	}
	if err != nil {
		return identity.Principal{}, refused(strings.TrimPrefix(err.Error(), "oidc: "))
	}
	c, err := v.check(token)
	if err != nil {
		return identity.Principal{}, err
	}
	if len(v.config.Carriers) > 0 && !v.carries(token.Subject) {
		return identity.Principal{}, refused(fmt.Sprintf("%q may not bring events: none of %q", token.Subject, v.config.Carriers))
	}
	p := v.principal(token.Subject, c)
	v.remember(bearer, p, token.Expiry)
	return p, nil
}

// isFor reports whether a token of an audience is for this installation.
func (v *Verifier) isFor(audience []string) bool {
	return slices.ContainsFunc(v.config.Audience, func(a string) bool { return slices.Contains(audience, a) })
}

// carries reports whether a subject may bring events.
func (v *Verifier) carries(subject string) bool {
	return slices.ContainsFunc(v.config.Carriers, func(pattern string) bool {
		ok, err := path.Match(pattern, subject)
		return ok && err == nil
	})
}

// check holds a token that the issuer has signed against whom it is for and
// when.
func (v *Verifier) check(token *gooidc.IDToken) (claims, error) {
	var c claims
	if err := token.Claims(&c); err != nil {
		return nil, refused("its claims cannot be read")
	}
	now := v.now()
	notBefore, issued := c.time("nbf"), c.time("iat")
	switch {
	case !v.isFor(token.Audience):
		return nil, &pipeline.Error{
			Op: "log in", Kind: pipeline.Unauthenticated,
			Reason: fmt.Sprintf("the token is for %s, not for %s", cmp.Or(strings.Join(token.Audience, ", "), "nobody"), strings.Join(v.config.Audience, " or ")),
			Hint:   "have the issuer make tokens for " + v.config.Audience[0] + " (in Keycloak by an audience mapper of the client), or name theirs in " + v.config.variable("AUDIENCE"),
		}
	case token.Expiry.Unix() <= 0:
		return nil, refused("the token does not say when it expires")
	case now.After(token.Expiry.Add(skew)):
		return nil, refused("the token has expired")
	case now.Before(notBefore.Add(-skew)), now.Before(issued.Add(-skew)):
		return nil, refused("the token is not valid yet")
	case token.Subject == "":
		return nil, refused("the token names nobody")
	}
	return c, nil
}

func refused(reason string) error {
	return &pipeline.Error{Op: "log in", Kind: pipeline.Unauthenticated, Reason: reason, Hint: "log in again with `kafkaml login`"}
}

func (v *Verifier) away(err error) error {
	return &pipeline.Error{Op: "ask the issuer", Kind: pipeline.Unavailable, Field: v.config.variable("ISSUER"), Reason: v.config.Issuer + " does not answer: " + err.Error(), Err: err}
}

// open asks the issuer for its endpoints, once. Who is known already does not wait
// for it.
func (v *Verifier) open(ctx context.Context) (*gooidc.IDTokenVerifier, error) {
	v.mu.Lock()
	checks := v.checks
	v.mu.Unlock()
	if checks != nil {
		return checks, nil
	}
	select {
	case opened := <-v.opening.DoChan("", v.ask):
		checks, _ = opened.Val.(*gooidc.IDTokenVerifier)
		return checks, opened.Err
	case <-ctx.Done():
		return nil, v.away(ctx.Err())
	}
}

// ask asks the issuer and gives an *oidc.IDTokenVerifier.
func (v *Verifier) ask() (any, error) {
	// Its keys are fetched later, in a context that outlives a request.
	ctx := gooidc.ClientContext(context.Background(), v.client)
	p, err := gooidc.NewProvider(ctx, v.config.Issuer)
	if err != nil {
		return nil, v.away(err)
	}
	var where struct {
		Keys string `json:"jwks_uri"`
	}
	if err := p.Claims(&where); err != nil {
		return nil, v.away(err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.checks != nil { // by who came a moment before
		return v.checks, nil
	}
	v.provider = p
	v.checks = gooidc.NewVerifier(v.config.Issuer, keys{gooidc.NewRemoteKeySet(ctx, where.Keys)}, &gooidc.Config{
		SkipClientIDCheck: true, SkipExpiryCheck: true, SupportedSigningAlgs: asymmetric, // check does both
	})
	return v.checks, nil
}

// keys tells a key set that cannot be had from a signature that is wrong.
type keys struct{ remote gooidc.KeySet }

type fetchKey struct{}

// VerifySignature implements oidc.KeySet.
func (k keys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.remote.VerifySignature(ctx, jwt)
	if err != nil && strings.HasPrefix(err.Error(), "fetching keys") {
		if to, ok := ctx.Value(fetchKey{}).(*error); ok {
			*to = err
		}
	}
	return payload, err
}

// issuerOf is what a JWT claims to be of, "" for anything else.
func issuerOf(bearer string) string {
	parts := strings.Split(bearer, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var c struct {
		Issuer string `json:"iss"`
	}
	if err != nil || json.Unmarshal(payload, &c) != nil {
		return ""
	}
	return c.Issuer
}

// Login is what a client needs to log in at the issuer.
type Login struct {
	Issuer        string   `json:"issuer"`
	ClientID      string   `json:"client_id"`
	Audience      []string `json:"audience" description:"one of them is in a token that is taken here"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Device        string   `json:"device_authorization_endpoint,omitempty"`
	EndSession    string   `json:"end_session_endpoint,omitempty"`
}

// Login asks the issuer where people log in.
func (v *Verifier) Login(ctx context.Context) (*Login, error) {
	if _, err := v.open(ctx); err != nil {
		return nil, err
	}
	l := Login{ClientID: v.config.Audience[0], Audience: v.config.Audience}
	if err := v.provider.Claims(&l); err != nil {
		return nil, v.away(err)
	}
	l.Issuer = v.config.Issuer
	return &l, nil
}

// Endpoint is where a client of this installation logs in, for the library.
func (l Login) Endpoint() oauth2.Endpoint {
	return oauth2.Endpoint{AuthURL: l.Authorization, TokenURL: l.Token, DeviceAuthURL: l.Device, AuthStyle: oauth2.AuthStyleInParams}
}

// Bearer is the one of an issuer's tokens that is for this installation: the
// access token, where it is a JWT that says so, else the ID token, whose audience
// is the client.
func (l Login) Bearer(access, id string) string {
	if issuerOf(access) == l.Issuer {
		for _, a := range audienceOf(access) {
			if slices.Contains(l.Audience, a) {
				return access
			}
		}
	}
	if id == "" {
		return access
	}
	return id
}

// audienceOf is the aud of a JWT, a text or a list.
func audienceOf(jwt string) []string {
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(jwt, ".")[1])
	var c claims
	if err != nil || json.Unmarshal(payload, &c) != nil {
		return nil
	}
	return c.values("aud")
}
