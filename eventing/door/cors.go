package door

import (
	"net/http"
	"slices"
)

// cors lets a page of one of the configured origins call the function. A page
// of the function's own origin needs no header; any other is refused by the
// browser, and, where it would change something, here: a command sent by a
// foreign page without preflight ("simple request") is not carried out.
func (d *door) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		allowed := origin != "" && (slices.Contains(d.Origins, origin) || slices.Contains(d.Origins, "*"))
		if allowed {
			h := w.Header()
			h.Set("Access-Control-Allow-Origin", origin)
			h.Add("Vary", "Origin")
			h.Set("Access-Control-Expose-Headers", "Location, Retry-After")
		}
		if r.Method == http.MethodOptions {
			if allowed {
				w.Header().Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE")
				w.Header().Set("Access-Control-Allow-Headers",
					"Content-Type, Idempotency-Key, Last-Event-ID, Ce-Id, Ce-Source, Ce-Type, Ce-Specversion, Ce-Subject, Ce-Time")
				w.Header().Set("Access-Control-Max-Age", "600")
			}
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if !allowed && r.Method != http.MethodGet && foreign(r, origin) {
			writeForeign(w, origin)
			return
		}
		next.ServeHTTP(w, r)
	})
}
