package output

import (
	"encoding/json"
	"net/http"
)

// WriteRefusal answers with an error as the Open Inference Protocol has it over
// REST.
func WriteRefusal(w http.ResponseWriter, status int, err error) {
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": ReasonOf(err)}) // the client may be gone
}
