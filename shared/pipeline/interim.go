package pipeline

import "fmt"

// Change is the way in which a metric gets better, as Kafka-ML says it.
type Change string

// The changes.
const (
	ChangeUp   Change = "up"
	ChangeDown Change = "down"
)

// Enum lists the values for JSON Schema.
func (Change) Enum() []any { return values(ChangeUp, ChangeDown) }

// Interim says when a training that follows a stream gives a result on its way; the
// zero value: never.
type Interim struct {
	Monitor     string  `json:"monitor,omitempty"` // metric of a point of the curve
	Change      Change  `json:"change,omitempty"`
	Improvement float64 `json:"improvement,omitempty"` // over the last one that gave a result, or the first
	Records     int64   `json:"records,omitempty"`     // since the result before
	Seconds     float64 `json:"seconds,omitempty"`     // since the result before
}

// Improves reports whether a value of the metric is as much better than another one as
// is asked for.
func (i Interim) Improves(value, than float64) bool {
	gain := value - than
	if i.Change == ChangeDown {
		gain = -gain
	}
	return gain > 0 && gain >= i.Improvement
}

// KeptInterims is how many of the results that a training gives on its way are kept,
// beside those that somebody has a use for.
const KeptInterims = 20

// Yield is the data of training.yielded: a result that a training gives on its way.
type Yield struct {
	Outcome
	Number int `json:"number" required:"true" minimum:"1"` // among those of the training
	By     int `json:"by" required:"true" minimum:"1"`     // the attempt that stored the model
}

// InterimFolder is the key below which the training of a result stores the models of
// those that it gives on its way.
func InterimFolder(result int64) string { return fmt.Sprintf("results/%d-given", result) }

// InterimArtifact is the key below which an attempt at a result stores the model of a
// result that it gives on its way.
func InterimArtifact(result int64, number, attempt int) string {
	return fmt.Sprintf("%s/%d-%d", InterimFolder(result), number, attempt)
}
