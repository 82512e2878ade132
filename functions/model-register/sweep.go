package modelregister

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// An export that no row refers to may be one whose row is about to come: it is
// left alone until no command can still be under way, also where the clock of this
// machine, or of the store, was set by some hours meanwhile.
const (
	orphanAge  = 24 * time.Hour
	sweepEvery = time.Hour
	// completeEvery is how soon after it is deployed a result of an earlier version
	// gets what that did not make.
	completeEvery = 15 * time.Second
)

// Run removes orphaned exports, at once and then every hour, completes results of
// earlier versions that are served, keeps studies in trials, and builds the variants of
// models that are asked for, until ctx ends. What fails is logged: the next round tries
// again.
func (s *Service) Run(ctx context.Context) {
	var others sync.WaitGroup
	others.Go(func() { s.whenever(ctx, "no trial of a study was proposed", s.propose) })
	others.Go(func() { s.whenever(ctx, "a model was not built with layers frozen", s.buildAsked) })
	defer others.Wait()
	tick := time.NewTicker(completeEvery)
	defer tick.Stop()
	var swept time.Time
	for {
		if time.Since(swept) >= sweepEvery {
			swept = time.Now()
			if err := s.sweep(ctx, swept.Add(-orphanAge)); err != nil && ctx.Err() == nil {
				s.Log.WarnContext(ctx, "orphaned exports were not removed", "error", err)
			}
		}
		if err := s.complement(ctx); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "a result of an earlier version was not completed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sweep removes the exports from before a time that no version of a model
// refers to: a crash came between their upload and the commit. Variants that no result
// is of any more go with them.
func (s *Service) sweep(ctx context.Context, before time.Time) error {
	folders, err := s.Artifacts.List(ctx, "models")
	if err != nil {
		return fmt.Errorf("sweep exports: %w", err)
	}
	for _, folder := range folders {
		id, err := strconv.ParseInt(path.Base(folder.Key), 10, 64)
		if err != nil {
			continue // not ours
		}
		exports, err := s.Artifacts.List(ctx, folder.Key)
		if err != nil {
			return fmt.Errorf("sweep exports: %w", err)
		}
		if err := s.sweepModel(ctx, id, exports, before); err != nil {
			return fmt.Errorf("sweep exports of model %d: %w", id, err)
		}
	}
	return nil
}

// sweepModel removes the orphans among the exports of one model.
func (s *Service) sweepModel(ctx context.Context, id int64, exports []artifact.Entry, before time.Time) error {
	used := map[string]bool{}
	err := s.Store.Do(ctx, func(tx *registry.Tx) error {
		versions, err := tx.ModelVersions(id)
		if pipeline.KindOf(err) == pipeline.NotFound {
			return nil
		}
		if err == nil {
			err = tx.DeleteUnusedVariants(id)
		}
		if err != nil {
			return err
		}
		for _, v := range versions {
			used[v.Artifact] = true
		}
		variants, err := tx.VariantArtifacts(id)
		for _, key := range variants {
			used[key] = true
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, e := range exports {
		if !used[e.Key] && e.Modified.Before(before) {
			s.discard(ctx, e.Key)
		}
	}
	return nil
}
