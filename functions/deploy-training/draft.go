package deploytraining

import (
	"encoding/json"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// maxDescription is the longest description, in bytes.
const maxDescription = 4 << 10

// draft is the deployment that a command asks for, its arguments as they were
// given: the framework of its models reads them.
type draft struct {
	pipeline.Deployment
	TrainingKwargs   pipeline.Arguments `json:"training_kwargs"`
	ValidationKwargs pipeline.Arguments `json:"validation_kwargs"`
}

// draftOf reads the draft of a command, checked.
func draftOf(e event.Event) (draft, error) {
	var d draft
	if err := eventing.Apply[pipeline.DeploymentForm](e, &d); err != nil {
		return d, err
	}
	return d, d.check()
}

// check gives members that were left out their defaults and checks all but what a
// framework does.
func (d *draft) check() error {
	if err := d.Normalize(); err != nil {
		return err
	}
	if len(d.Description) > maxDescription {
		return pipeline.Invalidf("description", "is %d bytes long, at most %d are allowed", len(d.Description), maxDescription)
	}
	return checkTolerations(d.Resources.Tolerations)
}

// deployment gives the deployment that the draft asks for, as the framework of
// its models reads it.
func (d draft) deployment(s framework.Settings) (dep pipeline.Deployment, err error) {
	dep = d.Deployment
	if dep.Engine, err = s.Engine(d.Engine); err != nil {
		return dep, err
	}
	if dep.TrainingKwargs, err = s.Fit(json.RawMessage(d.TrainingKwargs)); err != nil {
		return dep, err
	}
	if dep.ValidationKwargs, err = s.Evaluate(json.RawMessage(d.ValidationKwargs)); err != nil {
		return dep, err
	}
	if dep.Mode == pipeline.ModeStream {
		err = steps(dep)
	}
	return dep, err
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
