// Package deploytraining is the step that turns deployments into trainings. A
// deployment waits as rows, one result a model, until a datasource names it;
// then each result becomes one training Job, whose events and end bring the
// result to its last state.
//
// Rows lead and Jobs follow: what shall run is committed first, Jobs are
// started and stopped after that, and Reconcile mends whatever a crash left
// between the two. A Job's name holds result and attempt, and starting a name
// twice is starting it once, so repeating any of it is harmless.
package deploytraining

import (
	"context"
	"log/slog"
	"sync"

	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// Deps is what the step needs of the others.
type Deps struct {
	Store     *registry.Store
	Artifacts *artifact.Store
	Jobs      platform.Jobs
	Kafka     func(context.Context) (*stream.Cluster, error) // opens the cluster whose topics schedules look at, unless it is open
	Kinds     framework.Kinds
	Env       []string        // NAME=value, for each training process: Kafka, artifacts, K_SINK
	Registry  bool            // whether the training processes know a schema registry
	Signer    identity.Signer // of the tokens by which what is due is known
	Log       *slog.Logger
	// Allowed refuses what a deployment asks of the cluster beyond what its operator
	// allows; nil where there is no cluster.
	Allowed func(r pipeline.Resources, gpus int) error
}

// Service holds the rules of deployments and results.
type Service struct {
	Deps
	figures   figures
	started   map[string]bool            // the Jobs of trials that wait to begin; of Run
	unbuilt   map[string]pipeline.Result // by Job, scheduled ones whose model is being built; guarded by launching
	moved     chan struct{}              // holds one token while an alias may have moved
	launching sync.Mutex                 // held from looking at what runs to having started what does not
}

// NewService gives the step without its HTTP side.
func NewService(deps Deps) *Service {
	return &Service{Deps: deps, figures: newFigures(), moved: make(chan struct{}, 1)}
}
