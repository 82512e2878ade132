package batching

import (
	"context"

	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Predict runs the rows [from, to) of a batch. predicted gets each row that went
// well: its place in the outputs and in the batch. A row that makes the model
// fail (a word that an embedding does not have) must not take its neighbours
// with it: the rows are halved until it stands alone, and refused gets it.
func Predict(ctx context.Context, p *tensorflow.Predictor, batch *tensorflow.Batch, from, to int, predicted func(outputs []tensorflow.Output, result, row int), refused func(row int, err error)) {
	if from == to {
		return
	}
	err := p.PredictRows(ctx, batch, from, to)
	if err == nil {
		outputs := batch.Outputs()
		for row := from; row < to; row++ {
			predicted(outputs, row-from, row)
		}
		return
	}
	if to-from == 1 {
		refused(from, Unfit(err))
		return
	}
	middle := (from + to) / 2
	Predict(ctx, p, batch, from, middle, predicted, refused)
	Predict(ctx, p, batch, middle, to, predicted, refused)
}

// Unfit is the error of a record that cannot be predicted, for what err says.
func Unfit(err error) error {
	return &pipeline.Error{Op: "predict", Kind: pipeline.Invalid, Err: err}
}
