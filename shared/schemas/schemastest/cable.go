package schemastest

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
)

// Cable is a way to a registry that can be cut.
type Cable struct {
	URL     string
	cut     atomic.Int64 // questions that are still to be refused
	refused atomic.Int64
}

// NewCable leads to a registry, for the length of a test.
func NewCable(t testing.TB, registry string) *Cable {
	t.Helper()
	to, err := url.Parse(registry)
	if err != nil {
		t.Fatal(err)
	}
	c := &Cable{}
	proxy := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.cut.Load() <= 0 {
			proxy.ServeHTTP(w, r)
			return
		}
		c.cut.Add(-1)
		c.refused.Add(1)
		panic(http.ErrAbortHandler) // the connection ends without an answer
	}))
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// Cut refuses so many questions from now on; with 0 the cable is whole again.
func (c *Cable) Cut(questions int64) { c.cut.Store(questions) }

// Refused is how many questions were refused so far.
func (c *Cable) Refused() int64 { return c.refused.Load() }
