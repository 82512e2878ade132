package local

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
)

// Proxy forwards /<service>/... to the Service's replicas in turn, so that an
// inference keeps one URL whichever processes serve it. While no replica is ready
// it answers 503.
func (l *Platform) Proxy() http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			name, rest, _ := strings.Cut(strings.TrimPrefix(r.In.URL.Path, "/"), "/")
			urls := l.URLs(name)
			if len(urls) == 0 {
				return // the transport refuses a URL without a host
			}
			target, err := url.Parse(urls[0])
			if err != nil {
				return
			}
			r.SetURL(target)
			r.Out.URL.Path, r.Out.URL.RawPath = "/"+rest, ""
			r.SetXForwarded()
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			l.c.Log.Warn("a request to a service failed", "path", r.URL.Path, "error", err)
			notReady(w)
		},
		ErrorLog: slog.NewLogLogger(l.c.Log.Handler(), slog.LevelWarn),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if len(l.URLs(name)) == 0 {
			notReady(w)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

func notReady(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
	_ = json.NewEncoder(w).Encode(map[string]any{ // the client may be gone
		"type": "urn:kafkaml:problem:unavailable", "title": http.StatusText(http.StatusServiceUnavailable), "status": http.StatusServiceUnavailable,
		"detail": "no replica is ready", "kind": "unavailable", "hint": "see the inference's ready count and reason",
	})
}
