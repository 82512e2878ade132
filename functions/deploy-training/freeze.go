package deploytraining

import (
	"context"
	"maps"
	"slices"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// A model whose layers a deployment freezes is a variant, which model-register builds
// when the deployment asks for it here. A result that is scheduled before waits for it
// without a Job.

// vary gives the variation of a model that a deployment trains, and asks for it to be
// built where it is not. What could not be built before is refused.
func vary(tx *registry.Tx, d pipeline.Deployment, m pipeline.Model, parent pipeline.Result) (of pipeline.Variation, err error) {
	if parent.Model == m.ID && parent.ModelVersion == m.Version {
		of.Hyperparameters = parent.Hyperparameters
	}
	if of.Freeze = d.Freeze; len(of.Freeze) == 0 {
		return of, nil
	}
	known, err := tx.Variant(m.ID, m.Version, of)
	switch {
	case err != nil:
		return of, err
	case known == nil:
		return of, tx.CreateVariant(m.ID, m.Version, pipeline.Variant{Variation: of, Pending: true})
	case known.Refused != nil:
		return of, known.Refused.Refusal()
	}
	return of, nil
}

// readAs is the model of a result, whose inputs and labels say which streams it can
// read. Until it is built, it is the registered one, which has the same.
func readAs(tx *registry.Tx, r pipeline.Result) (pipeline.Model, error) {
	m, err := tx.ModelOf(r)
	if pipeline.KindOf(err) == pipeline.Unavailable {
		return tx.ModelVersion(r.Model, r.ModelVersion)
	}
	return m, err
}

// startBuilt starts the Jobs of results whose model has been built. Those that another
// replica has scheduled are found by Reconcile.
func (s *Service) startBuilt(ctx context.Context) {
	s.launching.Lock()
	unbuilt := s.unbuilt
	s.unbuilt = nil
	s.launching.Unlock()
	s.launch(ctx, slices.Collect(maps.Values(unbuilt)))
}
