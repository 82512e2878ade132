package guard

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/identity/oidc"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Settings say who may come in. The zero value is a machine's own: nobody logs
// in, and whoever is on the machine may do everything.
type Settings struct {
	Hosts     []string // KAFKAML_HOSTS
	Origins   []string // CORS_ORIGINS
	Forwarded bool     // KAFKAML_FORWARDED
	Anonymous string   // KAFKAML_ANONYMOUS: a role, or nobody

	Tokens     string      // KAFKAML_TOKENS: lines of static tokens
	TokensFile string      // KAFKAML_TOKENS_FILE: a file of them
	OIDC       oidc.Config // KAFKAML_OIDC_*
	Events     oidc.Config // KAFKAML_EVENTS_OIDC_*
}

// Login reports whether one can log in.
func (s Settings) Login() bool { return s.Tokens != "" || s.TokensFile != "" || s.OIDC.Issuer != "" }

// ReadSettings reads
//
//	KAFKAML_HOSTS      names of this installation, separated by commas, as a browser
//	                   has them in its address; *.example.com, or * for any. localhost,
//	                   addresses and the host of BASE_URL need not be named
//	KAFKAML_FORWARDED  true where a proxy before this process rewrites Host, and
//	                   says in X-Forwarded-Host what it was
//	KAFKAML_ANONYMOUS  what those may do who do not log in: nobody, viewer, editor
//	                   or operator. Unless given, nothing where one can log in,
//	                   everything where this process is reached from its own
//	                   machine alone
//	KAFKAML_TOKENS, KAFKAML_TOKENS_FILE
//	                   static tokens, as lines of NAME ROLE sha256-HASH
//	KAFKAML_OIDC_ISSUER, KAFKAML_OIDC_AUDIENCE, KAFKAML_OIDC_ROLES_CLAIM,
//	KAFKAML_OIDC_ROLES an OpenID Connect issuer, as oidc.Config has it
//	KAFKAML_EVENTS_OIDC_ISSUER, KAFKAML_EVENTS_OIDC_AUDIENCE,
//	KAFKAML_EVENTS_OIDC_SUBJECTS, KAFKAML_EVENTS_OIDC_CA
//	                   the issuer of the tokens that Knative's sources and triggers
//	                   send with what they bring; these give no role
//	CORS_ORIGINS       pages elsewhere that may call, separated by commas
func ReadSettings(getenv func(string) string) (Settings, error) {
	s := Settings{
		Hosts: List(getenv("KAFKAML_HOSTS")), Origins: List(getenv("CORS_ORIGINS")), Anonymous: getenv("KAFKAML_ANONYMOUS"),
		Tokens: getenv("KAFKAML_TOKENS"), TokensFile: getenv("KAFKAML_TOKENS_FILE"),
		OIDC: oidc.Config{
			Issuer: getenv("KAFKAML_OIDC_ISSUER"), Audience: List(getenv("KAFKAML_OIDC_AUDIENCE")),
			Claim: getenv("KAFKAML_OIDC_ROLES_CLAIM"), Roles: List(getenv("KAFKAML_OIDC_ROLES")),
		},
	}
	s.Events = oidc.Config{
		Issuer: getenv("KAFKAML_EVENTS_OIDC_ISSUER"), Audience: List(getenv("KAFKAML_EVENTS_OIDC_AUDIENCE")),
		Carriers: List(getenv("KAFKAML_EVENTS_OIDC_SUBJECTS")), CA: getenv("KAFKAML_EVENTS_OIDC_CA"),
	}
	if text := getenv("KAFKAML_FORWARDED"); text != "" {
		var err error
		if s.Forwarded, err = strconv.ParseBool(text); err != nil {
			return s, pipeline.Invalidf("KAFKAML_FORWARDED", "%q is neither true nor false", text)
		}
	}
	return s, nil
}

// List reads what is separated by commas.
func List(text string) []string {
	var all []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

// Open makes a guard. own are the addresses and URLs under which this process
// is reached; where one of them is not this machine's alone, it must have been
// said what those may do who do not log in.
func (s Settings) Open(own ...string) (*Guard, error) {
	g := &Guard{origins: s.Origins, forwarded: s.Forwarded}
	for _, h := range s.Hosts {
		if strings.ContainsAny(h, "/ ") || strings.LastIndex(h, "*") > 0 {
			return nil, pipeline.Invalidf("KAFKAML_HOSTS", "%q is not a host", h).WithHint("use ml.example.com, *.example.com, or * for any")
		}
		g.hosts = append(g.hosts, nameOf(h))
	}
	local := true
	for _, h := range g.hosts {
		local = local && loopback(h)
	}
	for _, o := range own {
		name := hostOf(o)
		local = local && loopback(name)
		if name != "" && !isAddress(name) {
			g.hosts = append(g.hosts, name)
		}
	}
	if err := s.trust(g); err != nil {
		return nil, err
	}
	role, err := s.role(local)
	g.anonymous = identity.Principal{ID: identity.AnonymousID, Name: identity.AnonymousID, Role: role}
	return g, err
}

// trust lets in those who can log in.
func (s Settings) trust(g *Guard) error {
	if s.Tokens != "" || s.TokensFile != "" {
		tokens, err := identity.NewTokens(s.Tokens, s.TokensFile)
		if err != nil {
			return err
		}
		g.tokens = true
		g.Trust(tokens)
	}
	if s.Events.Issuer != "" {
		if len(s.Events.Carriers) == 0 { // any pod gets tokens for any audience
			return pipeline.Invalidf("KAFKAML_EVENTS_OIDC_SUBJECTS", "is not set").
				WithHint("say whose tokens are taken: system:serviceaccount:kafkaml:*oidc-sources.knative.dev-kafkasource")
		}
		v, err := oidc.New(s.Events)
		if err != nil {
			return err
		}
		g.audience = s.Events.Audience[0]
		g.Trust(v)
	}
	if s.OIDC.Issuer != "" {
		v, err := oidc.New(s.OIDC)
		if err != nil {
			return err
		}
		g.oidc = v
		g.Trust(v)
	}
	return nil
}

// role is what those may do who do not log in.
func (s Settings) role(local bool) (identity.Role, error) {
	switch {
	case s.Anonymous == identity.Nobody.String():
		return identity.Nobody, nil
	case s.Anonymous != "":
		role, err := identity.ParseRole(s.Anonymous)
		if err != nil {
			return role, pipeline.Invalidf("KAFKAML_ANONYMOUS", "%q is not a role", s.Anonymous).WithHint("use nobody, viewer, editor or operator")
		}
		return role, nil
	case s.Login():
		return identity.Nobody, nil
	case local:
		return identity.Operator, nil
	}
	return identity.Nobody, (&pipeline.Error{
		Op: "start", Kind: pipeline.Invalid, Field: "KAFKAML_ANONYMOUS",
		Reason: "this installation is reached from other machines, and nobody has to log in",
	}).WithHint("have people log in (KAFKAML_TOKENS_FILE, or KAFKAML_OIDC_ISSUER), or say what anybody who reaches it may do: KAFKAML_ANONYMOUS=viewer, editor or operator")
}

// Anonymous is what those may do who do not log in.
func (g *Guard) Anonymous() identity.Role { return g.anonymous.Role }

// Audience is whom the tokens of Knative's sources are to be for, "" where they need
// none.
func (g *Guard) Audience() string { return g.audience }

// hostOf is the host of a URL or of an address to listen on. Where that is every
// address of the machine it is "".
func hostOf(own string) string {
	if u, err := url.Parse(own); err == nil && u.Host != "" {
		own = u.Host
	}
	name := nameOf(own)
	if ip := net.ParseIP(name); ip != nil && ip.IsUnspecified() {
		return ""
	}
	return name
}
