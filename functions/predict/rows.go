package predict

import (
	"context"

	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// predict runs every row of batch. took gets each predicted row: its place in
// the outputs and in the batch. A row that makes the graph fail (a word that an
// embedding does not have) must not take its neighbours with it: the batch is
// halved until the row stands alone, and refused gets it.
func (s *Service) predict(ctx context.Context, batch *tensorflow.Batch, took func(outputs []tensorflow.Output, result, row int), refused func(row int, err error)) {
	s.predictRows(ctx, batch, 0, batch.Len(), took, refused)
}

func (s *Service) predictRows(ctx context.Context, batch *tensorflow.Batch, from, to int, took func([]tensorflow.Output, int, int), refused func(int, error)) {
	if from == to {
		return
	}
	err := s.predictor.PredictRows(ctx, batch, from, to)
	if err == nil {
		outputs := batch.Outputs()
		for row := from; row < to; row++ {
			took(outputs, row-from, row)
		}
		return
	}
	if to-from == 1 {
		refused(from, unfit(err))
		return
	}
	middle := (from + to) / 2
	s.predictRows(ctx, batch, from, middle, took, refused)
	s.predictRows(ctx, batch, middle, to, took, refused)
}

// unfit is the error of a record that the model cannot take.
func unfit(err error) error {
	return &pipeline.Error{Op: "predict", Kind: pipeline.Invalid, Err: err}
}
