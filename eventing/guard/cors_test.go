package guard

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAllowOrigins(t *testing.T) {
	h := allowOrigins([]string{"http://page.example"}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for _, c := range []struct {
		name, method, origin string
		status               int
		allowed, methods     bool
	}{
		{"a page of the list", "POST", "http://page.example", http.StatusTeapot, true, false},
		{"its preflight", "OPTIONS", "http://page.example", http.StatusNoContent, true, true},
		{"another page's preflight", "OPTIONS", "http://other.example", http.StatusNoContent, false, false},
		{"no browser", "POST", "", http.StatusTeapot, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, w := httptest.NewRequest(c.method, "/", nil), httptest.NewRecorder()
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			h.ServeHTTP(w, r)
			if w.Code != c.status || (w.Header().Get("Access-Control-Allow-Origin") == c.origin && c.origin != "") != c.allowed || (w.Header().Get("Access-Control-Allow-Methods") != "") != c.methods {
				t.Errorf("%d %v", w.Code, w.Header())
			}
		})
	}
}
