// Package guard stands before every door, the page and the predict functions.
// It lets in only what is meant for this installation (Host), refuses commands
// of foreign pages (Origin), and finds out who asks: the doors behind it find
// the principal in the context and know what its role may do.
package guard

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/identity/oidc"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Guard is safe for concurrent use.
type Guard struct {
	hosts     []string // allowed beside addresses and localhost: names, *.suffix, *
	origins   []string // of pages elsewhere that may call; "*" is any
	forwarded bool     // X-Forwarded-Host is the word of a proxy before this process
	anonymous identity.Principal
	tokens    bool           // static ones are taken
	oidc      *oidc.Verifier // nil where there is no issuer
	audience  string         // of what Knative's sources bring; "" where they need no token
	mu        sync.RWMutex
	verifiers identity.Chain // of bearer tokens
}

// Trust lets in those whose tokens v knows, too.
func (g *Guard) Trust(v identity.Verifier) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.verifiers = append(slices.Clip(g.verifiers), v)
}

func (g *Guard) chain() identity.Chain {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.verifiers
}

// Wrap lets next have the requests that are meant for it, with the principal
// who asks in their context.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, err := g.host(r)
		if err != nil {
			api.WriteProblem(w, http.StatusMisdirectedRequest, err)
			return
		}
		allowOrigins(g.origins, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if changes(r) && !listed(g.origins, r) && foreign(r, host) {
				api.WriteProblem(w, http.StatusForbidden, &pipeline.Error{
					Op: "receive request", Kind: pipeline.Forbidden, Field: "Origin",
					Reason: fmt.Sprintf("a page of %q may not send this here", r.Header.Get("Origin")),
					Hint:   "set CORS_ORIGINS to the page's origin, or, behind a proxy that rewrites Host, KAFKAML_FORWARDED=true",
				})
				return
			}
			p, err := g.principal(r)
			if err != nil {
				refuse(w, err)
				return
			}
			next.ServeHTTP(w, r.WithContext(identity.WithOrigin(identity.With(r.Context(), p), origin(r))))
		})).ServeHTTP(w, r)
	})
}

// origin is the address that sent r, with those that it says it came by, which
// anybody can write.
func origin(r *http.Request) string {
	from, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		from = r.RemoteAddr
	}
	if by := strings.Join(r.Header.Values("X-Forwarded-For"), ", "); by != "" {
		from += fmt.Sprintf(" (X-Forwarded-For: %.200q)", by)
	}
	return from
}

// changes reports whether r may change something.
func changes(r *http.Request) bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// host is the host that r is for, as whoever sent it named it. A name that is
// not this installation's is refused: a page of a foreign site may have its own
// name point here (DNS rebinding), and its requests are then of the same origin
// to the browser. An address cannot be made to point elsewhere.
func (g *Guard) host(r *http.Request) (string, error) {
	host := r.Host
	if !g.known(host) {
		return "", unknownHost("Host", host)
	}
	if list := r.Header.Values("X-Forwarded-Host"); g.forwarded && len(list) > 0 {
		all := strings.Split(list[len(list)-1], ",") // the last is the nearest proxy's word
		host = strings.TrimSpace(all[len(all)-1])
		if !g.known(host) {
			return "", unknownHost("X-Forwarded-Host", host)
		}
	}
	return host, nil
}

func unknownHost(field, host string) error {
	name := nameOf(host)
	return (&pipeline.Error{
		Op: "receive request", Kind: pipeline.Forbidden, Field: field, Reason: fmt.Sprintf("%q is not a name of this installation", name),
	}).WithHint("where it is one, set KAFKAML_HOSTS=%s; it takes several, separated by commas, and *.example.com", name)
}

func (g *Guard) known(host string) bool {
	name := nameOf(host)
	if name == "" || loopback(name) || isAddress(name) {
		return true
	}
	for _, h := range g.hosts {
		suffix, wild := strings.CutPrefix(h, "*")
		if h == name || wild && strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// nameOf is a host without its port, in small letters and without a last dot.
func nameOf(host string) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	return strings.TrimSuffix(strings.ToLower(name), ".")
}

func isAddress(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

// loopback reports whether a name or an address is this machine alone.
func loopback(name string) bool {
	if a, err := netip.ParseAddr(name); err == nil {
		return a.Unmap().IsLoopback()
	}
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// principal finds out who sends r.
func (g *Guard) principal(r *http.Request) (identity.Principal, error) {
	values := r.Header.Values("Authorization")
	if len(values) > 1 {
		return identity.Principal{}, &pipeline.Error{
			Op: "log in", Kind: pipeline.Unauthenticated, Field: "Authorization", Reason: "is sent more than once", Hint: "send one token",
		}
	}
	if len(values) == 0 {
		return g.anonymous, nil
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return g.anonymous, nil // such as the password of a proxy before us
	}
	return g.chain().Verify(r.Context(), strings.TrimSpace(token))
}

// Need serves next to those alone who may do what a role is needed for.
func Need(role identity.Role, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := identity.Need(r.Context(), role); err != nil {
			refuse(w, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ByMethod is Need with the role that reading or changing takes.
func ByMethod(next http.Handler) http.Handler {
	read, change := Need(identity.Viewer, next), Need(identity.Editor, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if changes(r) {
			change.ServeHTTP(w, r)
			return
		}
		read.ServeHTTP(w, r)
	})
}

// refuse answers who may not come in.
func refuse(w http.ResponseWriter, err error) {
	status := api.Status(err)
	if errors.Is(err, identity.ErrUnknown) {
		status = http.StatusUnauthorized
	}
	api.WriteProblem(w, status, err)
}

// Inward takes from r what concerns the way from a browser to this process: a
// process behind it judges the request by what this one has found out.
func Inward(r *http.Request) {
	for _, name := range []string{"Origin", "Referer", "Cookie", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Sec-Fetch-User"} {
		r.Header.Del(name)
	}
}
