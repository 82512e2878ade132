// Package door is the HTTP side that all functions share: the event door that
// receives CloudEvents, the same commands as REST requests, lists, the stream of
// facts, health and metrics.
//
// A command's answer is stored under its event's source and id, so that the
// same event twice is one effect and the same answer. What a status code means
// stands in status.go.
package door

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/eventing/bounds"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// EventHandler handles an event that is no command: a fact of another function, or a
// record of Kafka. It knows by itself what has no effect a second time, so the
// door stores nothing about the event. It gives the event to reply with, nil
// for none; its errors count as those of a Command do.
type EventHandler func(ctx context.Context, e event.Event) (*event.Event, error)

// Route is a command as a REST request: the body of the request becomes the
// data of an event of Type, the path's {id} its subject.
type Route struct {
	Pattern string  // of http.ServeMux: "POST /models", "DELETE /models/{id}"
	Type    string  // of the command
	Made    string  // collection in which the command makes a thing ("/models"): the answer is 201 with its Location
	Upload  *Upload // nil: the body is the command's data
}

// Function is what a step offers at its door.
type Function struct {
	Name       string                          // "model-register"
	Commands   map[string]Command              // by event type
	Events     map[string]EventHandler         // by event type: what it handles beside commands
	Routes     []Route                         // the commands as REST requests
	Resources  []Resource                      // what can be read, and what is sent by other ways than commands
	Flows      []api.Flow                      // topics that it reads and writes
	Facts      []string                        // prefixes of the event types that GET /events shows
	Ready      func(ctx context.Context) error // nil: ready when the registry is
	Measures   []Measure                       // states that /metrics shows
	Collectors []prometheus.Collector          // and what it has counted
}

// Config is what a door needs beside its function.
type Config struct {
	Store    *registry.Store
	Log      *slog.Logger
	Verifier identity.Verifier // of tokens that events carry; nil: none is read
	MaxBody  int64             // largest request body in bytes; 4 MiB when 0
}

const (
	defaultMaxBody = 4 << 20
	// commandTime bounds one command: building a model may last a minute,
	// and may wait for another's.
	commandTime = 4 * time.Minute
)

// door serves one function.
type door struct {
	Config
	f        Function
	metrics  *metrics
	quiet    quiet
	inFlight keyed
	streams  *Streams // GET /events
	mux      http.Handler
}

// Handler is the door of f with the default limits, for a process that lets
// nobody else in: no guard stands before it, and everybody is an operator.
func Handler(f Function, store *registry.Store, log *slog.Logger) http.Handler {
	return machineOnly(New(f, Config{Store: store, Log: log}))
}

// New is the door of f. A guard must stand before it: whom the context does not
// name may do nothing.
func New(f Function, c Config) http.Handler {
	if c.MaxBody == 0 {
		c.MaxBody = defaultMaxBody
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	c.Log = c.Log.With("function", f.Name)
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	register(reg, f, c.Log)
	d := &door{Config: c, f: f, metrics: newMetrics(reg), streams: NewStreams(maxStreams)}
	d.mux = d.named(d.uploads(d.limit(d.routes(promhttp.HandlerFor(reg, promhttp.HandlerOpts{})))))
	return d
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

func (d *door) routes(metrics http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", d.postEvent)
	mux.HandleFunc("GET /health/liveness", alive)
	mux.HandleFunc("GET /health/readiness", d.ready)
	for _, r := range d.f.Routes {
		if r.Upload == nil {
			mux.HandleFunc(r.Pattern, d.rest(r))
		}
	}
	for _, r := range append(d.shared(metrics), d.f.Resources...) {
		mux.Handle(r.Pattern, d.audited(r))
	}
	mux.HandleFunc("/", noSuchPath)
	return mux
}

// shared are the resources of every function.
func (d *door) shared(metrics http.Handler) []Resource {
	at := func(pattern string, h http.HandlerFunc) Resource {
		return Resource{Operation: api.Operation{Pattern: pattern}, Handler: h}
	}
	return []Resource{
		d.audit(),
		at("GET /about", d.about), at("GET /events", d.streamEvents), at("GET /schemas", d.listTypes), at("GET /schemas/{type}", showSchema), at("GET /metrics", metrics.ServeHTTP),
		at("GET /openapi.json", Document(api.OpenAPI, d.f.Part(""))), at("GET /asyncapi.json", Document(api.AsyncAPI, d.f.Part(""))),
	}
}

// uploads serves the routes that take files, whose bodies have bounds of their
// own, and gives all other requests to next.
func (d *door) uploads(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", next)
	for _, r := range d.f.Routes {
		if r.Upload != nil {
			mux.Handle(r.Pattern, need(commanding, d.upload(r))) // before it is received
		}
	}
	return mux
}

// named tells what is done for a request on whose behalf that is, and in which
// trace.
func (d *door) named(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, inTrace(bounds.Named(r))) })
}

// bodies bounds the bodies that all doors of this process read at once.
var bodies = bounds.NewMemory(128 << 20)

// limit bounds the body and gives a command more time than the server's
// write timeout, which func-go sets to 30 seconds.
func (d *door) limit(next http.Handler) http.Handler {
	return bodies.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, d.MaxBody)
		if r.Method != http.MethodGet {
			c := http.NewResponseController(w)
			_ = c.SetWriteDeadline(time.Now().Add(commandTime + 10*time.Second)) // a recorder in a test has none
			ctx, cancel := context.WithTimeout(r.Context(), commandTime)
			defer cancel()
			r = r.WithContext(ctx)
		}
		next.ServeHTTP(w, r)
	}))
}
