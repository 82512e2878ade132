package train

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"

	tf "github.com/galeone/tensorflow/tensorflow/go"
	"golang.org/x/sync/errgroup"

	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// training is one attempt under way.
type training struct {
	Config
	report  *reporter
	store   *artifact.Store
	scratch string

	trainer                 *tensorflow.Trainer
	cache                   *cache
	train, validation, test *samples
	outcome                 pipeline.Outcome
	lastEpoch               pipeline.Epoch
}

// close frees what prepare opened.
func (t *training) close() error {
	var errs []error
	if t.trainer != nil {
		errs = append(errs, t.trainer.Close())
	}
	if t.cache != nil {
		errs = append(errs, t.cache.close())
	}
	return errors.Join(errs...)
}

func (t *training) exported() string { return filepath.Join(t.scratch, "model") }
func (t *training) template() string { return filepath.Join(t.scratch, "keras") }

// prepare reads the stream and, meanwhile, loads the model.
func (t *training) prepare(ctx context.Context) error {
	e := t.Job.Export
	decoder, err := codec.New(t.Job.InputFormat, t.Job.InputConfig, codec.Binding{Inputs: e.Inputs, Labels: e.Labels})
	if err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return t.open(gctx, decoder) })
	g.Go(func() error { return t.read(gctx, decoder) })
	if err := g.Wait(); err != nil {
		return err
	}
	return t.split(ctx)
}

// open fetches the exported model and loads it.
func (t *training) open(ctx context.Context, d *codec.Decoder) error {
	if err := t.store.GetDir(ctx, t.Job.Artifact+"/model.zip", t.exported()); err != nil {
		return err
	}
	err := t.store.GetDir(ctx, t.Job.Artifact+"/keras.zip", t.template())
	if err != nil && pipeline.KindOf(err) != pipeline.NotFound { // not every model has one
		return err
	}
	t.trainer, err = tensorflow.OpenTrainer(t.exported(), tensorflow.TrainerOptions{
		Export: t.Job.Export, Inputs: d.Inputs(), Labels: d.Labels(), Batch: t.Job.BatchSize, GPU: t.Job.GPUs > 0,
	})
	return err
}

// split divides the cache and counts what each part holds.
func (t *training) split(ctx context.Context) error {
	if t.Job.ShuffleStream {
		if err := t.cache.shuffle(ctx, t.Job.StreamSeed); err != nil {
			return op("shuffle the stream", err)
		}
	}
	total := t.cache.records
	train, test, _ := pipeline.Split(total, t.Job.ValidationRate, t.Job.TestRate)
	if train == 0 {
		return pipeline.Invalidf("validation_rate", "of %d records none is left to train on", total).
			WithHint("send more records, or lower validation_rate and test_rate")
	}
	columns := t.trainer.Columns()
	part := func(from, to int64) *samples { return newSamples(t.cache, columns, from, to) }
	t.train, t.test, t.validation = part(0, train), part(train, train+test), part(train+test, total)
	if t.Job.TrainingKwargs.Shuffle {
		t.train.shuffled, t.train.seed = true, uint64(t.Job.Seed)
	}
	audit, err := t.audit(ctx)
	t.outcome.Split = audit
	return err
}

// fit trains, each epoch reported as it ends.
func (t *training) fit(ctx context.Context) error {
	k, v := t.Job.TrainingKwargs, t.Job.ValidationKwargs
	t.report.total(k.Epochs)
	report, err := t.trainer.Fit(ctx, t.train, tensorflow.Plan{
		BatchSize: t.Job.BatchSize, Epochs: k.Epochs, InitialEpoch: k.InitialEpoch, StepsPerEpoch: k.StepsPerEpoch,
		ClassWeight: k.ClassWeight, Validation: t.validation, ValidationSteps: v.Steps, ValidationFreq: k.ValidationFreq,
		Engine: t.Job.Engine,
	}, func(e pipeline.Epoch) {
		t.lastEpoch = e
		t.report.epoch(e)
	})
	t.outcome.Engine, t.outcome.EngineReason = report.Engine, cmp.Or(t.Job.EngineReason, report.Reason)
	if err != nil {
		return op("train", err)
	}
	if report.Exhausted {
		t.outcome.Split.Warnings = append(t.outcome.Split.Warnings,
			"steps_per_epoch does not divide the batches of the training split: as in Keras, an epoch that meets its end is shorter")
	}
	t.outcome.Metrics.Training = t.lastEpoch.Training
	return nil
}

// evaluate measures the trained model on what it was not trained on.
func (t *training) evaluate(ctx context.Context) (err error) {
	m := &t.outcome.Metrics
	if m.Validation = t.lastEpoch.Validation; m.Validation == nil && t.validation.Len() > 0 {
		if m.Validation, err = t.trainer.Evaluate(ctx, t.validation, t.Job.BatchSize, t.Job.ValidationKwargs.Steps); err != nil {
			return op("evaluate the validation split", err)
		}
	}
	if t.test.Len() > 0 {
		if m.Test, err = t.trainer.Evaluate(ctx, t.test, t.Job.BatchSize, 0); err != nil {
			return op("evaluate the test split", err)
		}
	}
	t.outcome.Confusion, err = t.confusion(ctx)
	return err
}

// save stores the trained model in both forms and completes the lineage.
func (t *training) save(ctx context.Context) error {
	variables, err := t.trainer.Variables()
	if err != nil {
		return op("read the trained variables", err)
	}
	dir := filepath.Join(t.scratch, "trained")
	if err := t.trainer.Save(dir); err != nil {
		return op("save the trained model", err)
	}
	if err := t.store.PutDir(ctx, t.Job.Output+"/savedmodel.zip", dir); err != nil {
		return err
	}
	if err := t.saveKeras(ctx, variables); err != nil {
		return err
	}
	t.outcome.Artifact = t.Job.Output
	l := &t.outcome.Lineage
	l.WeightsHash = tensorflow.WeightsHash(variables)
	l.SourceHash, l.ModelVersion, l.Seed, l.Ranges = t.Job.SourceHash, t.Job.ModelVersion, t.Job.Seed, t.Job.Ranges
	l.Libraries = maps.Clone(t.Job.Export.Libraries)
	if l.Libraries == nil {
		l.Libraries = pipeline.Libraries{}
	}
	l.Libraries["trainer"] = "libtensorflow " + tf.Version()
	return nil
}

// saveKeras stores model.keras, where the model has a template for it.
func (t *training) saveKeras(ctx context.Context, variables []*tf.Tensor) (err error) {
	f, err := os.Create(filepath.Join(t.scratch, "model.keras"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	err = tensorflow.WriteKeras(f, t.template(), variables)
	if errors.Is(err, tensorflow.ErrNoKerasFile) {
		return nil
	}
	if err != nil {
		return op("write model.keras", err)
	}
	if _, err := f.Seek(0, 0); err != nil {
		return err
	}
	return t.store.Put(ctx, t.Job.Output+"/model.keras", f)
}
