package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/bounds"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

var byKind = map[pipeline.Kind]int{
	pipeline.Invalid:     http.StatusUnprocessableEntity,
	pipeline.NotFound:    http.StatusNotFound,
	pipeline.Conflict:    http.StatusConflict,
	pipeline.InUse:       http.StatusConflict,
	pipeline.Unavailable: http.StatusServiceUnavailable,
	pipeline.Internal:    http.StatusInternalServerError,

	pipeline.Unauthenticated: http.StatusUnauthorized,
	pipeline.Forbidden:       http.StatusForbidden,
}

// Status is the HTTP status of an error: that of its kind, unless the request
// itself could not be read. What a context ended may be sent again.
func Status(err error) int {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case bounds.Slow(err):
		return http.StatusRequestTimeout
	case bounds.Short(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable
	case errors.Is(err, eventing.ErrMediaType):
		return http.StatusUnsupportedMediaType
	}
	return byKind[pipeline.KindOf(err)]
}

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
