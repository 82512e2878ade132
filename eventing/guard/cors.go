package guard

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// headersAllowed are what a page of another origin may send beside the simple
// ones: those of a CloudEvent, of a repeated command and of a resumed stream.
const headersAllowed = "Content-Type, Idempotency-Key, Last-Event-ID, Authorization, Ce-Id, Ce-Source, Ce-Type, Ce-Specversion, Ce-Subject, Ce-Time"

// listed reports whether r comes from a page of one of origins; "*" is any.
func listed(origins []string, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin != "" && (slices.Contains(origins, origin) || slices.Contains(origins, "*"))
}

// allowOrigins lets pages of the given origins call next (CORS), and answers
// their preflight requests. It refuses nobody: without the headers that it
// writes, a browser keeps the answer from a foreign page.
func allowOrigins(origins []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowed := listed(origins, r)
		h := w.Header()
		if allowed {
			h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
			h.Add("Vary", "Origin")
			h.Set("Access-Control-Expose-Headers", "Location, Retry-After")
		}
		if r.Method != http.MethodOptions {
			next.ServeHTTP(w, r)
			return
		}
		if allowed {
			h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", headersAllowed)
			h.Set("Access-Control-Max-Age", "600")
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// foreign reports whether a browser sent r from a page of another host than
// the one that the request is for. A browser leaves Sec-Fetch-Site out where
// the page came over plain HTTP, and then sends Origin alone.
func foreign(r *http.Request, host string) bool {
	if s := r.Header.Get("Sec-Fetch-Site"); s != "" {
		return s != "same-origin" && s != "none"
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false // not a browser
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host == "" || bare(u.Host) != bare(host)
}

// bare is a host without the port that its scheme has anyway.
func bare(host string) string {
	host = strings.ToLower(host)
	for _, port := range []string{":80", ":443"} {
		host = strings.TrimSuffix(host, port)
	}
	return host
}
