package functions

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"github.com/kafkaml/kafkaml/eventing/bounds"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

// Instance is a host as Knative's func runs it: func-go v0.22.0 finds the
// methods Start, Stop, Ready, Alive and Handle. Start runs beside serving, so
// requests that come first are answered 503 and the revision is not ready.
type Instance struct {
	log      *slog.Logger
	registry framework.Registry
	mu       sync.Mutex
	host     *Host              // nil before Start, and once Stop has ended what it stands on
	end      context.CancelFunc // of the steps' background work
	flush    func()             // the last traces
	stopped  bool
	running  sync.WaitGroup // the steps' background work
}

// NewInstance makes an instance that Start brings to life, for models of the
// frameworks registered. Without a log it logs as JSON to standard error.
func NewInstance(registry framework.Registry, log *slog.Logger) *Instance {
	if log == nil {
		log = slog.New(tracing.Log(slog.NewJSONHandler(os.Stderr, nil)))
	}
	return &Instance{log: log, registry: registry}
}

// Start is Serve with the environment, as func-go hands it over.
func (i *Instance) Start(ctx context.Context, env map[string]string) error {
	config, err := ReadConfig(func(name string) string { return env[name] }, i.registry)
	if err != nil {
		return err
	}
	return i.Serve(ctx, config)
}

// Serve opens what config asks for and begins its background work; it returns
// once requests are served.
func (i *Instance) Serve(ctx context.Context, config Config) error {
	config.Frameworks = i.registry
	flush, err := tracing.Open(ctx, service(config.Step), i.log)
	if err != nil {
		return err
	}
	host, err := Open(ctx, config, i.log)
	if err != nil {
		flush()
		return err
	}
	if !i.use(ctx, host, flush) { // it was stopped meanwhile
		flush()
		return host.Close()
	}
	if err := host.Dispatch(ctx); err != nil {
		return errors.Join(err, i.Stop(ctx))
	}
	return nil
}

// service names a process in traces.
func service(step string) string {
	if step == "" {
		return "kafkaml"
	}
	return "kafkaml-" + step
}

// use takes a host into use, unless Stop came first.
func (i *Instance) use(ctx context.Context, host *Host, flush func()) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.stopped {
		return false
	}
	ctx, i.end = context.WithCancel(context.WithoutCancel(ctx))
	i.host, i.flush = host, flush
	i.running.Go(func() { host.Run(ctx) })
	return true
}

// Stop ends the background work and the processes of this machine, which report
// here until their end, then closes the rest of what Start opened. func-go calls
// it when its server has drained.
func (i *Instance) Stop(context.Context) error {
	i.mu.Lock()
	host, end, flush, stopped := i.host, i.end, i.flush, i.stopped
	i.stopped = true
	i.mu.Unlock()
	if host == nil || stopped {
		return nil
	}
	end()
	i.running.Wait()
	err := host.closeParts()
	flush()
	i.mu.Lock()
	i.host = nil
	i.mu.Unlock()
	return errors.Join(err, host.Close())
}

// Ready reports whether Start is done and the host can do its work.
func (i *Instance) Ready(ctx context.Context) (bool, error) {
	host := i.current()
	return host != nil && host.Ready(ctx), nil
}

// Alive reports that the process serves.
func (i *Instance) Alive(context.Context) (bool, error) { return true, nil }

// Handle serves one request, whose client has to keep the pace.
func (i *Instance) Handle(w http.ResponseWriter, r *http.Request) {
	bounds.Walking.Wrap(http.HandlerFunc(i.handle)).ServeHTTP(w, r)
}

func (i *Instance) handle(w http.ResponseWriter, r *http.Request) {
	host := i.current()
	if host == nil {
		door.Problem(w, &pipeline.Error{Kind: pipeline.Unavailable, Reason: "the function is starting or stopping", Hint: "try again in a moment"})
		return
	}
	host.ServeHTTP(w, r)
}

func (i *Instance) current() *Host {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.host
}
