// Package functions hosts the steps of the pipeline: one of them in a cluster,
// named by FUNCTION, or all of them under their names on one machine.
package functions

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	controllog "github.com/kafkaml/kafkaml/functions/control-log"
	deployinference "github.com/kafkaml/kafkaml/functions/deploy-inference"
	deploytraining "github.com/kafkaml/kafkaml/functions/deploy-training"
	modelregister "github.com/kafkaml/kafkaml/functions/model-register"
	"github.com/kafkaml/kafkaml/functions/records"
	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

// The steps that a host can serve, in the order of the pipeline. The predict
// step links TensorFlow and is a program of its own.
const (
	ModelRegister   = pipeline.StepModelRegister
	DeployTraining  = pipeline.StepDeployTraining
	ControlLog      = pipeline.StepControlLog
	DeployInference = pipeline.StepDeployInference
	Records         = pipeline.StepRecords
)

// Steps lists them.
var Steps = pipeline.Steps

// Parts is what the steps stand on. Those that the served step does not use
// may be nil.
type Parts struct {
	Store     *registry.Store
	Artifacts *artifact.Store
	Cluster   *stream.Cluster
	Worker    modelregister.Worker    // model-register
	Jobs      platform.Jobs           // deploy-training
	Services  platform.Services       // deploy-inference
	Sources   deployinference.Sources // deploy-inference: who feeds inferences of the delivery source
	Namespace string                  // deploy-inference: of its KafkaSources in a cluster
	// PerPartition gives an inference's KafkaSource a consumer for each
	// partition, where a cluster spreads consumers over pods.
	PerPartition bool
	ControlTopic string   // control-log, records: where streams are announced
	Env          []string // NAME=value, for training and predict processes: Kafka, artifacts
	Training     string   // URL of deploy-training's door: where trainings and control-log report to
	Scratch      string   // folder for exports under way
	Origins      []string // that a browser may call from
	Log          *slog.Logger
}

// reconcileEvery is how often a step compares what should run with what does.
const reconcileEvery = 15 * time.Second

// Host serves the steps.
type Host struct {
	handlers map[string]http.Handler // by step
	loops    []func(context.Context) // background work of the steps
	training *deploytraining.Service
	alone    string // the only step, served at the root; empty: each under its name
}

// New wires the step named by function, or all of them where it is empty.
func New(parts Parts, function string) (*Host, error) {
	if function != "" && !slices.Contains(Steps, function) {
		return nil, pipeline.Invalidf("FUNCTION", "%q is not a step", function).WithHint("use one of %s, or leave it empty for all", strings.Join(Steps, ", "))
	}
	if parts.ControlTopic == "" {
		parts.ControlTopic = control.Topic
	}
	if parts.Log == nil {
		parts.Log = slog.Default()
	}
	h := &Host{handlers: map[string]http.Handler{}, alone: function}
	for _, step := range Steps {
		if function == "" || function == step {
			h.handlers[step] = door.New(h.step(step, parts), door.Config{Store: parts.Store, Log: parts.Log, Origins: parts.Origins})
		}
	}
	return h, nil
}

// step wires one step and keeps its background work.
func (h *Host) step(name string, p Parts) door.Function {
	log := p.Log.With("function", name)
	switch name {
	case ModelRegister:
		s := modelregister.NewService(modelregister.Deps{Store: p.Store, Artifacts: p.Artifacts, Worker: p.Worker, Scratch: p.Scratch, Log: log})
		h.loops = append(h.loops, s.Run)
		return s.Function()
	case DeployTraining:
		env := append(slices.Clone(p.Env), "K_SINK="+p.Training)
		h.training = deploytraining.NewService(deploytraining.Deps{Store: p.Store, Artifacts: p.Artifacts, Jobs: p.Jobs, Env: env, Log: log})
		h.loops = append(h.loops, func(ctx context.Context) { h.training.Run(ctx, reconcileEvery) })
		return h.training.Function()
	case ControlLog:
		s := controllog.NewService(controllog.Deps{Store: p.Store, Cluster: p.Cluster, ControlTopic: p.ControlTopic, Emit: eventing.NewEmitter(p.Training, nil), Log: log})
		return s.Function()
	case Records:
		return records.NewService(records.Deps{Store: p.Store, Cluster: p.Cluster, ControlTopic: p.ControlTopic, Log: log}).Function()
	default:
		s := deployinference.NewService(deployinference.Deps{
			Store: p.Store, Topics: p.Cluster, Brokers: p.Cluster.Config().Brokers, Services: p.Services, Sources: p.Sources, Env: p.Env,
			Namespace: p.Namespace, PerPartition: p.PerPartition, Log: log,
		})
		h.loops = append(h.loops, s.Run)
		return s.Function()
	}
}

// ServeHTTP serves the one step at the root, or each step under /<its name>/.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.alone != "" {
		h.handlers[h.alone].ServeHTTP(w, r)
		return
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	handler, ok := h.handlers[name]
	if !ok {
		door.Problem(w, &pipeline.Error{Kind: pipeline.NotFound, Reason: "nothing is at " + r.URL.Path, Hint: "the functions are " + strings.Join(Steps, ", ")})
		return
	}
	http.StripPrefix("/"+name, handler).ServeHTTP(w, r)
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

// Ended hears from the platform how a training process ended.
func (h *Host) Ended(ctx context.Context, e platform.Ended) {
	if h.training != nil {
		h.training.Ended(ctx, e)
	}
}
