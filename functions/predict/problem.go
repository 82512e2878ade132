package predict

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// problem is an RFC 9457 problem document, as all functions write it.
type problem struct {
	Type   string        `json:"type"`
	Title  string        `json:"title"`
	Status int           `json:"status"`
	Detail string        `json:"detail"`
	Op     string        `json:"op,omitempty"`
	Kind   pipeline.Kind `json:"kind"`
	Field  string        `json:"field,omitempty"`
	Hint   string        `json:"hint,omitempty"`
}

func writeProblem(w http.ResponseWriter, status int, err error) {
	var r eventing.Rejection
	r.Describe(err)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem{ // the client may be gone
		Type: "urn:kafkaml:problem:" + string(r.Kind), Title: http.StatusText(status), Status: status,
		Detail: r.Reason, Op: r.Op, Kind: r.Kind, Field: r.Field, Hint: r.Hint,
	})
}

// writeUnavailable writes what may be sent again, in the form of what was asked.
func writeUnavailable(w http.ResponseWriter, r *http.Request, err error) {
	if strings.HasPrefix(r.URL.Path, "/v2/") {
		writeRefusalOf(w, http.StatusServiceUnavailable, err)
		return
	}
	writeProblem(w, http.StatusServiceUnavailable, err)
}

// statusOf is the status of an error outside the model: what may be sent again
// is 503, what is wrong with the request fallback.
func statusOf(err error, fallback int) int {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, eventing.ErrMediaType):
		return http.StatusUnsupportedMediaType
	case pipeline.KindOf(err) == pipeline.Unavailable, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable
	case pipeline.KindOf(err) == pipeline.Internal:
		return http.StatusInternalServerError
	}
	return fallback
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
