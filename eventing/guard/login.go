package guard

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/identity/oidc"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Login says how one logs in here.
type Login struct {
	Anonymous string      `json:"anonymous" description:"role of those who do not log in"`
	Tokens    bool        `json:"tokens" description:"static tokens are taken"`
	OIDC      *oidc.Login `json:"oidc,omitempty" description:"where people log in"`
}

// WhoAmI is who asks.
type WhoAmI struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Role string `json:"role"`
}

// The paths that Account serves.
var accountPaths = []string{"GET /login.json", "POST /login/token", "GET /whoami"}

// Account serves, beside next, how one logs in, the exchange of what the issuer
// gave the page for tokens, and who asks.
func (g *Guard) Account(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	for i, h := range []http.HandlerFunc{g.login, g.exchange, whoAmI} {
		mux.HandleFunc(accountPaths[i], h)
	}
	mux.Handle("/", next)
	return mux
}

func (g *Guard) login(w http.ResponseWriter, r *http.Request) {
	l := Login{Anonymous: g.anonymous.Role.String(), Tokens: g.tokens}
	if g.oidc != nil {
		var err error
		if l.OIDC, err = g.oidc.Login(r.Context()); err != nil {
			refuse(w, err)
			return
		}
	}
	writeJSON(w, l)
}

func whoAmI(w http.ResponseWriter, r *http.Request) {
	p := identity.Of(r.Context())
	writeJSON(w, WhoAmI{p.ID, p.Name, p.Role.String()})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}

// exchanged are the members of a form that the page may send to the issuer's
// token endpoint, by what it asks for.
var exchanged = map[string][]string{
	"authorization_code": {"grant_type", "code", "redirect_uri", "code_verifier"},
	"refresh_token":      {"grant_type", "refresh_token"},
}

const mostForm = 64 << 10 // bytes of a form

// exchange passes what the page got from the issuer on to its token endpoint:
// the page may call no origin but its own.
func (g *Guard) exchange(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	if g.oidc == nil || r.ParseForm() != nil {
		api.WriteProblem(w, http.StatusBadRequest, pipeline.Invalidf("grant_type", "nothing can be exchanged for a token here"))
		return
	}
	form := url.Values{}
	for name, values := range r.PostForm {
		if slices.Contains(exchanged[r.PostForm.Get("grant_type")], name) {
			form.Set(name, values[0])
		}
	}
	if len(form) == 0 {
		api.WriteProblem(w, http.StatusBadRequest, pipeline.Invalidf("grant_type", "%q is not taken", r.PostForm.Get("grant_type")).WithHint("use authorization_code or refresh_token"))
		return
	}
	l, err := g.oidc.Login(r.Context())
	if err != nil {
		refuse(w, err)
		return
	}
	form.Set("client_id", l.ClientID)
	ask, err := http.NewRequestWithContext(r.Context(), http.MethodPost, l.Token, strings.NewReader(form.Encode()))
	if err != nil {
		refuse(w, err)
		return
	}
	ask.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := tokenClient.Do(ask)
	if err != nil {
		refuse(w, &pipeline.Error{Op: "log in", Kind: pipeline.Unavailable, Reason: "the issuer does not answer", Err: err})
		return
	}
	defer answer.Body.Close()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, io.LimitReader(answer.Body, 16*mostForm)) // the client may be gone
}

// tokenClient asks the issuer for tokens; it follows no redirects, which would
// carry the code elsewhere.
var tokenClient = &http.Client{
	Timeout:       10 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}
