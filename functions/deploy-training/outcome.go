package deploytraining

import (
	"context"
	"fmt"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// Progressed is the data of result.progressed: the result, and what is new of
// it.
type Progressed struct {
	pipeline.Result
	Stage   pipeline.Stage   `json:"stage,omitempty"`
	Records int64            `json:"records,omitempty"`
	Epochs  []pipeline.Epoch `json:"epochs,omitempty"`
}

// due is nil where a report comes from the process of the attempt that it is
// about.
func due(ctx context.Context, result int64, attempt int) error {
	return identity.Be(ctx, identity.Job(result, attempt), fmt.Sprintf("what becomes of attempt %d of result %d", attempt, result))
}

// over refuses a report of an attempt before the present one, or of a result
// that has ended.
func over(result int64, attempt int) error {
	return &pipeline.Error{Kind: pipeline.Forbidden, Reason: fmt.Sprintf("attempt %d of result %d is over: nothing more is taken from it", attempt, result)}
}

// progressed stores the epochs, drifts and adoptions that a training reports.
func (s *Service) progressed(ctx context.Context, e event.Event) (*event.Event, error) {
	var p pipeline.Progress
	if err := eventing.Data(e, &p); err != nil {
		return nil, err
	}
	if p.Verifies {
		return nil, s.replaying(ctx, p)
	}
	if err := due(ctx, p.Result, p.Attempt); err != nil {
		return nil, err
	}
	reported := 0
	var pruned *pipeline.Result
	err := s.Store.Do(ctx, func(tx *registry.Tx) error {
		r, current, err := currentAttempt(tx, p.Result, p.Attempt)
		if err == nil && !current {
			err = over(p.Result, p.Attempt)
		}
		if err != nil {
			return err
		}
		added, err := tx.AppendEpochs(r.ID, r.Attempt, p.Epochs)
		if err != nil {
			return err
		}
		var drifts []pipeline.Drift
		r.Drifts, drifts = pipeline.AddDrifts(r.Drifts, p.Drifts)
		adoptions := adopts(&r, p.Adoptions)
		if len(p.Epochs) > 0 && len(added)+len(drifts)+len(adoptions) == 0 {
			return nil // the report has come before
		}
		reported = len(added)
		advance(&r, p)
		if err := judge(tx, &r, p, added); err != nil {
			return err
		}
		if pruned = nil; r.Status == pipeline.ResultPruned {
			pruned = &r
			_, err = save(tx, &r)
			return err
		}
		if err := tx.UpdateResult(&r); err != nil {
			return err
		}
		if len(drifts) > 0 {
			if err := drifted(tx, r.Deployment); err != nil {
				return err
			}
		}
		for _, d := range drifts {
			if _, err := door.Publish(tx, name, eventing.ResultDrifted, r.ID, pipeline.Drifted{Result: r, Drift: d}); err != nil {
				return err
			}
		}
		for _, a := range adoptions {
			if _, err := door.Publish(tx, name, eventing.ResultAdopted, r.ID, pipeline.Adopted{Result: r, Adoption: a}); err != nil {
				return err
			}
		}
		_, err = door.Publish(tx, name, eventing.ResultProgressed, r.ID, Progressed{r, p.Stage, p.Records, added})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("record the progress of result %d: %w", p.Result, err)
	}
	s.figures.epochs.Add(float64(reported))
	if pruned != nil {
		s.tidy(ctx, *pruned)
		return nil, over(p.Result, p.Attempt) // its process waits for this, and ends
	}
	return nil, nil
}

// advance puts into r what p reports.
func advance(r *pipeline.Result, p pipeline.Progress) {
	r.Cut = false
	if r.Status != pipeline.ResultRunning {
		setStatus(r, pipeline.ResultRunning)
	}
	r.SecondsLeft = p.SecondsLeft
	r.Reason, r.Hint = keptBy(p.Waiting)
	if p.PseudoLabels != nil {
		r.PseudoLabels = p.PseudoLabels
	}
	if n := len(p.Epochs); n > 0 && p.Epochs[n-1].Records > 0 && p.Records >= p.Epochs[n-1].Records {
		r.Lost = 0 // of a stream without an end, one that trains on is not lost for good
	}
	if p.EpochsTotal > 0 {
		r.EpochsTotal = p.EpochsTotal
	}
	for _, epoch := range p.Epochs {
		if epoch.Epoch < r.EpochsDone {
			continue // the event came late or twice
		}
		r.EpochsDone = epoch.Epoch
		r.Metrics.Training = epoch.Training
		if epoch.Validation != nil {
			r.Metrics.Validation = epoch.Validation
		}
	}
}

// keptBy is what a person reads of what keeps a training from going on.
func keptBy(by *pipeline.Rejection) (reason, hint string) {
	if by == nil {
		return "", ""
	}
	return "waits: " + by.Reason, by.Hint
}

// finished ends a result well, once its trained model is stored.
func (s *Service) finished(ctx context.Context, e event.Event) (*event.Event, error) {
	var o pipeline.Outcome
	if err := eventing.Data(e, &o); err != nil {
		return nil, err
	}
	if err := due(ctx, o.Result, o.Attempt); err != nil {
		return nil, err
	}
	key := pipeline.ResultArtifact(o.Result, o.Attempt)
	formats, err := s.stored(ctx, o, key)
	if pipeline.KindOf(err) == pipeline.NotFound { // the result was deleted meanwhile
		return nil, over(o.Result, o.Attempt)
	}
	if err != nil {
		return nil, fmt.Errorf("end result %d: %w", o.Result, err)
	}
	err = s.conclude(ctx, o, func(r *pipeline.Result) {
		if formats == nil {
			fail(r, &pipeline.Error{Reason: "the training ended well but stored no model", Hint: "try again"})
			return
		}
		r.Artifact, r.Formats = key, formats
		setStatus(r, pipeline.ResultFinished)
	})
	if err == nil && formats != nil {
		s.discard(ctx, pipeline.ResultCheckpoint(o.Result))
	}
	return nil, err
}

// failed ends a result for the reason that its training gives.
func (s *Service) failed(ctx context.Context, e event.Event) (*event.Event, error) {
	var o pipeline.Outcome
	if err := eventing.Data(e, &o); err != nil {
		return nil, err
	}
	if o.Verifies {
		return nil, s.unreplayed(ctx, o)
	}
	if err := due(ctx, o.Result, o.Attempt); err != nil {
		return nil, err
	}
	return nil, s.conclude(ctx, o, func(r *pipeline.Result) {
		fail(r, &pipeline.Error{Reason: o.Reason, Hint: o.Hint})
	})
}

// conclude takes over what the training knows and lets last set the state. A
// training that failed early reports less than is known already. An outcome that
// comes again, because its answer was lost, changes nothing.
func (s *Service) conclude(ctx context.Context, o pipeline.Outcome, last func(*pipeline.Result)) error {
	change := func(r *pipeline.Result) {
		learn(r, o)
		last(r)
	}
	var changed pipeline.Result
	var deleted []pipeline.Result
	err := s.Store.Do(ctx, func(tx *registry.Tx) error {
		deleted = nil
		r, current, err := currentAttempt(tx, o.Result, o.Attempt)
		if err != nil {
			return err
		}
		if !current {
			return again(r, o, change)
		}
		change(&r)
		r.Cut = false
		if _, err = save(tx, &r); err != nil {
			return err
		}
		changed = r
		deleted, err = contend(tx, r, o.Contest)
		return err
	})
	if err != nil {
		return fmt.Errorf("end result %d: %w", o.Result, err)
	}
	s.forget(ctx, deleted)
	s.aliasMoved()
	s.figures.ended(changed)
	s.tidy(ctx, changed)
	s.proceed(ctx, changed.Deployment)
	return nil
}

// learn puts into r what its training knows.
func learn(r *pipeline.Result, o pipeline.Outcome) {
	r.Engine, r.EngineReason, r.Seconds = o.Engine, o.EngineReason, o.Seconds
	r.Split, r.Confusion, r.Unsound = o.Split, o.Confusion, o.Unsound
	r.Serving, r.Stopping, r.SecondsLeft = o.Serving, o.Stopping, 0
	if o.PseudoLabels != nil {
		r.PseudoLabels = o.PseudoLabels
	}
	if o.Metrics.Training != nil {
		r.Metrics.Training = o.Metrics.Training
	}
	if o.Metrics.Validation != nil {
		r.Metrics.Validation = o.Metrics.Validation
	}
	r.Metrics.Test = o.Metrics.Test
	known := r.Lineage
	r.Lineage = o.Lineage
	r.Lineage.SourceHash, r.Lineage.ModelVersion, r.Lineage.Seed = known.SourceHash, known.ModelVersion, known.Seed
}

// again is nil where an attempt that is over ended as its outcome says.
func again(r pipeline.Result, o pipeline.Outcome, change func(*pipeline.Result)) error {
	said := r
	change(&said)
	if r.ID == o.Result && r.Attempt == o.Attempt && r.Status == said.Status && r.Reason == said.Reason {
		return nil
	}
	return over(o.Result, o.Attempt)
}

// Ended records the end of a training process. One that reported its outcome
// has ended its result already; for any other the way it ended is the reason.
func (s *Service) Ended(ctx context.Context, e platform.Ended) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterTime)
	defer cancel()
	reason := e.Reason
	switch {
	case e.OK:
		reason = "the training process ended without reporting its outcome"
	case reason == "":
		reason = "the training process ended unexpectedly"
	}
	why := &pipeline.Error{Reason: reason, Hint: e.Hint}
	var err error
	if _, _, verifies := parseVerify(e.Name); verifies {
		err = s.changeVerification(ctx, e.Result, e.Attempt, func(r *pipeline.Result) { unverified(r, why) })
	} else {
		s.persistLog(ctx, e.Result, e.Attempt, e.Log)
		err = s.changeAttempt(ctx, e.Result, e.Attempt, func(r *pipeline.Result) {
			if r.Lost++; r.Trial != nil && r.Lost < maxLost { // a study loses no trial by what ends a process
				renew(r)
				return
			}
			fail(r, why)
		})
	}
	if err != nil {
		s.Log.ErrorContext(ctx, "the end of a training was not recorded", "result", e.Result, "attempt", e.Attempt, "error", err)
		return
	}
	r, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (pipeline.Result, error) { return tx.Result(e.Result) })
	if err == nil { // else it was deleted
		s.proceed(ctx, r.Deployment)
	}
}

// persistLog stores what a training process wrote, if its attempt is the last.
// A log that is lost loses no result, so a failure is logged only.
func (s *Service) persistLog(ctx context.Context, id int64, attempt int, text string) {
	err := s.Store.Do(ctx, func(tx *registry.Tx) error {
		r, err := tx.Result(id)
		if pipeline.KindOf(err) == pipeline.NotFound {
			return nil
		}
		if err != nil || r.Attempt != attempt {
			return err
		}
		return tx.SetLogs(id, text)
	})
	if err != nil {
		s.Log.WarnContext(ctx, "a training's log was not stored", "result", id, "attempt", attempt, "error", err)
	}
}

// changeAttempt changes a result, if the attempt is its present one and it is
// not over.
func (s *Service) changeAttempt(ctx context.Context, id int64, attempt int, change func(*pipeline.Result)) error {
	var changed pipeline.Result
	err := s.Store.Do(ctx, func(tx *registry.Tx) error {
		r, current, err := currentAttempt(tx, id, attempt)
		if err != nil || !current {
			return err
		}
		change(&r)
		r.Cut = false
		_, err = save(tx, &r)
		changed = r
		return err
	})
	if err == nil {
		s.figures.ended(changed)
		s.tidy(ctx, changed)
	}
	return err
}

// currentAttempt reads a result and reports whether the attempt is its present
// one and not over.
func currentAttempt(tx *registry.Tx, id int64, attempt int) (pipeline.Result, bool, error) {
	r, err := tx.Result(id)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return r, false, nil
	}
	return r, err == nil && r.Attempt == attempt && r.Status.Active(), err
}
