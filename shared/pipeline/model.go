package pipeline

import "time"

// Tensor describes one input, output or label of one record: the batch
// dimension is left out, a size that is not known before the data comes is -1.
type Tensor struct {
	Name  string `json:"name"`
	DType string `json:"dtype"` // NumPy's name: float32, int64, bool, string ...
	Shape []int  `json:"shape"` // empty for a scalar
}

// Elements is the number of values of one record, -1 where a size is unknown.
func (t Tensor) Elements() int {
	n := 1
	for _, d := range t.Shape {
		if d < 0 {
			return -1
		}
		n *= d
	}
	return n
}

// Position is a place in the person's source, 1-based, columns in characters.
// Guess is set where no frame of the source took part in the error and the
// place is the nearest likely one (the compile call).
type Position struct {
	Line      int  `json:"line"`
	Column    int  `json:"column,omitempty"`
	EndLine   int  `json:"end_line,omitempty"`
	EndColumn int  `json:"end_column,omitempty"`
	Guess     bool `json:"guess,omitempty"`
}

// Layer is one row of a model's summary.
type Layer struct {
	Name       string   `json:"name"`
	Class      string   `json:"class"`
	Output     string   `json:"output"` // shape as text, batch as None
	Parameters int64    `json:"parameters"`
	Inputs     []string `json:"inputs,omitempty"` // names of the layers it reads
}

// Warning is something the person's source made Python or Keras warn about.
type Warning struct {
	Field   string `json:"field,omitempty"` // "imports" or "source"
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
}

// Task says how a model's output is read.
type Task string

// The tasks that the loss of a model tells apart.
const (
	Classification       Task = "classification"        // one of n classes, softmax or logits over the last axis
	BinaryClassification Task = "binary-classification" // one probability or logit
	Regression           Task = "regression"
	OtherTask            Task = "other" // several outputs, or a loss we do not know
)

// Export is what building a model's source told about it. Inputs and Outputs
// are those of the SavedModel's serving signature; Labels are what training
// wants beside the inputs, one for each output that has a loss.
type Export struct {
	Inputs              []Tensor  `json:"inputs"`
	Outputs             []Tensor  `json:"outputs"`
	Labels              []Tensor  `json:"labels"`
	Parameters          int64     `json:"parameters"`
	TrainableParameters int64     `json:"trainable_parameters"`
	Operations          int64     `json:"operations,omitempty"` // floating-point, of one record forward; an estimate by the layers' kernels
	Layers              []Layer   `json:"layers"`
	Loss                string    `json:"loss"`
	Optimizer           string    `json:"optimizer"`
	Metrics             []string  `json:"metrics"` // names as Keras reports them, "loss" first
	Task                Task      `json:"task"`
	Classes             int       `json:"classes,omitempty"` // of a classifier
	Logits              bool      `json:"logits,omitempty"`  // the output is not yet a probability
	Weighted            bool      `json:"weighted"`          // class_weight can be used
	Warnings            []Warning `json:"warnings,omitempty"`
	Printed             string    `json:"printed,omitempty"` // what the source printed, capped
	Libraries           Libraries `json:"libraries"`
}

// Libraries names the versions that built or trained a model.
type Libraries map[string]string

// Model is a version of a named piece of Keras source and what it builds.
type Model struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Imports     string `json:"imports"`
	Source      string `json:"source"`
	Framework   string `json:"framework"` // "tensorflow"
	Version     int    `json:"version"`   // 1, then one more with each change of source or imports
	SourceHash  string `json:"source_hash"`
	Artifact    string `json:"artifact"` // key of the exported SavedModel of this version
	Export
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	UsedBy  []int64   `json:"used_by"` // configurations; read only
}

// Configuration is a named set of models that train on one stream.
type Configuration struct {
	ID          int64     `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Models      []int64   `json:"models"`
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
	UsedBy      []int64   `json:"used_by"` // deployments; read only
}
