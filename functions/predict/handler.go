package predict

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// readyTime bounds one look at the broker.
const readyTime = 3 * time.Second

// handler is the HTTP side of the service: the event door at /, the Open
// Inference Protocol under /v2 and over gRPC, health and metrics.
func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /{$}", s.door)
	mux.HandleFunc("GET /health/liveness", s.answerLive)
	mux.HandleFunc("GET /health/readiness", s.answerReady)
	mux.Handle("GET /metrics", s.metrics.handler())
	p := &protocol{model: s.model, requests: s.door.requests, ready: s.ready}
	p.route(mux)
	p.routeGRPC(mux)
	mux.HandleFunc("GET /openapi.json", document(api.OpenAPI))
	mux.HandleFunc("GET /asyncapi.json", document(api.AsyncAPI))
	mux.HandleFunc("/", noSuchPath)
	return boundBodies(authorize(mux))
}

// document serves a description of what is served here, made when it is first
// asked for.
func document(make func(...api.Part) []byte) http.HandlerFunc {
	text := sync.OnceValue(func() []byte { return make(api.Predict("")) })
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text()) // the client may be gone
	}
}

func alive(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ALIVE\n")) }

// answerLive answers 503 while the model does not answer any more.
func (s *service) answerLive(w http.ResponseWriter, r *http.Request) {
	if err := s.calls.stuck(); err != nil {
		api.WriteProblem(w, http.StatusServiceUnavailable, err)
		return
	}
	alive(w, r)
}

func (s *service) answerReady(w http.ResponseWriter, r *http.Request) {
	if err := s.ready(r.Context()); err != nil {
		api.WriteProblem(w, http.StatusServiceUnavailable, err)
		return
	}
	_, _ = w.Write([]byte("READY\n"))
}

// ready is nil while a record that comes now would be predicted: the model is
// open and answers, the output topic takes records, and in direct delivery the group is
// joined.
func (s *service) ready(ctx context.Context) error {
	if err := s.calls.stuck(); err != nil {
		return err
	}
	if s.direct != nil && !s.direct.member.joined.Load() {
		return s.direct.member.away()
	}
	if s.out == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	return s.out.predictions.Check(ctx)
}

func noSuchPath(w http.ResponseWriter, r *http.Request) {
	api.WriteProblem(w, http.StatusNotFound, &pipeline.Error{
		Kind: pipeline.NotFound, Reason: "there is nothing at " + r.Method + " " + r.URL.Path,
		Hint: "POST / takes records and " + eventing.PredictionMake + "; POST /v2/models/{name}/infer is the Open Inference Protocol",
	})
}
