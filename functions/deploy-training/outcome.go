package deploytraining

import (
	"context"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
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

// progressed keeps the epochs that a training reports. What an attempt before
// the present one says, or one of a result that is over, is not heard.
func (s *Service) progressed(ctx context.Context, e event.Event) (*event.Event, error) {
	var p pipeline.Progress
	if err := eventing.Data(e, &p); err != nil {
		return nil, err
	}
	err := s.Store.Do(ctx, func(tx *registry.Tx) error {
		r, current, err := currentAttempt(tx, p.Result, p.Attempt)
		if err != nil || !current {
			return err
		}
		advance(&r, p)
		if err := tx.AppendEpochs(r.ID, r.Attempt, p.Epochs); err != nil {
			return err
		}
		if err := tx.UpdateResult(&r); err != nil {
			return err
		}
		_, err = tell(tx, eventing.ResultProgressed, r.ID, Progressed{r, p.Stage, p.Records, p.Epochs})
		return err
	})
	if err != nil {
		return nil, during("record progress", err)
	}
	return nil, nil
}

// advance puts into r what p tells.
func advance(r *pipeline.Result, p pipeline.Progress) {
	r.Cut = false
	if r.Status != pipeline.ResultRunning {
		become(r, pipeline.ResultRunning)
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

// finished ends a result well, once its trained model is stored.
func (s *Service) finished(ctx context.Context, e event.Event) (*event.Event, error) {
	var o pipeline.Outcome
	if err := eventing.Data(e, &o); err != nil {
		return nil, err
	}
	key := pipeline.ResultArtifact(o.Result, o.Attempt)
	stored, err := s.Artifacts.Exists(ctx, key+"/savedmodel.zip")
	if err != nil {
		return nil, during("finish training", err)
	}
	err = s.conclude(ctx, o, func(r *pipeline.Result) {
		if !stored {
			fail(r, &pipeline.Error{Reason: "the training ended well but stored no model", Hint: "try again"})
			return
		}
		r.Artifact = key
		become(r, pipeline.ResultFinished)
	})
	return nil, err
}

// failed ends a result for the reason that its training gives.
func (s *Service) failed(ctx context.Context, e event.Event) (*event.Event, error) {
	var o pipeline.Outcome
	if err := eventing.Data(e, &o); err != nil {
		return nil, err
	}
	err := s.conclude(ctx, o, func(r *pipeline.Result) {
		fail(r, &pipeline.Error{Reason: o.Reason, Hint: o.Hint})
	})
	return nil, err
}

// conclude takes over what the training knows and lets last set the state.
func (s *Service) conclude(ctx context.Context, o pipeline.Outcome, last func(*pipeline.Result)) error {
	err := s.settle(ctx, o.Result, o.Attempt, func(r *pipeline.Result) {
		take(r, o)
		last(r)
	})
	if err != nil {
		return during("end training", err)
	}
	return nil
}

// take puts into r what o tells. A training that failed early tells less than
// is known already.
func take(r *pipeline.Result, o pipeline.Outcome) {
	r.Engine, r.EngineReason, r.Seconds = o.Engine, o.EngineReason, o.Seconds
	r.Split, r.Confusion = o.Split, o.Confusion
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

// Ended takes the end of a training process. One that told its outcome has
// ended its result already; for any other the way it ended is the reason.
func (s *Service) Ended(ctx context.Context, e platform.Ended) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterTime)
	defer cancel()
	s.keepLog(ctx, e.Result, e.Attempt, e.Log)
	err := s.settle(ctx, e.Result, e.Attempt, func(r *pipeline.Result) {
		fail(r, &pipeline.Error{Reason: reasonOf(e), Hint: e.Hint})
	})
	if err != nil {
		s.Log.ErrorContext(ctx, "the end of a training was not recorded", "result", e.Result, "attempt", e.Attempt, "error", err)
	}
}

// reasonOf says how a process ended that told no outcome.
func reasonOf(e platform.Ended) string {
	switch {
	case e.OK:
		return "the training process ended without telling its outcome"
	case e.Reason == "":
		return "the training process ended unexpectedly"
	}
	return e.Reason
}

// keepLog stores what a training process wrote, if its attempt is the last. A
// log that is lost loses no result, so a failure is logged only.
func (s *Service) keepLog(ctx context.Context, id int64, attempt int, text string) {
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
		s.Log.WarnContext(ctx, "a training's log was not kept", "result", id, "attempt", attempt, "error", err)
	}
}

// settle changes a result's state, if the attempt is its present one and it is
// not over.
func (s *Service) settle(ctx context.Context, id int64, attempt int, change func(*pipeline.Result)) error {
	return s.Store.Do(ctx, func(tx *registry.Tx) error {
		r, current, err := currentAttempt(tx, id, attempt)
		if err != nil || !current {
			return err
		}
		change(&r)
		r.Cut = false
		_, err = save(tx, &r)
		return err
	})
}

// currentAttempt reads a result and reports whether it is still to be heard from
// that attempt.
func currentAttempt(tx *registry.Tx, id int64, attempt int) (pipeline.Result, bool, error) {
	r, err := tx.Result(id)
	if pipeline.KindOf(err) == pipeline.NotFound {
		return r, false, nil
	}
	return r, err == nil && r.Attempt == attempt && r.Status.Active(), err
}
