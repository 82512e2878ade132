package framework

import (
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TrialBatch is a few records as a model's training step takes them.
type TrialBatch struct {
	Records int
	Inputs  []Rows // in the model's order
	Labels  []Rows
}

// Rows are one tensor of a batch, of the type that the model takes.
type Rows struct {
	DType codec.DType
	Shape []int  // of one record
	Data  []byte // little-endian, row-major, record after record; text as codec.AppendText stores it
}

// Trial is what came of one training step.
type Trial struct {
	Metrics pipeline.Metrics
	Seconds float64
	Fault   *Fault // nil where the model trains on such records
}

// Fault is why a step does not train.
type Fault struct {
	Record         int // the first that fails alone, -1: none does
	Failing, Tried int // records that fail alone, of those that were tried so
	Reason, Hint   string
	Field          string // imports or source, where At is set
	At             *pipeline.Position
}
