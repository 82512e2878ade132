package door

import (
	"net/http"

	"github.com/kafkaml/kafkaml/eventing"
)

// cors lets a page of one of the configured origins call the function. A page
// of the function's own origin needs no header; any other is refused by the
// browser, and, where it would change something, here: a command sent by a
// foreign page without preflight ("simple request") is not carried out.
func (d *door) cors(next http.Handler) http.Handler {
	return eventing.AllowOrigins(d.Origins, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if r.Method != http.MethodGet && !eventing.OriginAllowed(d.Origins, r) && foreign(r, origin) {
			writeForeign(w, origin)
			return
		}
		next.ServeHTTP(w, r)
	}))
}
