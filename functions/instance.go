package functions

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// Instance is the host as Knative's func runs it: func-go v0.22.0 finds the
// methods Start, Stop, Ready, Alive and Handle. Start runs beside serving, so
// requests that come first are answered 503 and the revision is not ready.
type Instance struct {
	log     *slog.Logger
	mu      sync.Mutex
	opened  *Opened
	host    *Host
	proxy   http.Handler
	loops   context.CancelFunc
	stopped bool
	running sync.WaitGroup // the steps' background work
}

// NewInstance makes an instance that Start brings to life. Without a log it
// logs as JSON to standard error.
func NewInstance(log *slog.Logger) *Instance {
	if log == nil {
		log = slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	return &Instance{log: log}
}

// Start opens what the step named by FUNCTION needs and begins its background
// work. config is the environment, as func-go hands it over.
func (i *Instance) Start(ctx context.Context, config map[string]string) error {
	getenv := func(name string) string { return config[name] }
	e, err := readEnvironment(getenv)
	if err != nil {
		return err
	}
	opened, err := Open(ctx, getenv, i.ended, i.log)
	if err != nil {
		return err
	}
	host, err := New(opened.Parts, e.function)
	if err != nil {
		return errors.Join(err, opened.Close())
	}
	if !i.begin(ctx, opened, host) { // it was stopped meanwhile
		return opened.Close()
	}
	if err := opened.dispatch(ctx, e); err != nil {
		return errors.Join(err, i.Stop(ctx))
	}
	return nil
}

// begin takes the parts into use, unless Stop came first.
func (i *Instance) begin(ctx context.Context, opened *Opened, host *Host) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.stopped {
		return false
	}
	ctx, i.loops = context.WithCancel(context.WithoutCancel(ctx))
	i.opened, i.host, i.proxy = opened, host, opened.proxy()
	i.running.Go(func() { host.Run(ctx) })
	if opened.watch != nil {
		i.running.Go(func() { opened.watch(ctx) })
	}
	return true
}

// ended hands the end of a training process to deploy-training.
func (i *Instance) ended(ctx context.Context, e platform.Ended) {
	if h := i.current(); h != nil {
		h.Ended(ctx, e)
	}
}

func (i *Instance) current() *Host {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.host
}

// Stop ends the background work, then closes what Start opened. The server has
// drained before func-go calls it.
func (i *Instance) Stop(context.Context) error {
	i.mu.Lock()
	opened, loops := i.opened, i.loops
	i.opened, i.stopped = nil, true
	i.mu.Unlock()
	if opened == nil {
		return nil
	}
	loops()
	i.running.Wait()
	return opened.Close()
}

// Ready reports whether Start is done, the registry answers, and, where models
// are registered, the worker can build.
func (i *Instance) Ready(ctx context.Context) (bool, error) {
	i.mu.Lock()
	opened := i.opened
	i.mu.Unlock()
	if opened == nil || opened.Store.Ping(ctx) != nil {
		return false, nil
	}
	return opened.Worker == nil || opened.Worker.Health() == nil, nil
}

// Alive tells that the process serves.
func (i *Instance) Alive(context.Context) (bool, error) { return true, nil }

// Handle serves one request.
func (i *Instance) Handle(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	host, proxy, up := i.host, i.proxy, i.opened != nil
	i.mu.Unlock()
	switch {
	case !up:
		door.Problem(w, &pipeline.Error{Kind: pipeline.Unavailable, Reason: "the function is starting or stopping"})
	case proxy != nil && strings.HasPrefix(r.URL.Path, PredictPath+"/"):
		proxy.ServeHTTP(w, r)
	default:
		host.ServeHTTP(w, r)
	}
}
