// Package door is the HTTP side that all functions share: the event door that
// takes CloudEvents, the REST dress of the same commands, lists, the stream of
// facts, health and metrics.
//
// A command's answer is kept under its event's source and id, so that the same
// event twice is one effect and the same answer. What a status code means
// stands in status.go.
package door

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kafkaml/kafkaml/shared/registry"
)

// Command carries out one event and gives the event that answers it, nil for
// none. A *pipeline.Error of kind Invalid, NotFound, Conflict or InUse refuses
// the command: the door answers 200 with a .rejected event, and will do so
// again for the same source and id. Any other error is to be tried again.
type Command func(ctx context.Context, e event.Event) (*event.Event, error)

// Route is a command in REST dress: the body of the request becomes the data
// of an event of Type, the path's {id} its subject.
type Route struct {
	Pattern string // of http.ServeMux: "POST /models", "DELETE /models/{id}"
	Type    string // of the command
	Made    string // collection in which the command makes a thing ("/models"): the answer is 201 with its Location
}

// Function is what a step shows at its door.
type Function struct {
	Name      string                          // "model-register"
	Commands  map[string]Command              // by event type
	Routes    []Route                         // the commands in REST dress
	Resources func(*http.ServeMux)            // what can be read; may be nil
	Facts     []string                        // prefixes of the event types that GET /events shows
	Ready     func(ctx context.Context) error // nil: ready when the registry is
}

// Config is what a door needs beside its function.
type Config struct {
	Store   *registry.Store
	Log     *slog.Logger
	Origins []string // that a browser may call from, beside the same origin; "*" for any
	MaxBody int64    // largest request body in bytes; 4 MiB when 0
}

const (
	defaultMaxBody = 4 << 20
	// commandTime bounds one command: building a model takes up to a minute,
	// and may wait for another's.
	commandTime = 4 * time.Minute
)

// door serves one function.
type door struct {
	Config
	f        Function
	metrics  *metrics
	inFlight keyed
	streams  *Streams // GET /events
	mux      http.Handler
}

// Handler is the door of f with the default limits and no other origins.
func Handler(f Function, store *registry.Store, log *slog.Logger) http.Handler {
	return New(f, Config{Store: store, Log: log})
}

// New is the door of f.
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
	d := &door{Config: c, f: f, metrics: newMetrics(reg), streams: NewStreams(maxStreams)}
	d.mux = d.cors(d.limit(d.routes(promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))))
	return d
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

func (d *door) routes(metrics http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", d.takeEvent)
	mux.HandleFunc("GET /events", d.streamEvents)
	mux.HandleFunc("GET /schemas", d.listTypes)
	mux.HandleFunc("GET /schemas/{type}", showSchema)
	mux.HandleFunc("GET /health/liveness", alive)
	mux.HandleFunc("GET /health/readiness", d.ready)
	mux.Handle("GET /metrics", metrics)
	for _, r := range d.f.Routes {
		mux.HandleFunc(r.Pattern, d.rest(r))
	}
	if d.f.Resources != nil {
		d.f.Resources(mux)
	}
	mux.HandleFunc("/", noSuchPath)
	return mux
}

// limit bounds the body and gives a command more time than the server's
// write timeout, which func-go sets to 30 seconds.
func (d *door) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, d.MaxBody)
		if r.Method != http.MethodGet {
			c := http.NewResponseController(w)
			_ = c.SetWriteDeadline(time.Now().Add(commandTime + 10*time.Second)) // a recorder in a test has none
			ctx, cancel := context.WithTimeout(r.Context(), commandTime)
			defer cancel()
			r = r.WithContext(ctx)
		}
		next.ServeHTTP(w, r)
	})
}

// keyed lets one command of each source and id run at a time in this process;
// the registry does so between processes.
type keyed struct {
	mu   sync.Mutex
	held map[string]chan struct{}
}

// lock waits until key is free or ctx ends; unlock frees it.
func (k *keyed) lock(ctx context.Context, key string) (unlock func(), err error) {
	for {
		k.mu.Lock()
		busy, ok := k.held[key]
		if !ok {
			mine := make(chan struct{})
			if k.held == nil {
				k.held = map[string]chan struct{}{}
			}
			k.held[key] = mine
			k.mu.Unlock()
			return func() {
				k.mu.Lock()
				delete(k.held, key)
				k.mu.Unlock()
				close(mine)
			}, nil
		}
		k.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
