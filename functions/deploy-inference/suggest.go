package deployinference

import (
	"encoding/json"
	"net/http"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// suggest answers with the form of an inference of ?result=: format and config
// of the stream it was trained on, for an imported model JSON, and names for the
// topics.
func (s *Service) suggest(w http.ResponseWriter, r *http.Request) {
	id, err := door.QueryID(r, "result")
	if err != nil {
		door.Problem(w, err)
		return
	}
	sub, err := registry.Read(r.Context(), s.Store, func(tx *registry.Tx) (subject, error) { return subjectOf(tx, id) })
	if err != nil {
		door.Problem(w, err)
		return
	}
	i := draft(sub)
	if i.InputFormat == "" && sub.result.Imported != nil {
		i.InputFormat, i.InputConfig = pipeline.JSON, json.RawMessage("{}") // an object with a member for each input
	}
	topic := pipeline.OfTenant(s.Tenant, "result-"+itoa(id))
	door.WriteJSON(w, pipeline.InferenceForm{
		Result: id, Replicas: i.Replicas, Delivery: deliveryOf(i), InputFormat: i.InputFormat, InputConfig: i.InputConfig,
		InputTopic: topic + "-in", OutputTopic: topic + "-out", DeadLetter: pipeline.DeadLetterTopic(topic + "-in"),
	})
}
