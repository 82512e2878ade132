package deploytraining

import (
	"encoding/json"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// What a deployment may ask for at most.
const (
	maxBatch       = 1 << 16
	maxGPUs        = 64
	maxDescription = 4 << 10
	defaultBatch   = 32 // Keras' own
)

// Draft is what a person sends to create a deployment.
type Draft struct {
	Configuration    int64                      `json:"configuration"`
	BatchSize        *int                       `json:"batch_size"`
	TrainingKwargs   *pipeline.TrainingKwargs   `json:"training_kwargs"`
	ValidationKwargs *pipeline.ValidationKwargs `json:"validation_kwargs"`
	Seed             int64                      `json:"seed"`
	Engine           pipeline.Engine            `json:"engine"`
	GPUs             int                        `json:"gpus"`
	Resources        pipeline.Resources         `json:"resources"`
	Description      string                     `json:"description"`
}

// deployment gives the deployment that the draft asks for, checked.
func (d Draft) deployment() (pipeline.Deployment, error) {
	dep := pipeline.Deployment{
		Configuration: d.Configuration, BatchSize: defaultBatch, Seed: d.Seed, Engine: d.Engine,
		GPUs: d.GPUs, Resources: d.Resources, Description: d.Description,
		TrainingKwargs: pipeline.DefaultTrainingKwargs(), ValidationKwargs: pipeline.DefaultValidationKwargs(),
	}
	if d.BatchSize != nil {
		dep.BatchSize = *d.BatchSize
	}
	if d.TrainingKwargs != nil {
		dep.TrainingKwargs = *d.TrainingKwargs
	}
	if d.ValidationKwargs != nil {
		dep.ValidationKwargs = *d.ValidationKwargs
	}
	if dep.Engine == "" {
		dep.Engine = pipeline.Auto
	}
	return dep, check(dep)
}

// check refuses a deployment by the member that is out of range.
func check(d pipeline.Deployment) error {
	switch {
	case d.Configuration <= 0:
		return pipeline.Invalidf("configuration", "is missing").WithHint("name the id of a configuration")
	case d.BatchSize < 1 || d.BatchSize > maxBatch:
		return pipeline.Invalidf("batch_size", "is %d, must be 1 to %d", d.BatchSize, maxBatch)
	case d.GPUs < 0 || d.GPUs > maxGPUs:
		return pipeline.Invalidf("gpus", "is %d, must be 0 to %d", d.GPUs, maxGPUs)
	case d.Engine != pipeline.Auto && d.Engine != pipeline.Graph && d.Engine != pipeline.XLA:
		return pipeline.Invalidf("engine", "%q is not known", d.Engine).WithHint("use auto, graph or xla")
	case len(d.Description) > maxDescription:
		return pipeline.Invalidf("description", "is %d bytes long, at most %d are taken", len(d.Description), maxDescription)
	case d.Resources.DeadlineSecs < 0:
		return pipeline.Invalidf("resources.deadline_seconds", "is negative")
	}
	return checkTolerations(d.Resources.Tolerations)
}

// checkTolerations wants a JSON array of objects; their members are for the
// cluster to judge.
func checkTolerations(raw json.RawMessage) error {
	if len(raw) == 0 {
		return nil
	}
	var list []map[string]any
	if err := json.Unmarshal(raw, &list); err != nil {
		return pipeline.Invalidf("resources.tolerations", "is not a list of objects").
			WithHint("give it as in a Kubernetes pod")
	}
	return nil
}
