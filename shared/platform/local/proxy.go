package local

import (
	"context"
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
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	plain, grpc := http.DefaultTransport.(*http.Transport).Clone(), http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // net/http says so
	grpc.Protocols = protocols
	proxy := &httputil.ReverseProxy{
		Transport: transport(func(r *http.Request) (*http.Response, error) {
			if strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
				return grpc.RoundTrip(r)
			}
			return plain.RoundTrip(r)
		}),
		Rewrite: func(r *httputil.ProxyRequest) {
			_, rest, _ := strings.Cut(strings.TrimPrefix(r.In.URL.Path, "/"), "/")
			target, _ := r.In.Context().Value(replicaKey{}).(string)
			to, err := url.Parse(target)
			if err != nil {
				return // the transport refuses a URL without a host
			}
			r.SetURL(to)
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
		to, release := l.acquire(name)
		if release == nil {
			notReady(w)
			return
		}
		defer release()
		proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), replicaKey{}, to)))
	})
}

// transport is an http.RoundTripper.
type transport func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// replicaKey is the key of the replica's URL in the context of a request to it.
type replicaKey struct{}

func notReady(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
	_ = json.NewEncoder(w).Encode(map[string]any{ // the client may be gone
		"type": "urn:kafkaml:problem:unavailable", "title": http.StatusText(http.StatusServiceUnavailable), "status": http.StatusServiceUnavailable,
		"detail": "no replica is ready", "kind": "unavailable", "hint": "see the inference's ready count and reason",
	})
}
