package local

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// A replica that was ready and is not says why, as it said first: what it says later
// may differ each time.
func TestAReplicaSaysWhyItWaits(t *testing.T) {
	said := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if said != "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintf(w, `{"detail":%q}`, said)
		}
	}))
	defer server.Close()
	r := &replica{s: &service{l: &Platform{http: http.DefaultClient}}, url: server.URL, ready: make(chan struct{})}
	for _, c := range []struct{ said, want string }{
		{"the model is being opened", ""}, {"", ""}, {"the broker is away", "the broker is away"}, {"from port 3", "the broker is away"}, {"", ""}, {"again", "again"},
	} {
		said = c.said
		if ready := r.check(t.Context()); ready != (c.said == "") || r.waitsFor() != c.want {
			t.Errorf("after %q: ready %v, %q, want %q", c.said, ready, r.waitsFor(), c.want)
		}
	}
}
