package local

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Proxy forwards /<service>/... to the Service's replicas in turn, so that an
// inference keeps one URL whichever processes serve it. While no replica of it
// takes requests, away answers.
func (l *Platform) Proxy(away func(w http.ResponseWriter, r *http.Request, service string)) http.Handler {
	proxy := &httputil.ReverseProxy{
		Transport: toReplicas{},
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
			away(w, r, serviceOf(r))
		},
		ErrorLog: slog.NewLogLogger(l.c.Log.Handler(), slog.LevelWarn),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to, release := l.acquire(serviceOf(r))
		if release == nil {
			away(w, r, serviceOf(r))
			return
		}
		defer release()
		proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), replicaKey{}, to)))
	})
}

// toReplicas is the way to replicas: HTTP/2 for gRPC. Its connections are kept,
// whichever proxy asks for them.
type toReplicas struct{}

var overHTTP2 = sync.OnceValue(func() *http.Transport {
	t := &http.Transport{Protocols: &http.Protocols{}, IdleConnTimeout: 90 * time.Second}
	t.Protocols.SetUnencryptedHTTP2(true)
	return t
})

// RoundTrip implements http.RoundTripper.
func (toReplicas) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
		return overHTTP2().RoundTrip(r)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// replicaKey is the key of the replica's URL in the context of a request to it.
type replicaKey struct{}

// serviceOf is the Service that the path of a request names.
func serviceOf(r *http.Request) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return name
}
