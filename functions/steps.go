package functions

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	controllog "github.com/kafkaml/kafkaml/functions/control-log"
	deployinference "github.com/kafkaml/kafkaml/functions/deploy-inference"
	deploytraining "github.com/kafkaml/kafkaml/functions/deploy-training"
	modelregister "github.com/kafkaml/kafkaml/functions/model-register"
	"github.com/kafkaml/kafkaml/functions/records"
	"github.com/kafkaml/kafkaml/functions/train"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform/local"
	"github.com/kafkaml/kafkaml/shared/schemas"
)

// wirings says how each of pipeline.Steps is made: it opens the parts that the
// step stands on and adds its background work to the host's.
var wirings = map[string]func(*Host, context.Context, *slog.Logger) (door.Function, error){
	pipeline.StepModelRegister:   (*Host).modelRegister,
	pipeline.StepDeployTraining:  (*Host).deployTraining,
	pipeline.StepControlLog:      (*Host).controlLog,
	pipeline.StepDeployInference: (*Host).deployInference,
	pipeline.StepRecords:         (*Host).records,
}

// announceLife is how long a token of control-log is valid: each announcement
// gets its own.
const announceLife = 10 * time.Minute

// reconcileEvery is how often deploy-training compares its rows with the Jobs.
const reconcileEvery = 15 * time.Second

func (h *Host) modelRegister(ctx context.Context, log *slog.Logger) (door.Function, error) {
	if err := h.open(ctx, h.openArtifacts, h.openBuilders); err != nil {
		return door.Function{}, err
	}
	s := modelregister.NewService(modelregister.Deps{
		Store: h.parts.store, Artifacts: h.parts.artifacts, Scratch: os.TempDir(), Log: log,
		Kinds: h.config.Frameworks.Kinds(), Builders: h.parts.builders, Importers: h.config.Frameworks.Importers(h.parts.builders), Check: h.check,
		Reread: func(ctx context.Context, job pipeline.TrainingJob, samples, tests int) (framework.Reread, error) {
			return train.Reread(ctx, train.Config{Job: job, Kafka: h.config.Kafka, Schemas: h.config.Schemas, Log: log}, samples, tests)
		},
	})
	h.loops = append(h.loops, s.Run)
	return s.Function(), nil
}

// check tries a trained model of a kind that only serves by the program beside this one:
// what builds models of the others has run them.
func (h *Host) check(ctx context.Context, kind framework.Kind, folder string, e pipeline.Export) error {
	if kind.Source != "" {
		return nil
	}
	return local.Check(ctx, h.config.Programs[kind.Name], pipeline.CheckJob{Framework: kind.Name, Folder: folder, Trained: framework.ImportedTrained, Export: e})
}

func (h *Host) deployTraining(ctx context.Context, log *slog.Logger) (door.Function, error) {
	if err := h.open(ctx, h.openArtifacts, h.openPlatform); err != nil {
		return door.Function{}, err
	}
	h.training = deploytraining.NewService(deploytraining.Deps{
		Store: h.parts.store, Artifacts: h.parts.artifacts, Jobs: h.parts.jobs, Kafka: h.kafka, Kinds: h.config.Frameworks.Kinds(),
		Env: append(h.config.childEnv(), "K_SINK="+h.config.Sink), Registry: h.config.Schemas.Set(), Signer: h.signer, Log: log,
	})
	if c := h.config.Cluster; c != nil {
		h.training.Allowed = c.Limits.Check
	}
	h.loops = append(h.loops, func(ctx context.Context) { h.training.Run(ctx, reconcileEvery) })
	if k := h.parts.kubernetes; k != nil {
		h.loops = append(h.loops, k.Watch)
	}
	return h.training.Function(), nil
}

func (h *Host) controlLog(ctx context.Context, log *slog.Logger) (door.Function, error) {
	if err := h.open(ctx, h.openKafka); err != nil {
		return door.Function{}, err
	}
	// A KafkaSource waits for its topic to be there.
	if err := h.parts.kafka.EnsureTopic(ctx, h.config.ControlTopic, 1); err != nil {
		return door.Function{}, err
	}
	return controllog.NewService(controllog.Deps{
		Store: h.parts.store, Cluster: h.parts.kafka, ControlTopic: h.config.ControlTopic, MayRead: h.config.MayRead,
		Emit: eventing.NewEmitter(h.config.Sink, h.config.Overrides, nil).As(func() string { return h.signer.Token(identity.Step(pipeline.StepControlLog), announceLife) }), Log: log,
		Suits: func(e pipeline.Export, d pipeline.Datasource) error {
			return deploytraining.Readable(e, d, h.config.Schemas.Set())
		},
	}).Function(), nil
}

func (h *Host) deployInference(ctx context.Context, log *slog.Logger) (door.Function, error) {
	if err := h.open(ctx, h.openKafka, h.openPlatform, h.openSources); err != nil {
		return door.Function{}, err
	}
	deps := deployinference.Deps{
		Store: h.parts.store, Topics: h.parts.kafka, Brokers: h.config.Kafka.Brokers, ControlTopic: h.config.ControlTopic, Tenant: h.config.Tenant, Signer: h.signer,
		Services: h.parts.services, Sources: h.parts.sources, Env: h.config.replicaEnv(h.token), Registry: h.config.Schemas.Set(), Log: log,
	}
	deps.Replicas, deps.MayRead, deps.MayWrite = h.config.Replicas, h.config.MayRead, h.config.MayWrite
	if k := h.parts.kubernetes; k != nil {
		deps.Audience = h.config.Guard.Audience()
		deps.Namespace, deps.PerPartition, deps.ServiceName = h.parts.namespace, true, pipeline.ServiceName
	}
	s := deployinference.NewService(deps)
	h.loops = append(h.loops, s.Run)
	return s.Function(), nil
}

func (h *Host) records(ctx context.Context, log *slog.Logger) (door.Function, error) {
	if err := h.open(ctx, h.openKafka); err != nil {
		return door.Function{}, err
	}
	registry, err := schemas.New(h.config.Schemas)
	if err != nil {
		return door.Function{}, err
	}
	return records.NewService(records.Deps{
		Store: h.parts.store, Cluster: h.parts.kafka, ControlTopic: h.config.ControlTopic, ControlGroup: pipeline.ControlGroup(h.config.Tenant), Schemas: registry, Log: log,
		MayRead: h.config.MayRead, MayWrite: h.config.MayWrite,
	}).Function(), nil
}
