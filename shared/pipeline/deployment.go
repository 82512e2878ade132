package pipeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Deployment asks for each model of a configuration to be trained on the next
// datasource that names it.
type Deployment struct {
	ID               int64            `json:"id"`
	Configuration    int64            `json:"configuration"`
	BatchSize        int              `json:"batch_size"`
	TrainingKwargs   TrainingKwargs   `json:"training_kwargs"`
	ValidationKwargs ValidationKwargs `json:"validation_kwargs"`
	Seed             int64            `json:"seed"`
	Engine           Engine           `json:"engine"` // auto unless pinned
	GPUs             int              `json:"gpus"`
	Resources        Resources        `json:"resources"`
	Description      string           `json:"description,omitempty"`
	Status           DeploymentStatus `json:"status"`
	Results          []int64          `json:"results"` // read only
	Created          time.Time        `json:"created"`
	Updated          time.Time        `json:"updated"`
}

// Resources is where and with what a training Job runs in a cluster; empty
// members leave the platform's defaults.
type Resources struct {
	CPU           string            `json:"cpu,omitempty"`    // Kubernetes quantity
	Memory        string            `json:"memory,omitempty"` // Kubernetes quantity
	NodeSelector  map[string]string `json:"node_selector,omitempty"`
	Tolerations   json.RawMessage   `json:"tolerations,omitempty"` // Kubernetes tolerations, as they are
	PriorityClass string            `json:"priority_class,omitempty"`
	DeadlineSecs  int64             `json:"deadline_seconds,omitempty"`
}

// Engine is what runs the training loop.
type Engine string

// Auto measures the plain graph against XLA and keeps the faster.
const (
	Auto  Engine = "auto"
	Graph Engine = "graph"
	XLA   Engine = "xla"
)

// The bounds of a deployment's members; the default batch size is Keras'.
const (
	defaultBatchSize = 32
	maxBatchSize     = 1_000_000
	maxGPUs          = 64
)

// Normalize gives the members of a deployment that were left out their
// defaults and refuses those out of range, each by its name.
func (d *Deployment) Normalize() error {
	if d.BatchSize == 0 {
		d.BatchSize = defaultBatchSize
	}
	if d.TrainingKwargs.Epochs == 0 { // never read: what was read has at least 1
		d.TrainingKwargs = DefaultTrainingKwargs()
	}
	if d.Engine == "" {
		d.Engine = Auto
	}
	switch {
	case d.Configuration <= 0:
		return Invalidf("configuration", "the id of a configuration is missing")
	case d.BatchSize < 1 || d.BatchSize > maxBatchSize:
		return Invalidf("batch_size", "must be from 1 to %d, not %d", maxBatchSize, d.BatchSize)
	case d.GPUs < 0 || d.GPUs > maxGPUs:
		return Invalidf("gpus", "must be from 0 to %d, not %d", maxGPUs, d.GPUs)
	case !slices.Contains([]Engine{Auto, Graph, XLA}, d.Engine):
		return Invalidf("engine", "must be %s, %s or %s, not %q", Auto, Graph, XLA, string(d.Engine))
	case d.Resources.DeadlineSecs < 0:
		return Invalidf("resources.deadline_seconds", "must not be negative")
	}
	return d.TrainingKwargs.check()
}

// ModelArtifact is how the keys of a version of a model begin among the
// artifacts; the export that counts is named by Model.Artifact. Below it lie
// model.zip, the exported SavedModel, and keras.zip, the template of the .keras
// file where the model has one.
func ModelArtifact(model int64, version int) string {
	return fmt.Sprintf("models/%d/v%d", model, version)
}

// ResultArtifact is the key of what an attempt at a result trained;
// <key>/savedmodel.zip and <key>/model.keras.
func ResultArtifact(result int64, attempt int) string {
	return fmt.Sprintf("results/%d/attempt-%d", result, attempt)
}
