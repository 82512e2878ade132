package door

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The statuses of the event door:
//
//	200, 204  handled; a refused command is 200 with a .rejected event
//	400       not a CloudEvent, malformed, or of a type that is not handled here
//	401, 403  who asks is not known, or may not do that
//	408       the body comes too slowly
//	413       the body is too large
//	415       a content type that is not accepted
//	422       a known type, data off its schema
//	500       a fault of ours; 503 not now. KafkaSource tries both again
//
// It never answers 404 or 409, which KafkaSource would try again. Those of the
// REST side are api.Status's.

// Problem answers a REST request with err as problem details; the status is
// that of the error's kind.
func Problem(w http.ResponseWriter, err error) {
	status := statusOf(err)
	if status >= http.StatusInternalServerError {
		slog.Error("request failed", "status", status, "error", err)
	}
	api.WriteProblem(w, status, err)
}

// statusOf is the REST status of an error.
func statusOf(err error) int {
	if errors.Is(err, errMalformed) {
		return http.StatusBadRequest
	}
	return api.Status(err)
}

// waiting reports whether err comes from a context that ended: the request may
// be sent again.
func waiting(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// refused reports whether err is an answer about the command itself.
func refused(err error) bool {
	if waiting(err) {
		return false
	}
	switch pipeline.KindOf(err) {
	case pipeline.Invalid, pipeline.NotFound, pipeline.Conflict, pipeline.InUse:
		return true
	}
	return false
}

func noSuchPath(w http.ResponseWriter, r *http.Request) {
	Problem(w, &pipeline.Error{
		Kind: pipeline.NotFound, Reason: "there is nothing at " + r.Method + " " + r.URL.Path,
		Hint: "POST / accepts CloudEvents; GET /schemas lists their types",
	})
}
