package train

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/kafkaml/kafkaml/shared/drift"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// A training whose deployment follows an alias is told by a mark in the store that the
// alias has moved. Between two batches it then takes the weights of the result that the
// alias names now, and stores them with the offsets that it has reached: what it had
// learned until then is given up, and each record that comes is learned from once. The
// adoption is told after that, so that one which a kill undoes was never heard of.

// base is the result that the training goes on from.
func (f *follower) base() int64 {
	if n := len(f.adoptions); n > 0 {
		return f.adoptions[n-1].Result
	}
	if f.Job.Parent == nil {
		return 0
	}
	return f.Job.Parent.Result
}

// succeed goes on from the result that the alias names, where it has moved. What cannot
// be taken is warned of once, and the training goes on as it was.
func (f *follower) succeed(ctx context.Context) error {
	if !f.plan.Follows {
		return nil
	}
	mark := pipeline.SuccessorMark(f.Job.Checkpoint)
	next, err := f.successor(ctx, mark)
	if err != nil {
		if pipeline.KindOf(err) != pipeline.NotFound {
			f.Log.WarnContext(ctx, "it is not known whether the alias has moved", "result", f.Job.Result, "error", err)
		}
		return ctx.Err()
	}
	if next.Result != f.base() && next.Result != f.unfit {
		err = f.adopt(ctx, next)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f.mu.Lock()
	if err != nil {
		f.unfit = next.Result // it is told again
		f.warn(ctx, "it does not go on from the result that the alias names now: %v", err)
	}
	stored := f.keeper.adopted == pipeline.LastAdoption(f.adoptions) // else an attempt that follows needs it
	f.mu.Unlock()
	if stored {
		f.forget(ctx, mark, pipeline.SuccessorModel(f.Job.Checkpoint, next.Result))
	}
	return ctx.Err()
}

// forget removes a mark that was looked at, and its model. What cannot be removed is
// looked at again.
func (f *follower) forget(ctx context.Context, mark, model string) {
	if err := errors.Join(f.store.Delete(ctx, mark), f.store.Delete(ctx, model)); err != nil {
		f.Log.WarnContext(ctx, "the mark of a successor was not removed", "result", f.Job.Result, "error", err)
	}
}

// successor reads the mark.
func (f *follower) successor(ctx context.Context, mark string) (next pipeline.Ancestor, err error) {
	content, _, err := f.store.Get(ctx, mark)
	if err != nil {
		return next, err
	}
	return next, errors.Join(json.NewDecoder(content).Decode(&next), content.Close())
}

// adopt goes on from another result than until now.
func (f *follower) adopt(ctx context.Context, next pipeline.Ancestor) error {
	a, err := f.fetch(ctx, next) // the training goes on meanwhile
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.set(ctx, next, a); err != nil {
		return err
	}
	before := f.base()
	f.rates, f.drift = raise{}, drift.New(f.plan.Drift, f.Job.BatchSize)
	f.giver.Referred, f.giver.Stored = false, nil
	f.adoptions, _ = pipeline.AddAdoptions(f.adoptions, []pipeline.Adoption{{
		Number: max(f.plan.Adopted, pipeline.LastAdoption(f.adoptions)) + 1, Records: f.score.Records, Epoch: f.score.Points + 1, Before: before, Result: next.Result,
	}})
	f.Log.InfoContext(ctx, "the training goes on from another result", "result", f.Job.Result, "attempt", f.Job.Attempt, "from", next.Result, "records", f.score.Records)
	if f.start != nil {
		if f.start, err = f.trainer.Snapshot(); err != nil {
			return err
		}
	}
	return f.keeper.try(ctx)
}

// set gives the model the weights of another result.
func (f *follower) set(ctx context.Context, from pipeline.Ancestor, a framework.Ancestor) error {
	return f.pulse.during(func() error {
		state, err := f.assume(from, a)
		if state != "" {
			f.warn(ctx, "%s", state)
		}
		return err
	})
}

// back sets the training to the last result that it has given before so many records,
// and gives its number; 0: there is none, and the training is as it began.
func (f *follower) back(ctx context.Context, records int64) (interim int, err error) {
	for i := len(f.giver.Stored) - 1; i >= 0; i-- {
		one := f.giver.Stored[i]
		if one.Records > records {
			continue
		}
		from := pipeline.Ancestor{Result: f.Job.Result, Artifact: pipeline.InterimArtifact(f.Job.Result, one.Number, one.By)}
		a, err := f.fetch(ctx, from)
		if pipeline.KindOf(err) == pipeline.Invalid { // somebody has deleted it
			continue
		}
		if err == nil {
			err = f.set(ctx, from, a)
		}
		return one.Number, err
	}
	return 0, f.trainer.Resume(f.start)
}
