package door

import (
	"net/http"
	"net/url"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// cors lets a page of one of the configured origins call the function. A page
// of the function's own origin needs no header; any other is refused by the
// browser, and, where it would change something, here: a command sent by a
// foreign page without preflight ("simple request") is not carried out.
func (d *door) cors(next http.Handler) http.Handler {
	return eventing.AllowOrigins(d.Origins, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && !eventing.OriginAllowed(d.Origins, r) && foreign(r) {
			writeProblem(w, http.StatusForbidden, &pipeline.Error{
				Op: "receive command", Kind: pipeline.Invalid, Field: "Origin",
				Reason: r.Header.Get("Origin") + " may not send commands here", Hint: "set CORS_ORIGINS to the page's origin",
			})
			return
		}
		next.ServeHTTP(w, r)
	}))
}

// foreign reports whether a browser sent r from a page of another host.
func foreign(r *http.Request) bool {
	if s := r.Header.Get("Sec-Fetch-Site"); s != "" {
		return s != "same-origin" && s != "none"
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false // not a browser
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host != r.Host
}
