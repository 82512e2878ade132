package records

import (
	"context"
	"net/http"
	"time"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// traffic is the answer of GET /inferences/{id}/traffic: how far the topics of
// an inference have come. Two of them give records a second.
type traffic struct {
	Input  int64     `json:"input"`  // records that the input topic has had
	Output int64     `json:"output"` // and the output topic
	Dead   int64     `json:"dead"`   // and the dead-letter topic
	Lag    int64     `json:"lag"`    // records that the inference has not dealt with
	Time   time.Time `json:"time"`
}

// traffic serves GET /inferences/{id}/traffic.
func (s *Service) traffic(w http.ResponseWriter, r *http.Request) {
	i, err := s.inference(r)
	if err != nil {
		door.Problem(w, err)
		return
	}
	t, err := s.count(r.Context(), i)
	if err != nil {
		door.Problem(w, err)
		return
	}
	door.WriteJSON(w, t)
}

// count asks Kafka how far the topics of an inference have come.
func (s *Service) count(ctx context.Context, i pipeline.Inference) (t traffic, err error) {
	first, next, err := s.Cluster.Readable(ctx, i.InputTopic)
	if err != nil {
		return t, err
	}
	done, err := s.Cluster.Committed(ctx, i.Group(), i.InputTopic)
	if err != nil {
		return t, err
	}
	for _, n := range next {
		t.Input += n
	}
	t.Lag = stream.Lag(done, first, next)
	for topic, sum := range map[string]*int64{i.OutputTopic: &t.Output, i.DeadLetter: &t.Dead} {
		_, next, err := s.Cluster.Offsets(ctx, topic)
		if err != nil {
			return t, err
		}
		for _, n := range next {
			*sum += n
		}
	}
	t.Time = time.Now().UTC()
	return t, nil
}
