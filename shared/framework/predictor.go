package framework

import (
	"context"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// PredictorOptions say what to serve.
type PredictorOptions struct {
	Dir    string          // holds the files of Bundle.Served; not read once the Predictor is open
	Export pipeline.Export // its Inputs and Outputs say in which order tensors are given and read
	// Stored is the layout of the records' bytes, one tensor an input
	// (codec.Decoder.Inputs). It may be nil where every Batch has another one.
	Stored   []codec.Tensor
	MaxBatch int // the most records of one call; the framework's choice when 0
	Threads  int // that share one operation; the framework's choice when 0
	// Deadline ends a call that takes longer, where the framework can; its choice
	// when 0.
	Deadline time.Duration
}

// Predictor runs a trained model. It may be used by any number of goroutines,
// each with a Batch of its own.
type Predictor interface {
	// Inputs are the model's, in order: name, type and the shape of one record.
	Inputs() []pipeline.Tensor
	// Outputs are the model's, in order.
	Outputs() []pipeline.Tensor
	// Limit is how many records a batch is worth holding now. It may grow as
	// batches prove quick.
	Limit() int
	// NewBatch is an empty batch of records stored as layout says. A type that
	// is not the model's is cast; a number of elements that is not the model's
	// is refused.
	NewBatch(layout []codec.Tensor) (Batch, error)
	// Close frees the model. No call may be under way.
	Close() error
}

// Batch gathers the stored bytes of records and holds the outputs of the last
// prediction. One goroutine at a time may use it; after Reset it is used again,
// with the memory that it has.
type Batch interface {
	// Reset empties the batch; the outputs stay valid.
	Reset()
	// Len is how many records the batch holds.
	Len() int
	// Next adds a record and gives the places for its bytes, one an input,
	// valid until the next call. The caller fills them, or calls Drop. Where an
	// input is text it puts the stored bytes there instead (codec.AppendText).
	Next() [][]byte
	// Drop takes the last record off again.
	Drop()
	// Predict runs the model on the records [from, to), at least one, whose
	// outputs then are the rows [0, to-from) of Outputs. It may wait for other
	// calls; ctx ends only that wait. On an error none of the records was
	// predicted.
	Predict(ctx context.Context, from, to int) error
	// Outputs are those of the last prediction, in the order of the export,
	// valid until the next.
	Outputs() []Output
}
