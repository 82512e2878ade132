package predict

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/eventing/bounds"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// writeRefused writes why a request is not carried out, in the form of what was
// asked.
func writeRefused(w http.ResponseWriter, r *http.Request, status int, err error) {
	if strings.HasPrefix(r.URL.Path, "/v2/") {
		writeRefusalOf(w, status, err)
		return
	}
	api.WriteProblem(w, status, err)
}

// statusOf is the status of an error outside the model: what may be sent again
// is 503, what is wrong with the request fallback.
func statusOf(err error, fallback int) int {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case bounds.Slow(err):
		return http.StatusRequestTimeout
	case bounds.Short(err):
		return http.StatusServiceUnavailable
	case errors.Is(err, eventing.ErrMediaType):
		return http.StatusUnsupportedMediaType
	case pipeline.KindOf(err) == pipeline.Unavailable, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable
	case pipeline.KindOf(err) == pipeline.Unauthenticated:
		return http.StatusUnauthorized
	case pipeline.KindOf(err) == pipeline.Forbidden:
		return http.StatusForbidden
	case pipeline.KindOf(err) == pipeline.Internal:
		return http.StatusInternalServerError
	}
	return fallback
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
