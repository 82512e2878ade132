package train

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// fit trains on the records that have labels and then, as long as there are rounds,
// on those as well that the model has labelled.
func (t *training) fit(ctx context.Context) error {
	keeper, left := t.keep(ctx)
	var from []byte
	if left != nil {
		t.outcome.Engine, t.outcome.EngineReason = left.Engine, left.Reason
		from = left.State
		if err := t.relabel(ctx, left); err != nil {
			return err
		}
	}
	if left != nil && left.Done {
		if err := t.trainer.Resume(from); err != nil {
			return op("go on from the checkpoint", err)
		}
	} else if err := t.fitOnce(ctx, keeper, from); err != nil {
		return err
	}
	for t.unlabelled.more() {
		keeper.fitted(ctx)
		labelled, err := t.label(ctx)
		if err != nil || !labelled {
			return err
		}
		if err := t.fitOnce(ctx, keeper, nil); err != nil {
			return err
		}
	}
	return nil
}

// fitOnce is one fit, each epoch reported as it ends; from is what it goes on from,
// nil: it begins.
func (t *training) fitOnce(parent context.Context, keeper *keeper, from []byte) error {
	plan, rounds := t.plan(), t.unlabelled.before()
	plan.Validation, plan.From = t.validation, from
	after := 0 // epochs of the fits before
	if n := len(rounds); n > 0 {
		after, plan.Engine = rounds[n-1]-plan.InitialEpoch, t.outcome.Engine
	}
	t.report.total(after + plan.Epochs)
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	split := t.labelled()
	watch := t.watch(ctx, cancel, keeper, plan, after)
	report, err := t.trainer.Fit(ctx, split, plan, watch)
	if errors.Is(err, framework.ErrForeign) && len(rounds) == 0 {
		keeper.begin(ctx, err)
		plan.From = nil
		report, err = t.trainer.Fit(ctx, split, plan, watch)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return t.fitted(parent, report, after, err)
}

// watch hears how a fit goes whose epochs follow so many others.
func (t *training) watch(ctx context.Context, cancel context.CancelCauseFunc, keeper *keeper, plan framework.Plan, after int) framework.Watch {
	left := &remaining{now: time.Now}
	stage := func(s pipeline.Stage) {
		if t.report.stage(s); s == pipeline.StageTraining {
			left.resume()
		} else {
			left.pause()
		}
	}
	watch := framework.Watch{Stage: stage, Epoch: func(e pipeline.Epoch) {
		e.Epoch += after
		t.pulse.beat()
		t.seen(e)
		keeper.done(e)
		if err := t.judge(e); err != nil {
			cancel(err)
		}
		if t.Job.Pruner.Judges(e.Epoch) && e.Epoch < plan.Epochs {
			if err := t.report.verdict(); err != nil {
				cancel(err)
			}
			t.pulse.beat()
		}
	}}
	if !t.unlabelled.more() { // else nobody knows how many fits follow
		watch.Steps = func(pass int, done, of int64) { t.report.left(left.step(pass, done, of)) }
	}
	if keeper != nil {
		watch.Checkpoint = func(epoch int, state func() ([]byte, error)) { keeper.after(ctx, epoch, state) }
	}
	return watch
}

// fitted takes note of what a fit came to, whose epochs followed so many others. The
// engine is that of the first one, in which the others begin.
func (t *training) fitted(ctx context.Context, report framework.FitReport, after int, err error) error {
	if after == 0 {
		t.outcome.Engine, t.outcome.EngineReason = report.Engine, report.Reason
		if t.Job.EngineReason != "" && report.Engine == t.Job.Engine {
			t.outcome.EngineReason = t.Job.EngineReason
		}
	}
	if report.Exhausted {
		report.Warnings = append(report.Warnings,
			"steps_per_epoch does not divide the batches of the training split: as in Keras, an epoch that meets its end is shorter")
	}
	for _, w := range report.Warnings {
		if all := &t.outcome.Split.Warnings; !slices.Contains(*all, w) {
			*all = append(*all, w)
		}
	}
	if err == nil && t.diverged != nil && t.Job.OnNaN != pipeline.NaNStays { // in the last epoch
		err = t.diverged
	}
	if err != nil {
		t.outcome.Metrics.Training = t.lastEpoch.Training
		return t.refusal(ctx, "train", err)
	}
	t.outcome.Stopping = stoppedAfter(report.Stopping, after)
	if report.Stopping != nil && report.Stopping.Restored {
		t.lastEpoch = t.bestEpoch // whose weights the model has
	}
	t.outcome.Metrics.Training = t.lastEpoch.Training
	return nil
}

// stoppedAfter is what early stopping made of a fit whose epochs followed so many
// others.
func stoppedAfter(s *pipeline.Stopping, after int) *pipeline.Stopping {
	if s == nil || after == 0 {
		return s
	}
	all := *s
	if all.BestEpoch > 0 {
		all.BestEpoch += after
	}
	if all.StoppedEpoch > 0 {
		all.StoppedEpoch += after
	}
	all.Reason = fmt.Sprintf("in the last fit, whose epochs count from %d on: %s", after, s.Reason)
	return &all
}

// fitted stores the training between a fit and the round that follows.
func (k *keeper) fitted(ctx context.Context) {
	if k != nil {
		k.put(ctx, k.t.lastTold, true, k.t.trainer.Snapshot)
	}
}
