package train

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/schemas"
)

// training is one attempt under way.
type training struct {
	Config
	report  *reporter
	pulse   *pulse
	store   *artifact.Store
	schemas *schemas.Client // nil where there is no registry
	scratch string

	framework               framework.Framework
	trainer                 framework.Trainer
	cache                   *cache
	hash                    *hasher     // of what is read
	unlabelled              *unlabelled // what it labels itself; nil: nothing
	values                  *values     // what the stream holds
	bad                     *skips      // what of it is not trained on
	joined                  *joined     // where its labels come from another topic
	window                  *features.Window
	windows                 *features.Windows // that records are read into; nil where each is a sample
	train, validation, test *split
	classNames              []string // in the order of their numbers, where texts are numbered
	outcome                 pipeline.Outcome
	lastEpoch, bestEpoch    pipeline.Epoch
	lastTold                int             // number of the last epoch that was reported
	diverged                *pipeline.Error // what a loss of NaN comes to; nil while it is a number
	overflowed              bool            // a loss was infinite, and that has been said
}

// close frees what prepare opened.
func (t *training) close() error {
	var errs []error
	if t.trainer != nil {
		errs = append(errs, t.trainer.Close())
	}
	if t.hash != nil {
		t.hash.close()
	}
	if t.cache != nil {
		errs = append(errs, t.cache.close())
	}
	return errors.Join(append(errs, t.joined.close())...)
}

// prepare reads the stream and, meanwhile, loads the model, whose layers then
// learn what the source leaves open.
func (t *training) prepare(ctx context.Context) error {
	decoder, err := features.ForTraining(t.Job.InputFormat, t.Job.InputConfig, t.Job.Export, t.schemas != nil)
	if err != nil {
		return err
	}
	t.classNames = decoder.Classes()
	g, gctx := errgroup.WithContext(ctx)
	open := traced("open", func(ctx context.Context) error { return t.open(ctx, decoder) })
	var kept *head
	read := traced("read", func(ctx context.Context) error {
		if kept = t.kept(ctx, decoder); kept != nil {
			return nil
		}
		return t.read(ctx, decoder)
	})
	g.Go(func() error { return open(gctx) })
	g.Go(func() error { return read(gctx) })
	if err := g.Wait(); err != nil {
		return err
	}
	if err := t.split(ctx, decoder, kept); err != nil {
		return err
	}
	if err := t.readUnlabelled(ctx, decoder); err != nil {
		return err
	}
	if kept == nil {
		t.outcome.Lineage.ContentHash = t.hash.sum()
		t.keepTensors(ctx)
	}
	if len(t.Job.Export.Adapt) == 0 || t.Job.Parent != nil {
		return nil
	}
	return traced("adapt", t.computes(t.adapt))(ctx)
}

// open fetches the exported model and loads it.
func (t *training) open(ctx context.Context, d *features.Decoder) error {
	dir := filepath.Join(t.scratch, "exported")
	err := t.report.patiently(ctx, unavailable, func(ctx context.Context) error {
		return t.framework.Kind().Bundle.Exported.Get(ctx, t.store, t.Job.Artifact, dir)
	})
	if err != nil {
		return err
	}
	plan := t.plan()
	t.trainer, err = t.framework.OpenTrainer(framework.TrainerOptions{
		Dir: dir, Export: t.Job.Export, Inputs: d.Inputs(), Labels: d.Labels(), Batch: t.Job.BatchSize, GPU: t.Job.GPUs > 0,
		Plan: &plan, Records: pipeline.Records(t.Job.Ranges),
	})
	if err != nil || t.Job.Parent == nil {
		return err
	}
	return t.inherit(ctx, *t.Job.Parent)
}

// inherit begins with what another training ended with.
func (t *training) inherit(ctx context.Context, from pipeline.Ancestor) error {
	a, err := t.fetch(ctx, from)
	if err != nil {
		return err
	}
	state, err := t.assume(from, a)
	if state != "" {
		t.Job.Warnings = append(t.Job.Warnings, state)
	}
	return err
}

// fetch gets what another training ended with.
func (t *training) fetch(ctx context.Context, from pipeline.Ancestor) (a framework.Ancestor, err error) {
	a = framework.Ancestor{Dir: filepath.Join(t.scratch, "parent"), From: from.Export}
	bundle := t.framework.Kind().Bundle
	err = t.report.patiently(ctx, unavailable, func(ctx context.Context) error {
		if err := os.RemoveAll(a.Dir); err != nil { // of a try before
			return err
		}
		if err := bundle.Served.Get(ctx, t.store, from.Artifact, a.Dir); err != nil || a.From == nil {
			return err
		}
		return bundle.Named.Get(ctx, t.store, from.Exported, a.Dir)
	})
	if pipeline.KindOf(err) == pipeline.NotFound {
		return a, pipeline.Invalidf("from", "the trained model of result %d is not in the store any more", from.Result)
	}
	if err != nil {
		return a, op(fmt.Sprintf("fetch result %d", from.Result), err)
	}
	return a, nil
}

// assume gives the model what fetch got, which is removed; warning says what of it could
// not be taken.
func (t *training) assume(from pipeline.Ancestor, a framework.Ancestor) (warning string, err error) {
	state, err := t.trainer.Inherit(a)
	if err != nil {
		return "", op(fmt.Sprintf("go on from result %d", from.Result), err)
	}
	if state != "" {
		warning = fmt.Sprintf("it goes on with the weights of result %d, but the state of the optimizer begins anew: %s", from.Result, state)
	}
	return warning, os.RemoveAll(a.Dir)
}

// plan is the training that the Job describes, without its splits.
func (t *training) plan() framework.Plan {
	k, v := t.Job.TrainingKwargs, t.Job.ValidationKwargs
	if t.Job.Following != nil {
		acts := t.Job.Following.OnDrift != "" // after any batch
		return framework.Plan{BatchSize: t.Job.BatchSize, Epochs: 1, ClassWeight: k.ClassWeight, Stepped: true, Singly: acts, Engine: t.Job.Engine}
	}
	return framework.Plan{
		BatchSize: t.Job.BatchSize, Epochs: k.Epochs, InitialEpoch: k.InitialEpoch, StepsPerEpoch: k.StepsPerEpoch,
		ClassWeight: k.ClassWeight, ValidationSteps: v.Steps, ValidationFreq: k.ValidationFreq, Engine: t.Job.Engine,
		EarlyStopping: k.EarlyStopping, ReduceLR: k.ReduceLR, LearningRate: t.Job.LearningRate, Checkpointed: k.Checkpoint != nil, Inherits: t.Job.Parent != nil || t.Job.Unlabelled != nil,
	}
}

// order puts the cache into the order of the splits.
func (t *training) order(ctx context.Context) error {
	if t.Job.ShuffleStream {
		if err := t.cache.shuffle(ctx, t.Job.StreamSeed); err != nil {
			return op("shuffle the stream", err)
		}
	}
	if err := t.arrange(ctx); err != nil {
		return op("split the stream", err)
	}
	return nil
}

// split divides the cache and counts what each part holds, where that was not kept.
func (t *training) split(ctx context.Context, d *features.Decoder, kept *head) error {
	if kept == nil {
		if err := t.order(ctx); err != nil {
			return err
		}
	}
	total := t.cache.records
	train, test, _ := pipeline.Split(total, t.Job.ValidationRate, t.Job.TestRate)
	if train == 0 {
		return t.nothing()
	}
	t.cache.pulse = t.pulse
	columns := t.trainer.Columns()
	part := func(from, to int64) *split { return newSplit(t.cache, columns, from, to) }
	t.train, t.test, t.validation = part(0, train), part(train, train+test), part(train+test, total)
	if t.Job.TrainingKwargs.Shuffle {
		t.train.shuffled, t.train.seed = true, uint64(t.Job.Seed)
	}
	if kept != nil {
		t.cache.fills, t.outcome.Split = kept.Fills, &kept.Audit
		return nil
	}
	means, err := t.average(ctx, d)
	if err != nil {
		return err
	}
	audit, err := t.audit(ctx)
	audit.By, audit.Seed = t.Job.Split, 0
	if audit.By != pipeline.SplitTime {
		audit.Seed = t.Job.StreamSeed
	}
	audit.Lengths = d.Lengths()
	audit.Means, audit.LeftOut, audit.Skipped, audit.Joined = means, t.bad.leftOut, t.bad.audit(), t.joined.result()
	audit.Columns = t.values.columns()
	var ofWindows []string
	audit.Windows, ofWindows = t.windowed()
	audit.Warnings = slices.Concat(audit.Warnings, ofWindows, twice(t.Job.Ranges), t.values.warnings(), t.Job.Warnings)
	t.outcome.Split = audit
	return err
}

// adapt gives the layers that the source leaves open what they learn from the
// training split.
func (t *training) adapt(ctx context.Context) error {
	t.report.stage(pipeline.StageAdapting)
	began := time.Now()
	learned, err := t.trainer.Adapt(ctx, t.train, framework.AdaptOptions{Held: t.validation, Words: t.Words})
	if err != nil {
		return err
	}
	t.Log.InfoContext(ctx, "layers adapted", "result", t.Job.Result, "attempt", t.Job.Attempt, "layers", len(learned), "records", t.train.Len(), "seconds", time.Since(began).Seconds())
	t.outcome.Split.Adapted = learned
	for i, a := range learned {
		learned[i].Said = a.Sentence()
		if a.Note != "" {
			t.outcome.Split.Warnings = append(t.outcome.Split.Warnings, a.Note)
		}
	}
	return nil
}

// seen takes note of an epoch that is done, and reports it.
func (t *training) seen(e pipeline.Epoch) {
	t.lastEpoch, t.lastTold = e, e.Epoch
	if e.Best {
		t.bestEpoch = e
	}
	t.report.epoch(e)
}

// evaluate measures the trained model on what it was not trained on.
func (t *training) evaluate(ctx context.Context) (err error) {
	m := &t.outcome.Metrics
	if m.Validation = t.lastEpoch.Validation; m.Validation == nil && t.validation.Len() > 0 {
		if m.Validation, err = t.trainer.Evaluate(ctx, t.validation, t.Job.BatchSize, t.Job.ValidationKwargs.Steps); err != nil {
			return t.refusal(ctx, "evaluate the validation split", err)
		}
	}
	if t.test.Len() > 0 {
		if m.Test, err = t.trainer.Evaluate(ctx, t.test, t.Job.BatchSize, 0); err != nil {
			return t.refusal(ctx, "evaluate the test split", err)
		}
	}
	t.outcome.Confusion, err = t.confusion(ctx)
	return err
}

// save stores the trained model and completes the lineage.
func (t *training) save(ctx context.Context) (err error) {
	dir := filepath.Join(t.scratch, "trained")
	err = t.report.patiently(ctx, full, func(context.Context) error {
		if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
			return err
		}
		return t.trainer.Save(dir)
	})
	if err != nil {
		return op("save the trained model", err)
	}
	l := &t.outcome.Lineage
	if l.WeightsHash, err = t.trainer.WeightsHash(); err != nil {
		return op("hash the trained weights", err)
	}
	if err := t.doubt(); err != nil {
		return op("look at the trained weights", err)
	}
	convert := traced("convert", func(ctx context.Context) error { return t.chooseServing(ctx, dir) })
	if err := convert(ctx); err != nil {
		return err
	}
	err = t.report.patiently(ctx, unavailable, func(ctx context.Context) error {
		return t.framework.Kind().Bundle.Trained.Put(ctx, t.store, t.Job.Output, dir)
	})
	if err != nil {
		return err
	}
	t.outcome.Artifact = t.Job.Output
	l.SourceHash, l.ModelVersion, l.Seed, l.Ranges = t.Job.SourceHash, t.Job.ModelVersion, t.Job.Seed, t.Job.Ranges
	l.Libraries = maps.Clone(t.Job.Export.Libraries)
	if l.Libraries == nil {
		l.Libraries = pipeline.Libraries{}
	}
	l.Libraries["trainer"] = t.framework.Library()
	return nil
}
