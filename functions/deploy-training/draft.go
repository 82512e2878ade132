package deploytraining

import (
	"encoding/json"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// maxDescription is the longest description, in bytes.
const maxDescription = 4 << 10

// deploymentOf gives the deployment that a command asks for, checked.
func deploymentOf(e event.Event) (pipeline.Deployment, error) {
	dep := pipeline.Deployment{ValidationKwargs: pipeline.DefaultValidationKwargs()}
	if err := eventing.Apply[pipeline.DeploymentForm](e, &dep); err != nil {
		return dep, err
	}
	if err := dep.Normalize(); err != nil {
		return dep, err
	}
	if len(dep.Description) > maxDescription {
		return dep, pipeline.Invalidf("description", "is %d bytes long, at most %d are allowed", len(dep.Description), maxDescription)
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
