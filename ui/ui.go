// Package ui embeds the built web page. Without Node it holds a placeholder
// that says how to build it, so that Go builds alone.
package ui

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
	"strings"

	"github.com/kafkaml/kafkaml/client"
)

//go:embed all:dist
var dist embed.FS

// policy lets the page load and call nothing but its own origin; a page that is
// deployed alone and calls other function URLs is served with those added.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves the page at / and config, which says where the functions are,
// at /config.json. Files under /assets/ carry a hash in their name and are kept by
// browsers; everything else is asked for again each time.
func Handler(config client.Config) http.Handler {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		files = dist // cannot happen: the folder is embedded above
	}
	server := http.FileServerFS(files)
	_, missing := fs.Stat(files, "index.html")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "only GET and HEAD here; commands are posted to the functions", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		switch {
		case r.URL.Path == "/config.json":
			h.Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(config) // the browser may be gone
			return
		case strings.HasPrefix(r.URL.Path, "/assets/"):
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		case missing != nil && r.URL.Path == "/":
			r.URL.Path = "/placeholder.html"
		}
		server.ServeHTTP(w, r)
	})
}
