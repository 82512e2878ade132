package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// contend measures the champion on the test split, on which the model that was
// trained has been measured. One that cannot be measured ends no training: the
// outcome says why.
func (t *training) contend(ctx context.Context) error {
	if t.test.Len() == 0 {
		return nil
	}
	c := &pipeline.Contest{Champion: t.Job.Champion.Result}
	var err error
	if c.Metrics, err = t.champion(ctx, *t.Job.Champion); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c.Reason, _ = explain(err)
		t.Log.WarnContext(ctx, "the champion was not measured", "result", t.Job.Result, "champion", c.Champion, "error", err)
	}
	t.outcome.Contest = c
	return nil
}

// champion opens a trained model and evaluates it on the test split. Values that are
// missing are what they are to it when it serves.
func (t *training) champion(ctx context.Context, c pipeline.Champion) (m pipeline.Metrics, err error) {
	own, err := features.ForTraining(t.Job.InputFormat, t.Job.InputConfig, t.Job.Export, t.schemas != nil)
	if err != nil {
		return nil, err
	}
	its, err := features.ForTraining(t.Job.InputFormat, t.Job.InputConfig, c.Export, t.schemas != nil)
	if err != nil {
		return nil, err
	}
	if !slices.EqualFunc(own.Inputs(), its.Inputs(), alike) || !slices.EqualFunc(own.Labels(), its.Labels(), alike) {
		return nil, pipeline.Invalidf("alias", "it takes other inputs or labels than the model that was trained")
	}
	dir := filepath.Join(t.scratch, "champion")
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	err = t.report.patiently(ctx, unavailable, func(ctx context.Context) error {
		return errors.Join(os.RemoveAll(dir), t.framework.Kind().Bundle.Served.Get(ctx, t.store, c.Artifact, dir))
	})
	if pipeline.KindOf(err) == pipeline.NotFound {
		return nil, pipeline.Invalidf("alias", "its trained model is not in the store any more")
	}
	if err != nil {
		return nil, op("fetch it", err)
	}
	trainer, err := t.framework.OpenTrainer(framework.TrainerOptions{
		Dir: dir, Trained: true, Export: c.Export, Inputs: its.Inputs(), Labels: its.Labels(), Batch: t.Job.BatchSize, GPU: t.Job.GPUs > 0,
		Plan: &framework.Plan{Engine: t.Job.Engine, Stepped: true, Singly: true},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, trainer.Close()) }()
	fills := t.cache.fills
	t.cache.fills = fillsOf(its, c.Means, len(t.cache.fields))
	defer func() { t.cache.fills = fills }()
	return trainer.Evaluate(ctx, newSplit(t.cache, trainer.Columns(), t.test.from, t.test.to), t.Job.BatchSize, 0)
}

// alike reports whether two columns are the same but for their names.
func alike(a, b codec.Tensor) bool { return a.DType == b.DType && slices.Equal(a.Shape, b.Shape) }

// fillsOf are the means that stand for missing values, as a cache of so many columns
// gives them.
func fillsOf(d *features.Decoder, means map[string][]float64, columns int) [][]float64 {
	if len(means) == 0 {
		return nil
	}
	fills := make([][]float64, columns)
	inputs, _ := d.Step()
	for i, in := range inputs {
		fills[i] = means[in.Name]
	}
	return fills
}
