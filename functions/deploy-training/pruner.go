package deploytraining

import (
	"fmt"
	"slices"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// startups is how many trials finish before the median counts, as in Optuna.
const startups = 5

// prunes says why a trial ends after an epoch, "" where it goes on: as Optuna's
// MedianPruner and SuccessiveHalvingPruner of the first rung 1 decide.
func prunes(tx *registry.Tx, st pipeline.Study, r pipeline.Result, e pipeline.Epoch) (string, error) {
	own, ok := st.Value(e.Training, e.Validation)
	if !ok {
		return fmt.Sprintf("%s is no number after epoch %d", st.Objective, e.Epoch), nil
	}
	others, err := tx.EpochsOf(st.Deployment, e.Epoch)
	if err != nil {
		return "", err
	}
	if st.Pruner == pipeline.PrunerMedian {
		return medianPrunes(tx, st, r, e, others)
	}
	all := []float64{own}
	for id, o := range others {
		if v, ok := st.Value(o.Training, o.Validation); ok && id != r.ID {
			all = append(all, v)
		}
	}
	sortBest(st, all)
	best := all[:max(1, len(all)/pipeline.ASHAFactor)]
	if !st.Better(best[len(best)-1], own) {
		return "", nil
	}
	return fmt.Sprintf("after epoch %d, %s of %.4g is not among the best %d of %d", e.Epoch, st.Objective, own, len(best), len(all)), nil
}

// sortBest sorts values of the objective, the best first.
func sortBest(st pipeline.Study, all []float64) {
	slices.SortFunc(all, func(a, b float64) int {
		switch {
		case st.Better(a, b):
			return -1
		case st.Better(b, a):
			return 1
		}
		return 0
	})
}

// medianPrunes compares the best value of a trial so far with the median of those
// that finished, after the same epoch.
func medianPrunes(tx *registry.Tx, st pipeline.Study, r pipeline.Result, e pipeline.Epoch, others map[int64]pipeline.Epoch) (string, error) {
	if st.Finished < startups {
		return "", nil
	}
	page, err := tx.Results(registry.Query{Status: string(pipeline.ResultFinished), By: map[string]int64{"deployment": st.Deployment}})
	if err != nil {
		return "", err
	}
	var all, mine []float64
	for _, done := range page.Items {
		if v, ok := st.Value(others[done.ID].Training, others[done.ID].Validation); ok {
			all = append(all, v)
		}
	}
	epochs, err := tx.Epochs(r.ID, 0, e.Epoch)
	if err != nil || len(all) == 0 {
		return "", err
	}
	for _, own := range epochs {
		if v, ok := st.Value(own.Training, own.Validation); ok {
			mine = append(mine, v)
		}
	}
	sortBest(st, all)
	sortBest(st, mine)
	n := len(all)
	median := (all[(n-1)/2] + all[n/2]) / 2
	if !st.Better(median, mine[0]) {
		return "", nil
	}
	return fmt.Sprintf("after epoch %d, its best %s of %.4g is worse than the median %.4g of %d trials", e.Epoch, st.Objective, mine[0], median, n), nil
}
