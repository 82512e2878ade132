package framework

import (
	"context"
	"errors"
	"math"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TrainerOptions say what to train and on what.
type TrainerOptions struct {
	Dir            string // holds the files of Bundle.Exported
	Trained        bool   // Dir holds those of Bundle.Served in their place: the model is only evaluated
	Export         pipeline.Export
	Inputs, Labels []codec.Tensor // as the stream holds them, in the model's order
	Batch          int            // records of a step
	GPU            bool

	// Plan is what Fit will be told of, but for its splits, on at most so many
	// records, where that is known: what it has no use for need not be loaded.
	Plan    *Plan
	Records int64
}

// Trainer trains one exported model. It is not safe for concurrent use.
type Trainer interface {
	// Columns are what a Split must give: inputs, then labels, in the types and
	// shapes that training feeds.
	Columns() []codec.Tensor
	// Adapt gives the layers of Export.Adapt what they learn from a split, as the
	// framework's own adapt does on the same records, and says what that is. It is
	// called once, before Fit, for a model that has such layers.
	Adapt(context.Context, Split, AdaptOptions) ([]pipeline.Adapted, error)
	// Inherit gives the model the weights of an ancestor and, where its optimizer has
	// the same variables, their state; else state says why it begins anew. It is called
	// before Fit, in place of Adapt.
	Inherit(Ancestor) (state string, err error)
	// Fit trains as the framework's own fit does on arrays, shuffling left to
	// the split. Called again it trains on, as a second fit does.
	Fit(context.Context, Split, Plan, Watch) (FitReport, error)
	// Step trains on a split batch by batch, for a training that has no end, and gives
	// the metrics that the model had on each before: what it learns from, it has
	// predicted. How many batches a split holds changes nothing of the weights.
	// Snapshot gives all that later steps depend on, and Resume sets it, perhaps in
	// another process; what does not fit the model is an ErrForeign.
	Step(context.Context, Split) ([]pipeline.Metrics, error)
	// Stepping says what runs the next Step.
	Stepping() Stepping
	Snapshot() ([]byte, error)
	// Rates gives the learning rates, of which there is at least one; an error where
	// the model has none that may be set.
	Rates() ([]float32, error)
	// SetRates sets those that Rates gives.
	SetRates(rates []float32) error
	Resume([]byte) error
	// Evaluate measures the model on the first steps batches of a split, on all
	// when steps is 0.
	Evaluate(ctx context.Context, s Split, batch, steps int) (pipeline.Metrics, error)
	// Predict runs the model over a split, in the order of the stream. What each
	// is given is valid in the call only.
	Predict(ctx context.Context, s Split, each func(Predicted) error) error
	// WeightsHash is the SHA-256, in hex, over all variables of model and
	// optimizer: equal hashes are equal models.
	WeightsHash() (string, error)
	// Unsound names the weights of the model that hold NaN or an infinity, ""
	// where all are finite.
	Unsound() (string, error)
	// Save writes the files of Bundle.Trained to dir, which must be empty. An
	// optional one that the model cannot have is left out.
	Save(dir string) error
	// Close frees the model.
	Close() error
}

// Ancestor is a trained model that a training goes on from.
type Ancestor struct {
	Dir  string           // holds Bundle.Served of it, and Bundle.Named of its export
	From *pipeline.Export // what it was trained from, where that is another version of the model; nil: the same
}

// AdaptOptions say what Adapt looks at beside the split, and where it ends.
type AdaptOptions struct {
	Held  Split // records held back, whose words that are not known are counted; nil or empty: none
	Words int   // how many different words of one layer are counted at most; 0: the framework's default
}

// Split is one split of a stream as a Trainer reads it. It is read by one
// goroutine at a time.
type Split interface {
	// Len is the number of records.
	Len() int64
	// Read writes n records from position first on, in the order of a pass,
	// into dst: one buffer a column of the Trainer, in the column's type, record
	// after record; to a buffer of a column of text, which is given empty, it
	// appends. Passes count from 0 as training walks over the split; Stored
	// is the order of the stream.
	Read(ctx context.Context, pass int, first int64, n int, dst [][]byte) error
}

// Stored is the pass of Split.Read that is never shuffled.
const Stored = -1

// Plan is what fit takes beside the data.
type Plan struct {
	BatchSize       int
	Epochs          int
	InitialEpoch    int
	StepsPerEpoch   int // 0: the whole split
	ClassWeight     map[int]float64
	Validation      Split                   // nil or empty: none
	ValidationSteps int                     // 0: the whole split
	ValidationFreq  int                     // 0 is 1: every epoch
	EarlyStopping   *pipeline.EarlyStopping // nil: none
	ReduceLR        *pipeline.ReduceLR      // nil: none
	LearningRate    float64                 // to begin with; 0: the model's
	Engine          pipeline.Engine         // one of Settings.Engines
	Checkpointed    bool                    // Watch.Checkpoint or From is used
	Inherits        bool                    // Inherit is used
	Stepped         bool                    // Step is used in place of Fit
	Singly          bool                    // Step is given one batch at a time
	// From is what Watch.Checkpoint was given in an attempt at the same training,
	// which goes on from there; nil: it begins. What does not fit the model is an
	// ErrForeign.
	From []byte
}

// ErrForeign says that a checkpoint is not one of this training.
var ErrForeign = errors.New("the checkpoint is not one of this training")

// Watch hears how a training goes. A nil member is not called.
type Watch struct {
	Stage func(pipeline.Stage)
	Epoch func(pipeline.Epoch) // as each ends
	// Checkpoint is called after an epoch, but for the last, with what gives the
	// training as it is then.
	Checkpoint func(epoch int, state func() ([]byte, error))
	// Steps hears how many steps are done, of how many, after each call of the
	// library, the last of them in which pass over the records, from 0; at the end of
	// an epoch after Epoch.
	Steps func(pass int, done, of int64)
}

// FitReport tells how a training ran.
type FitReport struct {
	Engine pipeline.Engine // what ran, never Auto
	Reason string          // the figures that chose it
	Steps  int64
	// Exhausted says that steps_per_epoch did not divide the batches of the
	// split, so that some epochs were shorter, as in Keras.
	Exhausted bool
	Warnings  []string           // what a person should know of the numbers
	Stopping  *pipeline.Stopping // nil without early stopping
}

// Stepping tells how Step works.
type Stepping struct {
	Batches int // of a split that Step takes at once
	Engine  pipeline.Engine
	Reason  string // why
}

// RecordError is the error of a Trainer whose model refuses a record: it is
// refused alone, too.
type RecordError struct {
	Columns [][]byte // the record, as a Split gives it
	Err     error
	Others  bool // others were tried, and all of them are refused, too
}

// RefusedHint is what to do about a record that a model refuses.
const RefusedHint = "mend or leave out the record, or give the model room for it: ids and classes count from 0 and end below the table's or the output's size"

func (e *RecordError) Error() string { return e.Err.Error() }

// Unwrap gives the model's own error.
func (e *RecordError) Unwrap() error { return e.Err }

// Predicted is some records and what the model makes of them.
type Predicted struct {
	Records int
	Columns [][]byte // as a Split gives them
	Outputs []Output // in the order of the export
}

// Class reads one label or output: a rounded number, or the index of the
// largest of several.
func Class(values []float64) int {
	if len(values) == 1 {
		return int(math.RoundToEven(values[0]))
	}
	best := 0
	for i, v := range values {
		if v > values[best] {
			best = i
		}
	}
	return best
}
