package records

import (
	"context"
	"net/http"
	"slices"

	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream"
)

const (
	lettersDefault = 50
	lettersMost    = 500
)

// deadLetters serves GET /inferences/{id}/dead-letters: the last records that
// could not be predicted and why, the newest first.
func (s *Service) deadLetters(w http.ResponseWriter, r *http.Request) {
	i, err := s.inference(r)
	if err == nil {
		err = s.MayRead.Allow(identity.Of(r.Context()), "id", i.DeadLetter)
	}
	if err != nil {
		door.Problem(w, err)
		return
	}
	limit, err := door.Number(r, "limit", lettersDefault, 1, lettersMost)
	if err != nil {
		door.Problem(w, err)
		return
	}
	letters, err := s.newest(r.Context(), i.DeadLetter, limit)
	if err != nil {
		door.Problem(w, err)
		return
	}
	door.WriteJSON(w, registry.Page[outcome]{Items: letters})
}

// newest reads the last records of a topic, at most so many, the newest first.
func (s *Service) newest(ctx context.Context, topic string, limit int) ([]outcome, error) {
	first, next, err := s.Cluster.Readable(ctx, topic)
	if err != nil {
		return nil, err
	}
	found := []outcome{}
	for p := range next {
		n := min(int64(limit), next[p]-first[p])
		if n == 0 {
			continue
		}
		err := s.Cluster.Read(ctx, pipeline.Range{Topic: topic, Partition: p, Offset: next[p] - n, Length: n}, func(r stream.Record) error {
			found = append(found, outcomeOf(r))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(found, func(a, b outcome) int { return b.Time.Compare(a.Time) })
	return found[:min(len(found), limit)], nil
}
