package deploytraining

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// A training that nobody wants any more may still be storing its model: what
// it stored is left alone for a while.
const (
	orphanAge  = time.Hour
	sweepEvery = time.Hour
)

// sweep removes the trained models from before a time that belong to no result
// or to an attempt before its present one, and checkpoints of what is finished: a crash came between a commit and
// their removal, or a stopped training still stored them.
func (s *Service) sweep(ctx context.Context, before time.Time) error {
	if err := s.sweepStudies(ctx, before); err != nil {
		return err
	}
	results, err := s.Artifacts.List(ctx, "results")
	if err != nil {
		return fmt.Errorf("sweep trained models: %w", err)
	}
	for _, folder := range results {
		text, _, interim := strings.Cut(path.Base(folder.Key), "-") // see pipeline.InterimFolder
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			continue // not ours
		}
		if interim {
			if err := s.sweepInterim(ctx, id, before); err != nil {
				return fmt.Errorf("sweep the models that the training of result %d has given: %w", id, err)
			}
			continue
		}
		result, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (pipeline.Result, error) { return tx.Result(id) })
		gone := pipeline.KindOf(err) == pipeline.NotFound
		if err != nil && !gone {
			return fmt.Errorf("sweep trained models of result %d: %w", id, err)
		}
		attempts, err := s.Artifacts.List(ctx, folder.Key)
		if err != nil {
			return fmt.Errorf("sweep trained models of result %d: %w", id, err)
		}
		for _, a := range attempts {
			n, err := strconv.Atoi(strings.TrimPrefix(path.Base(a.Key), "attempt-"))
			unused := err == nil && (gone || n != result.Attempt)
			if a.Key == pipeline.ResultCheckpoint(id) {
				unused = gone || result.Status == pipeline.ResultFinished
			}
			if unused && a.Modified.Before(before) {
				s.discard(ctx, a.Key)
			}
		}
	}
	return nil
}
