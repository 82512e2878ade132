package deploytraining

import (
	"encoding/json"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// maxDescription is the longest description, in bytes.
const maxDescription = 4 << 10

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
		Configuration: d.Configuration, Seed: d.Seed, Engine: d.Engine, GPUs: d.GPUs,
		Resources: d.Resources, Description: d.Description,
		ValidationKwargs: pipeline.DefaultValidationKwargs(),
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
	if err := dep.Normalize(); err != nil {
		return dep, err
	}
	if len(dep.Description) > maxDescription {
		return dep, pipeline.Invalidf("description", "is %d bytes long, at most %d are taken", len(dep.Description), maxDescription)
	}
	return dep, checkTolerations(dep.Resources.Tolerations)
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
