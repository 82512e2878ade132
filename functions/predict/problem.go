package predict

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/functions/predict/output"
)

// writeRefused writes why a request is not carried out, in the form of what was
// asked.
func writeRefused(w http.ResponseWriter, r *http.Request, status int, err error) {
	if strings.HasPrefix(r.URL.Path, "/v2/") {
		output.WriteRefusal(w, status, err)
		return
	}
	api.WriteProblem(w, status, err)
}

// statusOf is the status of an error outside the model: fallback for what is wrong
// with what the request asks.
func statusOf(err error, fallback int) int {
	status := api.Status(err)
	switch status {
	case http.StatusUnprocessableEntity, http.StatusNotFound, http.StatusConflict:
		return fallback
	}
	return status
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
