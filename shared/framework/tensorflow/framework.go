package tensorflow

import (
	"context"
	"path/filepath"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
)

// Framework trains and serves Keras models.
type Framework struct{}

var _ framework.Framework = Framework{}

// Kind implements framework.Framework.
func (Framework) Kind() framework.Kind { return kerasmodel.Kind() }

// Library implements framework.Framework.
func (Framework) Library() string { return "libtensorflow " + tf.Version() }

// OpenTrainer implements framework.Framework.
func (Framework) OpenTrainer(o framework.TrainerOptions) (framework.Trainer, error) {
	t, err := OpenTrainer(o)
	if err != nil { // a nil *Trainer would be no nil Trainer
		return nil, err
	}
	return t, nil
}

// OpenPredictor implements framework.Framework.
func (Framework) OpenPredictor(o framework.PredictorOptions) (framework.Predictor, error) {
	dir := filepath.Join(o.Dir, kerasmodel.Trained)
	p, err := OpenPredictor(dir, o.Export, o.Stored, PredictorOptions{MaxBatch: o.MaxBatch, Threads: o.Threads})
	if err != nil {
		return nil, err
	}
	return served{p}, nil
}

// served is a Predictor as the contract has it.
type served struct{ *Predictor }

// NewBatch implements framework.Predictor.
func (s served) NewBatch(layout []codec.Tensor) (framework.Batch, error) {
	b, err := s.NewBatchOf(layout)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Predict implements framework.Batch.
func (b *Batch) Predict(ctx context.Context, from, to int) error {
	return b.p.PredictRows(ctx, b, from, to)
}
