package deploytraining

import (
	"errors"
	"slices"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

// schedule lets a deployment train on a datasource and gives the results that
// were scheduled. A deployment trains once on a stream: results that wait take
// it; where none waits any more, a stream that differs from those trained on
// makes a new round of results of the same models. The same datasource, or
// another control message of the same stream, changes nothing. A deployment
// that was stopped trains on no stream.
func (s *Service) schedule(tx *registry.Tx, dep pipeline.Deployment, d pipeline.Datasource) ([]pipeline.Result, error) {
	if d.Rejected != nil {
		return nil, nil
	}
	if dep.Study != 0 {
		return nil, s.begin(tx, dep.Study, d)
	}
	if _, known, err := tx.TrainedOn(dep.ID, d); known || err != nil {
		return nil, err
	}
	if dep.Mode == pipeline.ModeStream {
		why, err := following(tx, dep)
		if err != nil {
			return nil, err
		}
		if why != nil {
			return nil, mark(tx, d, why)
		}
	}
	last, err := lastRound(tx, dep.ID)
	if err != nil {
		return nil, err
	}
	waiting, err := tx.Results(registry.Query{By: map[string]int64{"deployment": dep.ID, "datasource": 0}, Status: string(pipeline.ResultWaiting)})
	if err != nil {
		return nil, err
	}
	round := waiting.Items
	slices.Reverse(round)
	if len(round) == 0 {
		if dep.Status == pipeline.DeploymentStopped {
			return nil, nil
		}
		if round, err = nextRound(tx, dep, d); err != nil {
			return nil, err
		}
	}
	if dep.Mode == pipeline.ModeRounds {
		for i := range round {
			round[i].Round = last + 1
		}
	}
	return s.assign(tx, dep, d, round)
}

// assign gives each result of a round its datasource: scheduled where the
// model can read the stream, failed with the reason where it cannot. Of a
// deployment of rounds it waits while one before it is under way.
func (s *Service) assign(tx *registry.Tx, dep pipeline.Deployment, d pipeline.Datasource, round []pipeline.Result) ([]pipeline.Result, error) {
	if err := mark(tx, d, nil); err != nil {
		return nil, err
	}
	if err := sent(tx, dep.ID, d); err != nil {
		return nil, err
	}
	var scheduled []pipeline.Result
	for _, r := range round {
		m, err := readAs(tx, r)
		if err != nil && pipeline.KindOf(err) != pipeline.Invalid {
			return nil, err
		}
		r.Datasource = d.ID
		if r.EpochsTotal = dep.TrainingKwargs.Epochs; dep.Mode == pipeline.ModeStream {
			r.EpochsTotal = 0 // nobody knows
		}
		if err == nil {
			if err := newest(tx, &r); err != nil {
				return nil, err
			}
			err = s.startable(tx, dep, r, m.Export, d)
		}
		if err != nil {
			fail(&r, err)
			if _, err := save(tx, &r); err != nil {
				return nil, err
			}
			continue
		}
		r.Traceparent, r.Tracestate = tracing.Of(tx.Context())
		if dep.Mode == pipeline.ModeRounds {
			if err := wait(tx, &r); err != nil {
				return nil, err
			}
			continue
		}
		renew(&r)
		if _, err := save(tx, &r); err != nil {
			return nil, err
		}
		scheduled = append(scheduled, r)
	}
	if dep.Mode == pipeline.ModeRounds {
		return begin(tx, dep)
	}
	return scheduled, nil
}

// renew puts a result at the start of its next attempt: what an attempt before
// reported is cleared, but for drifts and adoptions, each of which is told once.
func renew(r *pipeline.Result) {
	*r = pipeline.Result{
		ID: r.ID, Deployment: r.Deployment, Configuration: r.Configuration,
		Model: r.Model, ModelName: r.ModelName, ModelVersion: r.ModelVersion,
		Datasource: r.Datasource, Parent: r.Parent, Round: r.Round, EpochsTotal: r.EpochsTotal, Notes: r.Notes, Created: r.Created, Trial: r.Trial, Variation: r.Variation, Drifts: r.Drifts,
		Follows: r.Follows, Successor: r.Successor, Unfit: r.Unfit, Adoptions: r.Adoptions,
		Lineage: pipeline.Lineage{
			SourceHash: r.Lineage.SourceHash, ModelVersion: r.ModelVersion, Seed: r.Lineage.Seed,
		},
		Attempt: r.Attempt + 1, Lost: r.Lost, Ending: r.Ending, Interims: r.Interims, Traceparent: r.Traceparent, Tracestate: r.Tracestate,
	}
	setStatus(r, pipeline.ResultScheduled)
}

// fail ends a result for the reason in err.
func fail(r *pipeline.Result, err error) {
	r.Reason, r.Hint = err.Error(), ""
	var e *pipeline.Error
	if errors.As(err, &e) {
		reason := *e
		reason.Op = ""
		r.Reason, r.Hint = reason.Error(), e.Hint
	}
	setStatus(r, pipeline.ResultFailed)
}

// setStatus sets a result's state and the times that belong to it; StatusChanged
// is the registry's to set. What it waited for is over.
func setStatus(r *pipeline.Result, status pipeline.ResultStatus) {
	now := time.Now().UTC()
	if r.Status == pipeline.ResultRunning && (status == pipeline.ResultFinished || status == pipeline.ResultStopped) {
		r.Reason, r.Hint = "", ""
	}
	r.Status = status
	if status == pipeline.ResultRunning && r.Started == nil {
		r.Started = &now
	}
	if status.Ended() {
		r.Finished = &now
	}
}

// wait stores a round to come.
func wait(tx *registry.Tx, r *pipeline.Result) error {
	if err := tx.UpdateResult(r); err != nil {
		return err
	}
	_, err := door.Publish(tx, name, eventing.ResultProgressed, r.ID, Progressed{Result: *r})
	return err
}

// startable is nil where a result can be trained on a datasource, from its parent.
func (s *Service) startable(tx *registry.Tx, dep pipeline.Deployment, r pipeline.Result, m pipeline.Export, d pipeline.Datasource) error {
	if r.Parent != 0 {
		if err := alike(tx, r); err != nil {
			return err
		}
	}
	if err := dep.TrainingKwargs.CheckMonitors(d.ValidationRate > 0); err != nil {
		return err
	}
	return s.readable(dep, m, d)
}

// Readable is nil where a model can be trained on a datasource, else the reason
// why it cannot; registry says whether schemas can be asked for.
func Readable(m pipeline.Export, d pipeline.Datasource, registry bool) error {
	if err := m.CheckRates(d.ValidationRate, d.TestRate); err != nil {
		return err
	}
	if err := m.CheckSplit(d.Split); err != nil {
		return err
	}
	decoder, err := features.ForTraining(d.InputFormat, d.InputConfig, m, registry)
	if err != nil {
		return err
	}
	ranges := d.Ranges
	if j := decoder.Join(); j != nil {
		if err := j.Covers(ranges); err != nil {
			return err
		}
		ranges, _ = j.Parts(ranges)
	}
	return decoder.Window().Suits(ranges, d.Split)
}

// nextRound makes waiting results of the models that the deployment was made
// with, one each.
func nextRound(tx *registry.Tx, dep pipeline.Deployment, d pipeline.Datasource) (round []pipeline.Result, err error) {
	first, err := tx.FirstResults(dep.ID)
	if err != nil {
		return nil, err
	}
	for _, old := range first {
		r := pipeline.Result{
			Deployment: old.Deployment, Configuration: old.Configuration, Datasource: d.ID,
			Model: old.Model, ModelName: old.ModelName, ModelVersion: old.ModelVersion, Parent: dep.From, Follows: dep.Follows, Variation: old.Variation,
			Lineage: pipeline.Lineage{
				SourceHash: old.Lineage.SourceHash, ModelVersion: old.ModelVersion, Seed: old.Lineage.Seed,
			},
		}
		if err := tx.CreateResult(&r); err != nil {
			return nil, err
		}
		round = append(round, r)
	}
	return round, nil
}
