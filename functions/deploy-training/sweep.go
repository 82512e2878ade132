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
// or to an attempt before its present one: a crash came between a commit and
// their removal, or a stopped training still stored them.
func (s *Service) sweep(ctx context.Context, before time.Time) error {
	results, err := s.Artifacts.List(ctx, "results")
	if err != nil {
		return fmt.Errorf("sweep trained models: %w", err)
	}
	for _, folder := range results {
		id, err := strconv.ParseInt(path.Base(folder.Key), 10, 64)
		if err != nil {
			continue // not ours
		}
		present, err := s.presentAttempt(ctx, id)
		if err != nil {
			return fmt.Errorf("sweep trained models of result %d: %w", id, err)
		}
		attempts, err := s.Artifacts.List(ctx, folder.Key)
		if err != nil {
			return fmt.Errorf("sweep trained models of result %d: %w", id, err)
		}
		for _, a := range attempts {
			n, err := strconv.Atoi(strings.TrimPrefix(path.Base(a.Key), "attempt-"))
			if err == nil && n != present && a.Modified.Before(before) {
				s.discard(ctx, a.Key)
			}
		}
	}
	return nil
}

// presentAttempt is the number of a result's last attempt, -1 where there is no
// such result.
func (s *Service) presentAttempt(ctx context.Context, id int64) (attempt int, err error) {
	err = s.Store.View(ctx, func(tx *registry.Tx) error {
		r, err := tx.Result(id)
		if pipeline.KindOf(err) == pipeline.NotFound {
			attempt = -1
			return nil
		}
		attempt = r.Attempt
		return err
	})
	return attempt, err
}
