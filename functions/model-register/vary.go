package modelregister

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// buildAsked builds the variants that deployments have asked for, each once: rows of
// the registry ask, so that a crash loses none.
func (s *Service) buildAsked(ctx context.Context) error {
	asked, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) ([]registry.Asked, error) { return tx.AskedVariants() })
	if err != nil {
		return err
	}
	var all error
	for _, a := range asked {
		if err := s.buildOne(ctx, a); err != nil {
			all = errors.Join(all, fmt.Errorf("version %d of model %d with %s: %w", a.Version, a.Model, a.Varied(), err))
		}
	}
	return all
}

// buildOne builds a variant and stores it, unless another replica has, or nobody asks
// for it any more.
func (s *Service) buildOne(ctx context.Context, a registry.Asked) error {
	m, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (pipeline.Model, error) { return tx.ModelVersion(a.Model, a.Version) })
	if pipeline.KindOf(err) == pipeline.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	v, err := s.vary(ctx, m, a.Variation)
	if err != nil {
		return err
	}
	used := false
	err = s.Store.Do(ctx, func(tx *registry.Tx) error {
		known, err := tx.Variant(a.Model, a.Version, a.Variation)
		if used = err == nil && known != nil && known.Pending; !used {
			return err
		}
		if err := tx.SetVariant(a.Model, a.Version, *v); err != nil {
			return err
		}
		return tell(tx, a, v.Refused)
	})
	if err == nil && v.Artifact != "" && !used {
		s.discard(ctx, v.Artifact)
	}
	return err
}

// vary builds a variation of a model. That it cannot be built is part of the variant.
func (s *Service) vary(ctx context.Context, m pipeline.Model, of pipeline.Variation) (*pipeline.Variant, error) {
	v := &pipeline.Variant{Variation: of}
	err := s.build(ctx, &m, of, func() (int64, error) { return m.ID, nil }, m.Version)
	switch {
	case err == nil:
		v.Artifact, v.Export = m.Artifact, m.Export
	case pipeline.KindOf(err) == pipeline.Invalid:
		v.Refused = pipeline.RejectionOf(err)
	default:
		return nil, err
	}
	return v, nil
}

// tell tells of a variant that was built, or could not be, to the results of it:
// those that wait for a stream fail where it could not; those that have one begin, or
// fail, when deploy-training hears of them.
func tell(tx *registry.Tx, a registry.Asked, refused *pipeline.Rejection) error {
	for _, status := range []pipeline.ResultStatus{pipeline.ResultWaiting, pipeline.ResultScheduled} {
		page, err := tx.Results(registry.Query{Status: string(status), By: map[string]int64{"model": a.Model}})
		if err != nil {
			return err
		}
		for _, r := range page.Items {
			if r.ModelVersion != a.Version || !r.Variation.Equal(a.Variation) {
				continue
			}
			if err := tellOf(tx, r, refused); err != nil {
				return err
			}
		}
	}
	return nil
}

func tellOf(tx *registry.Tx, r pipeline.Result, refused *pipeline.Rejection) error {
	fact := eventing.ResultProgressed
	if refused != nil && r.Datasource == 0 {
		now := time.Now().UTC()
		r.Status, r.Reason, r.Hint, r.Finished = pipeline.ResultFailed, refused.Refusal().Error(), refused.Hint, &now
		if err := tx.UpdateResult(&r); err != nil {
			return err
		}
		fact = eventing.ResultFailed
	}
	_, err := door.Publish(tx, name, fact, r.ID, r)
	return err
}

// saved fetches what a model that was imported is built from again, as a file that the
// caller removes.
func (s *Service) saved(ctx context.Context, m pipeline.Model) (path string, err error) {
	kind, err := s.Kinds.Get(m.Framework)
	if err != nil {
		return "", err
	}
	content, _, err := s.Artifacts.Get(ctx, m.Artifact+"/"+kind.Bundle.Rebuilt)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	got, err := s.store(content)
	return got.path, err
}
