// Package modelregister is the step that stores models and configurations. It
// builds pasted source in the fenced worker of its framework, stores the exported model as
// an artifact and the rest in the registry; each change of the source is a new
// version, so that a result keeps the version it was trained on.
//
// Building takes about a second and storing may go over a network, so both are
// done outside any transaction and before it: a row that is committed has its
// artifact, an artifact whose row never came is removed.
package modelregister

import (
	"context"
	"log/slog"

	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/fair"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// Deps is what the step needs of the others.
type Deps struct {
	Store     *registry.Store
	Artifacts *artifact.Store
	Kinds     framework.Kinds
	Builders  framework.Builders // of Kinds
	Importers framework.Importers
	Scratch   string // folder for exports under way; the system's when empty
	Log       *slog.Logger
	// Check opens the trained model in a folder, and runs it, as an inference will. Its
	// error is Invalid where the model is at fault, else it could not be tried. nil:
	// nothing is tried.
	Check func(ctx context.Context, kind framework.Kind, folder string, e pipeline.Export) error
	// Reread reads records of the stream of a training again: so many of those
	// that trained, and so many of those that did not.
	Reread func(ctx context.Context, job pipeline.TrainingJob, samples, tests int) (framework.Reread, error)
}

// Service holds the rules of models and configurations.
type Service struct {
	Deps
	converting chan struct{} // holds the conversion that is under way
	building   *fair.Gate    // of builds and tries
}

const (
	builds      = 2  // that a worker does at once
	mostWaiting = 16 // builds of one client
)

// NewService gives the step without its HTTP side.
func NewService(deps Deps) *Service {
	return &Service{Deps: deps, converting: make(chan struct{}, 1), building: fair.NewGate("models are being built", builds, mostWaiting)}
}
