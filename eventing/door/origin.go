package door

import (
	"net/http"
	"net/url"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// foreign reports whether a browser sent r from a page of another host.
func foreign(r *http.Request, origin string) bool {
	if s := r.Header.Get("Sec-Fetch-Site"); s != "" {
		return s != "same-origin" && s != "none"
	}
	if origin == "" {
		return false // not a browser
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host != r.Host
}

func writeForeign(w http.ResponseWriter, origin string) {
	writeProblem(w, http.StatusForbidden, &pipeline.Error{
		Op: "take command", Kind: pipeline.Invalid, Field: "Origin", Reason: origin + " may not send commands here",
		Hint: "set CORS_ORIGINS to the page's origin",
	})
}
