// Package deployinference is the step that serves trained models. An inference
// is a row that says what should run; a reconciler holds a Service and a
// KafkaSource against it, brings both to what the row says and writes back how
// many replicas are ready. So a restart of this process, or of anything it
// runs, needs no more than another look at the rows.
package deployinference

import (
	"context"
	"log/slog"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// Sources runs KafkaSources: an eventing.Dispatcher, or a cluster.
type Sources interface {
	Apply(ctx context.Context, s eventing.KafkaSource) error
	// Delete ends a KafkaSource, which s names, of the inference that s is
	// labelled with.
	Delete(ctx context.Context, s eventing.KafkaSource) error
}

// Topics makes topics, counts their partitions and knows which are compacted: a
// stream.Cluster, of which the step needs no more. It reads no record.
type Topics interface {
	EnsureTopic(ctx context.Context, topic string, partitions int) error
	Partitions(ctx context.Context, topic string) (int, error)
	Compacted(ctx context.Context, topic string) (bool, error)
}

// Deps is what the step needs of the others.
type Deps struct {
	Store        *registry.Store
	Topics       Topics
	Brokers      []string // of the KafkaSources
	Services     platform.Services
	Sources      Sources
	Env          []string        // NAME=value, for each predict process: Kafka, artifacts
	Namespace    string          // of the KafkaSources
	PerPartition bool            // a consumer for each partition, where consumers are spread over pods
	Tenant       string          // of the inferences that are made
	ControlTopic string          // which no inference may read or write
	MayRead      identity.Topics // as input
	MayWrite     identity.Topics // as output, and for dead letters
	Replicas     int             // most of an inference; 0: mostReplicas
	Registry     bool            // whether the predict processes know a schema registry
	Audience     string          // of the tokens that Knative sends with the events of the KafkaSources; "" for none
	Signer       identity.Signer // of the tokens that events of the KafkaSources carry
	Log          *slog.Logger

	// ServiceName is what the Service and the KafkaSource of an inference are
	// called, by its name; the same where it is nil.
	ServiceName func(inference string) string
}

// Service holds the rules of inferences.
type Service struct {
	Deps
	reconciler *reconciler
}

// NewService gives the step without its HTTP side. Run must run for anything
// to be served.
func NewService(deps Deps) *Service { return &Service{deps, newReconciler(deps)} }

// Run keeps every inference that should be served served, until ctx ends. What
// runs then goes on: ending it is the platform's to do.
func (s *Service) Run(ctx context.Context) { s.reconciler.run(ctx) }

// Function is the step's HTTP side.
func (s *Service) Function() door.Function {
	return door.Function{
		Name: pipeline.StepDeployInference,
		Commands: map[string]door.Command{
			eventing.InferenceDeploy:   s.deploy,
			eventing.InferenceUpdate:   s.update,
			eventing.InferenceRollBack: s.rollBack,
			eventing.InferenceStart:    s.start,
			eventing.InferenceStop:     s.stop,
			eventing.InferenceDelete:   s.remove,
		},
		Routes: []door.Route{
			{Pattern: "POST /inferences", Type: eventing.InferenceDeploy, Made: "/inferences"},
			{Pattern: "PUT /inferences/{id}", Type: eventing.InferenceUpdate},
			{Pattern: "POST /inferences/{id}/rollback", Type: eventing.InferenceRollBack},
			{Pattern: "POST /inferences/{id}/start", Type: eventing.InferenceStart},
			{Pattern: "POST /inferences/{id}/stop", Type: eventing.InferenceStop},
			{Pattern: "DELETE /inferences/{id}", Type: eventing.InferenceDelete},
		},
		Resources: []door.Resource{
			door.ListOf("GET /inferences", "Inferences.", s.Store, (*registry.Tx).Inferences, "result", "deployment", "model"),
			door.GetOf("GET /inferences/{id}", "An inference.", s.Store, (*registry.Tx).Inference),
			{Operation: door.One(
				"GET /inferences/suggest", "The form of an inference of a result, filled in.", pipeline.InferenceForm{},
				api.Param{Name: "result", Value: int64(0), About: "the result to serve", Required: true, Example: 1},
			), Handler: s.suggest},
		},
		Facts: []string{"io.kafkaml.inference."},
	}
}
