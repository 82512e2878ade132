package deployinference

import (
	"net/http"
	"strconv"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// suggest answers with the form of an inference of ?result=: format and config
// of the stream it was trained on, and names for the topics.
func (s *Service) suggest(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.URL.Query().Get("result"), 10, 64)
	if err != nil || id < 1 {
		door.Problem(w, pipeline.Invalidf("result", "%q is not an id", r.URL.Query().Get("result")).WithHint("ask for ?result=<id>"))
		return
	}
	var sub subject
	err = s.Store.View(r.Context(), func(tx *registry.Tx) error {
		sub, err = subjectOf(tx, id)
		return err
	})
	if err != nil {
		door.Problem(w, err)
		return
	}
	i := draft(sub)
	topic := "result-" + itoa(id)
	door.WriteJSON(w, map[string]any{
		"result": id, "replicas": i.Replicas, "delivery": i.Delivery, "input_format": i.InputFormat, "input_config": i.InputConfig,
		"input_topic": topic + "-in", "output_topic": topic + "-out", "dead_letter_topic": topic + "-in.dead-letter",
	})
}
