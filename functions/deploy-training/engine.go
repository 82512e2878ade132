package deploytraining

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// repeat lets a training that was done before take the engine that was chosen
// then. Engines round differently, and what measuring finds depends on what
// else the machine does, so without it the same source, seed and stream could
// give other weights the second time. Once the earlier result is deleted, the
// engine is chosen anew.
func repeat(tx *registry.Tx, job *pipeline.TrainingJob, stream pipeline.Datasource) error {
	if job.Engine != pipeline.Auto {
		return nil
	}
	before, found, err := earlier(tx, *job, stream)
	if err != nil || !found {
		return err
	}
	job.Engine, job.EngineReason = before.Engine, before.EngineReason
	if !strings.HasPrefix(before.EngineReason, asBefore) { // else it repeated one itself, which is named already
		job.EngineReason = fmt.Sprintf("%s %d: %s", asBefore, before.ID, before.EngineReason)
	}
	return nil
}

// asBefore begins the reason of an engine that a repeat took over.
const asBefore = "as for the same training of result"

// earlierPage is how many results are looked at in one query.
const earlierPage = 100

// earlier is the last result that finished the training that job describes, on
// an engine that was chosen.
func earlier(tx *registry.Tx, job pipeline.TrainingJob, stream pipeline.Datasource) (pipeline.Result, bool, error) {
	q := registry.Query{By: map[string]int64{"model": job.Model}, Status: string(pipeline.ResultFinished), Limit: earlierPage}
	for {
		page, err := tx.Results(q)
		if err != nil {
			return pipeline.Result{}, false, err
		}
		for _, r := range page.Items {
			if same, err := sameTraining(tx, r, job, stream); same || err != nil {
				return r, same, err
			}
		}
		if page.Next == "" {
			return pipeline.Result{}, false, nil
		}
		q.After = page.Next
	}
}

// sameTraining reports whether r was trained on what job would be, by an engine
// that was chosen. What costs a query is compared last.
func sameTraining(tx *registry.Tx, r pipeline.Result, job pipeline.TrainingJob, stream pipeline.Datasource) (bool, error) {
	if r.Imported != nil || r.ID == job.Result || r.ModelVersion != job.ModelVersion || r.Lineage.Seed != job.Seed {
		return false, nil
	}
	dep, err := tx.Deployment(r.Deployment)
	if err != nil {
		return false, err
	}
	if dep.Engine != pipeline.Auto || dep.BatchSize != job.BatchSize || dep.GPUs != job.GPUs || !sameFit(dep.TrainingKwargs, job.TrainingKwargs) {
		return false, nil
	}
	d, err := tx.Datasource(r.Datasource)
	return err == nil && d.SameStream(stream), err
}

// sameFit compares arguments of fit but for verbose, which changes no weight.
func sameFit(a, b pipeline.TrainingKwargs) bool {
	a.Verbose, b.Verbose = 0, 0
	if len(a.ClassWeight)+len(b.ClassWeight) == 0 {
		a.ClassWeight, b.ClassWeight = nil, nil
	}
	return reflect.DeepEqual(a, b)
}
