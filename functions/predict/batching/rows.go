package batching

import (
	"context"
	"errors"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Predict runs the rows [from, to) of a batch. predicted gets each row that went
// well: its place in the outputs and in the batch. A row that makes the model
// fail (a word that an embedding does not have) must not take its neighbours
// with it: the rows are halved until it stands alone, and refused gets it.
func Predict(ctx context.Context, batch framework.Batch, from, to int, predicted func(outputs []framework.Output, result, row int), refused func(row int, err error)) {
	if from == to {
		return
	}
	err := batch.Predict(ctx, from, to)
	if err == nil {
		outputs := batch.Outputs()
		for row := from; row < to; row++ {
			predicted(outputs, row-from, row)
		}
		return
	}
	if to-from == 1 {
		refused(from, refusal(err))
		return
	}
	middle := (from + to) / 2
	Predict(ctx, batch, from, middle, predicted, refused)
	Predict(ctx, batch, middle, to, predicted, refused)
}

// refusal is the error of a record that the model refuses: of its values, unless err
// says that it is of something else.
func refusal(err error) error {
	if errors.As(err, new(*pipeline.Error)) {
		return Unfit(err)
	}
	return &pipeline.Error{Op: "predict", Kind: pipeline.Invalid, Hint: framework.RefusedHint, Err: err}
}

// Unfit is the error of a record that cannot be predicted, for what err says.
func Unfit(err error) error {
	return &pipeline.Error{Op: "predict", Kind: pipeline.Invalid, Err: err}
}
