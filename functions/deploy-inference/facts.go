package deployinference

import (
	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// publish stores a fact about i with the changes of tx; the fact is also the
// answer to the command.
func publish(tx *registry.Tx, fact string, i pipeline.Inference) (*event.Event, error) {
	var data any = i
	if fact == eventing.InferenceDeleted {
		data = eventing.Deleted{ID: i.ID, Name: i.Name}
	}
	return door.Publish(tx, pipeline.StepDeployInference, fact, i.ID, data)
}
