package deploytraining

import (
	"context"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// Of a deployment of rounds, a result that waits and has a datasource is a round
// to come: the rounds of a model run one at a time, in the order of their ids, each
// from the newest that is finished before it.

// parentOf is the result that a round goes on from; 0: the model's initial weights.
func parentOf(results []pipeline.Result, r pipeline.Result, from int64) int64 {
	for _, before := range results { // by id
		if before.ID < r.ID && before.Model == r.Model && before.Status == pipeline.ResultFinished {
			from = before.ID
		}
	}
	return from
}

// lastRound is the number of a deployment's newest round, 0 before the first.
func lastRound(tx *registry.Tx, deployment int64) (last int, err error) {
	newest, err := tx.Results(registry.Query{By: map[string]int64{"deployment": deployment}, Limit: 1})
	for _, r := range newest.Items {
		last = r.Round
	}
	return last, err
}

// begin schedules the rounds of a deployment that come next: one for each model of
// which none is under way. After a round that cannot train comes the one behind it.
func begin(tx *registry.Tx, dep pipeline.Deployment) (scheduled []pipeline.Result, err error) {
	results, err := resultsOf(tx, dep.ID)
	if err != nil {
		return nil, err
	}
	busy := map[int64]bool{}
	for _, r := range results {
		if r.Status.Active() {
			busy[r.Model] = true
		}
	}
	for _, r := range results { // by id
		if r.Status != pipeline.ResultWaiting || r.Datasource == 0 || busy[r.Model] {
			continue
		}
		r.Parent = parentOf(results, r, dep.From)
		switch err := alike(tx, r); {
		case err == nil:
			renew(&r)
			busy[r.Model] = true
			scheduled = append(scheduled, r)
		case pipeline.KindOf(err) == pipeline.Invalid:
			fail(&r, err)
		default:
			return nil, err
		}
		if _, err := save(tx, &r); err != nil {
			return nil, err
		}
	}
	return scheduled, nil
}

// proceed starts the rounds of deployments that come next: after a training has ended,
// and again by Reconcile where a crash came between.
func (s *Service) proceed(ctx context.Context, deployments ...int64) {
	for _, id := range deployments {
		var scheduled []pipeline.Result
		err := s.Store.Do(ctx, func(tx *registry.Tx) error {
			dep, err := tx.Deployment(id)
			if pipeline.KindOf(err) == pipeline.NotFound || err == nil && dep.Mode != pipeline.ModeRounds {
				return nil
			}
			if err == nil {
				scheduled, err = begin(tx, dep)
			}
			return err
		})
		if err != nil {
			s.Log.WarnContext(ctx, "the next round was not started yet", "deployment", id, "error", err)
			continue
		}
		s.launch(ctx, scheduled)
	}
}

// queued are the deployments that have rounds to come.
func queued(tx *registry.Tx) (deployments []int64, err error) {
	page, err := tx.Results(registry.Query{Status: string(pipeline.ResultWaiting)})
	seen := map[int64]bool{}
	for _, r := range page.Items {
		if r.Datasource != 0 && !seen[r.Deployment] {
			seen[r.Deployment] = true
			deployments = append(deployments, r.Deployment)
		}
	}
	return deployments, err
}
