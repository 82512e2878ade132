package api

import (
	"encoding/json"
	"net/http"

	"github.com/kafkaml/kafkaml/eventing"
)

// WriteProblem answers with err as problem details. Who is refused for want of
// a login is told how to send one, who comes too early to come again.
func WriteProblem(w http.ResponseWriter, status int, err error) {
	var r eventing.Rejection
	r.Describe(err)
	switch status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="kafkaml"`)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(Problem{ // the client may be gone
		Type: "urn:kafkaml:problem:" + string(r.Kind), Title: http.StatusText(status), Status: status,
		Detail: r.Reason, Op: r.Op, Kind: r.Kind, Field: r.Field, Hint: r.Hint, At: r.At,
	})
}
