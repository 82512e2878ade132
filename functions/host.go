// Package functions hosts the steps of the pipeline: one of them in a cluster,
// named by FUNCTION, or all of them under their names on one machine.
package functions

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/eventing/sources"
	deploytraining "github.com/kafkaml/kafkaml/functions/deploy-training"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// PredictPath is where the replicas of inferences are proxied on one machine.
const PredictPath = "/" + pipeline.StepPredict

// Host serves one step, or all of them.
type Host struct {
	config    Config // complete
	log       *slog.Logger
	parts     parts
	handlers  map[string]http.Handler // by step
	documents http.Handler            // of all steps, at the root
	guarded   http.Handler            // all of it
	predict   http.Handler            // replicas on this machine, to those who may
	forward   http.Handler            // to them
	token     string                  // by which these know that this process let a request in
	loops     []func(context.Context) // background work of the steps
	signer    identity.Signer         // of the parts of this installation
	training  *deploytraining.Service // nil where it is not served
}

// Open opens what the step that config names needs, and no more, and wires it;
// without a step, all of them. The caller closes the host.
func Open(ctx context.Context, config Config, log *slog.Logger) (*Host, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	h := &Host{config: config, log: log, handlers: map[string]http.Handler{}, token: identity.NewToken(), documents: guard.ByMethod(Describe(config.Frameworks))}
	h.protect()
	if err := h.wire(ctx); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// protect puts the guard before all that is served.
func (h *Host) protect() {
	h.guarded, h.predict = h.config.Guard.Wrap(http.HandlerFunc(h.route)), guard.ByMethod(http.HandlerFunc(h.proxy))
}

// wire opens the registry and makes each step that is served.
func (h *Host) wire(ctx context.Context) error {
	if err := h.openStore(ctx); err != nil {
		return err
	}
	key, err := h.parts.store.Secret(ctx, "signing")
	if err != nil {
		return err
	}
	h.signer = identity.NewSigner(key)
	h.config.Guard.Trust(h.signer)
	steps := pipeline.Steps
	if h.config.Step != "" {
		steps = []string{h.config.Step}
	}
	for _, step := range steps {
		wire, ok := wirings[step]
		if !ok {
			return pipeline.Invalidf("FUNCTION", "%q is not a step", step).
				WithHint("use one of %s, or leave it empty for all", strings.Join(pipeline.Steps, ", "))
		}
		f, err := wire(h, ctx, h.log.With("function", step))
		if err != nil {
			return err
		}
		h.handlers[step] = door.New(f, door.Config{Store: h.parts.store, Log: h.log, Verifier: h.signer})
	}
	return nil
}

// Dispatch has the control topic delivered to control-log where this process
// serves all steps: one step alone is triggered by its cluster.
func (h *Host) Dispatch(ctx context.Context) error {
	if h.parts.dispatcher == nil || h.config.Step != "" {
		return nil
	}
	s, err := sources.ControlLog(h.config.ControlTopic, h.config.Kafka.Brokers)
	if err != nil {
		return err
	}
	s.Spec.ConsumerGroup = pipeline.ControlGroup(h.config.Tenant)
	s.Spec.Sink = eventing.Destination{URI: h.config.Inner + "/" + pipeline.StepControlLog + "/"}
	return h.parts.dispatcher.Apply(ctx, s)
}

// Run does the steps' background work until ctx ends, and returns when all of
// it has.
func (h *Host) Run(ctx context.Context) {
	var loops sync.WaitGroup
	for _, loop := range h.loops {
		loops.Go(func() { loop(ctx) })
	}
	loops.Wait()
}

// Ready reports whether the registry answers and, where models are registered,
// source can be built.
func (h *Host) Ready(ctx context.Context) bool {
	return h.parts.store.Ping(ctx) == nil && h.parts.builders.Health() == nil
}

// ServeHTTP serves the one step at the root, or each step under /<its name>/,
// and the replicas of inferences that run on this machine, to those whom the
// guard lets in.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.guarded.ServeHTTP(w, r) }

func (h *Host) route(w http.ResponseWriter, r *http.Request) {
	if h.parts.local != nil && strings.HasPrefix(r.URL.Path, PredictPath+"/") {
		h.predict.ServeHTTP(w, r)
		return
	}
	if h.parts.local != nil && strings.HasPrefix(r.URL.Path, pipeline.GRPCService) {
		h.grpc(w, r)
		return
	}
	if h.config.Step != "" {
		h.handlers[h.config.Step].ServeHTTP(w, r)
		return
	}
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if rest == "" && slices.Contains(Documents, name) {
		h.documents.ServeHTTP(w, r)
		return
	}
	handler, ok := h.handlers[name]
	if !ok {
		door.Problem(w, &pipeline.Error{
			Kind: pipeline.NotFound, Reason: "nothing is at " + r.URL.Path, Hint: "the functions are " + strings.Join(pipeline.Steps, ", "),
		})
		return
	}
	http.StripPrefix("/"+name, handler).ServeHTTP(w, r)
}

// proxy passes r on to a replica on this machine, as this process's own request:
// who sent it and from where has been judged here.
func (h *Host) proxy(w http.ResponseWriter, r *http.Request) {
	r = r.Clone(r.Context())
	guard.Inward(r)
	r.Header.Set("Authorization", "Bearer "+h.token)
	h.forward.ServeHTTP(w, r)
}

// ended handles the end of a training process, which the platform reports.
func (h *Host) ended(ctx context.Context, e platform.Ended) {
	if h.training != nil {
		h.training.Ended(ctx, e)
	}
}

// Close closes what was opened, the last first: the dispatcher before the
// processes that it delivers to, the registry at the end. Run must have ended.
func (h *Host) Close() error {
	err := h.closeParts()
	if h.parts.store != nil {
		err = errors.Join(err, h.parts.store.Close())
	}
	return err
}
