package predict

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	// maxBody bounds a request: a record is smaller, a batch of the Open
	// Inference Protocol is to be cut into such.
	maxBody = 8 << 20
	// allBodies bounds the requests under way together, and so the memory
	// that they take once read; a request waits for its share.
	allBodies = 4 * maxBody
	// smallBody is the least share: what a request takes beside its body.
	smallBody = 8 << 10
	// readyTime bounds one look at the broker.
	readyTime = 3 * time.Second
)

// Handler is the HTTP side of the service: the event door at /, the Open
// Inference Protocol under /v2, health and metrics.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", s.takeEvent)
	mux.HandleFunc("GET /health/liveness", alive)
	mux.HandleFunc("GET /health/readiness", s.answerReady)
	mux.Handle("GET /metrics", s.metrics.handler())
	s.routeInference(mux)
	mux.HandleFunc("/", noSuchPath)
	return s.bound(mux)
}

// bound limits a body and all bodies together.
func (s *Service) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		share := int64(maxBody)
		if r.ContentLength >= 0 {
			share = min(maxBody, smallBody+r.ContentLength)
		}
		if err := s.bodies.Acquire(r.Context(), share); err != nil {
			writeProblem(w, http.StatusServiceUnavailable, busy("too many requests wait"))
			return
		}
		defer s.bodies.Release(share)
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

func alive(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ALIVE\n")) }

func (s *Service) answerReady(w http.ResponseWriter, r *http.Request) {
	if err := s.ready(r.Context()); err != nil {
		writeProblem(w, http.StatusServiceUnavailable, err)
		return
	}
	_, _ = w.Write([]byte("READY\n"))
}

// ready reports whether a record that comes now would be predicted: the model is
// open, the output topic takes records, and in direct delivery the group is
// joined.
func (s *Service) ready(ctx context.Context) error {
	if s.consumer.wanted && !s.consumer.running.Load() {
		return &pipeline.Error{Op: "readiness", Kind: pipeline.Unavailable, Reason: "the consumer group is not joined"}
	}
	if s.output == nil || s.output.failed.Load() == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	if _, _, err := s.output.cluster.Offsets(ctx, s.output.name); err != nil { // metadata would come from a cache
		return unreachable(s.output.name, err)
	}
	return nil
}

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

func noSuchPath(w http.ResponseWriter, r *http.Request) {
	writeProblem(w, http.StatusNotFound, &pipeline.Error{
		Kind: pipeline.NotFound, Reason: "there is nothing at " + r.Method + " " + r.URL.Path,
		Hint: "POST / takes records and " + eventing.PredictionMake + "; POST /v2/models/{name}/infer is the Open Inference Protocol",
	})
}
