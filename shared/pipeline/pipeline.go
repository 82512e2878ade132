// Package pipeline holds the nouns of kafkaml and the rules between them: a
// Model is grouped into a Configuration, a Deployment of it waits for a
// Datasource, each model then becomes a Result, and a finished Result is served
// by an Inference. It imports the standard library only, so that every other
// room can import it.
//
// The JSON form of each type here is the REST resource and the data of its
// CloudEvents.
package pipeline

import (
	"encoding/json"
	"time"
)

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

// Deployment asks for each model of a configuration to be trained on the next
// datasource that names it.
type Deployment struct {
	ID               int64            `json:"id"`
	Configuration    int64            `json:"configuration"`
	BatchSize        int              `json:"batch_size"`
	TrainingKwargs   TrainingKwargs   `json:"training_kwargs"`
	ValidationKwargs ValidationKwargs `json:"validation_kwargs"`
	Seed             int64            `json:"seed"`
	Engine           Engine           `json:"engine"` // auto unless pinned
	GPUs             int              `json:"gpus"`
	Resources        Resources        `json:"resources"`
	Description      string           `json:"description,omitempty"`
	Status           DeploymentStatus `json:"status"`
	Results          []int64          `json:"results"` // read only
	Created          time.Time        `json:"created"`
	Updated          time.Time        `json:"updated"`
}

// Resources is where and with what a training Job runs in a cluster; empty
// members leave the platform's defaults.
type Resources struct {
	CPU           string            `json:"cpu,omitempty"`    // Kubernetes quantity
	Memory        string            `json:"memory,omitempty"` // Kubernetes quantity
	NodeSelector  map[string]string `json:"node_selector,omitempty"`
	Tolerations   json.RawMessage   `json:"tolerations,omitempty"` // Kubernetes tolerations, as they are
	PriorityClass string            `json:"priority_class,omitempty"`
	DeadlineSecs  int64             `json:"deadline_seconds,omitempty"`
}

// Engine is what runs the training loop.
type Engine string

// Auto measures the plain graph against XLA and keeps the faster.
const (
	Auto  Engine = "auto"
	Graph Engine = "graph"
	XLA   Engine = "xla"
)

// Metrics are the values of one evaluation by name, "loss" among them.
type Metrics map[string]float64

// Epoch is what one epoch of training reported.
type Epoch struct {
	Epoch      int     `json:"epoch"` // 1-based
	Training   Metrics `json:"training"`
	Validation Metrics `json:"validation,omitempty"`
	Seconds    float64 `json:"seconds"`
}

// SplitMetrics are the last values on each split.
type SplitMetrics struct {
	Training   Metrics `json:"training,omitempty"`
	Validation Metrics `json:"validation,omitempty"`
	Test       Metrics `json:"test,omitempty"`
}

// SplitCount audits one split: its records and, for a classifier, how many of
// each label it holds.
type SplitCount struct {
	Records int64            `json:"records"`
	Labels  map[string]int64 `json:"labels,omitempty"`
}

// SplitAudit tells what each split holds and warns where one misses a class.
type SplitAudit struct {
	Training   SplitCount `json:"training"`
	Validation SplitCount `json:"validation"`
	Test       SplitCount `json:"test"`
	Warnings   []string   `json:"warnings,omitempty"`
}

// Confusion is a confusion matrix: Counts[true][predicted], over Split.
type Confusion struct {
	Split  string    `json:"split"`
	Labels []string  `json:"labels"`
	Counts [][]int64 `json:"counts"`
}

// Lineage tells what a trained model was made of.
type Lineage struct {
	SourceHash   string    `json:"source_hash"`
	ModelVersion int       `json:"model_version"`
	Ranges       []Range   `json:"ranges,omitempty"`
	ContentHash  string    `json:"content_hash,omitempty"` // SHA-256 over every key and value read, in order
	Records      int64     `json:"records,omitempty"`
	BytesRead    int64     `json:"bytes_read,omitempty"` // keys and values, once
	Seed         int64     `json:"seed"`
	WeightsHash  string    `json:"weights_hash,omitempty"` // SHA-256 over the trained variables
	Libraries    Libraries `json:"libraries,omitempty"`
}

// Result is the training of one model of a deployment on a datasource.
type Result struct {
	ID            int64        `json:"id"`
	Deployment    int64        `json:"deployment"`
	Configuration int64        `json:"configuration"`
	Model         int64        `json:"model"`
	ModelName     string       `json:"model_name"`
	ModelVersion  int          `json:"model_version"`
	Datasource    int64        `json:"datasource,omitempty"` // 0 while waiting
	Status        ResultStatus `json:"status"`
	StatusChanged time.Time    `json:"status_changed"`
	Reason        string       `json:"reason,omitempty"`
	Hint          string       `json:"hint,omitempty"`
	Attempt       int          `json:"attempt"`        // 1 for the first Job; a retry or a restart adds one
	Lost          int          `json:"lost,omitempty"` // Jobs that vanished since the last retry
	Cut           bool         `json:"cut,omitempty"`  // the service ended in order while it trained: its next start is no loss
	Engine        Engine       `json:"engine,omitempty"`
	EngineReason  string       `json:"engine_reason,omitempty"` // the figures that chose it
	EpochsDone    int          `json:"epochs_done"`
	EpochsTotal   int          `json:"epochs_total"`
	Metrics       SplitMetrics `json:"metrics"`
	Split         *SplitAudit  `json:"split,omitempty"`
	Confusion     *Confusion   `json:"confusion,omitempty"`
	Lineage       Lineage      `json:"lineage"`
	Artifact      string       `json:"artifact,omitempty"` // key prefix of the trained model: <key>/savedmodel.zip, <key>/model.keras
	Seconds       float64      `json:"seconds,omitempty"`  // from the Job's start to its end
	Created       time.Time    `json:"created"`
	Started       *time.Time   `json:"started,omitempty"`
	Finished      *time.Time   `json:"finished,omitempty"`
}

// Format is how records are encoded.
type Format string

// The formats of the contract; TelegrafJSON is for inference only.
const (
	RAW          Format = "RAW"
	AVRO         Format = "AVRO"
	JSON         Format = "JSON"
	TelegrafJSON Format = "TELEGRAF_STR_JSON"
)

// Range is a run of records of one partition: Length records from Offset on.
type Range struct {
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	Offset    int64  `json:"offset"`
	Length    int64  `json:"length"`
}

// Datasource is a control message that was taken (or refused): where a stream
// lies in the log, in which format, and how to split it.
type Datasource struct {
	ID             int64                      `json:"id"`
	Deployment     int64                      `json:"deployment"`
	Ranges         []Range                    `json:"ranges"`
	InputFormat    Format                     `json:"input_format"`
	InputConfig    json.RawMessage            `json:"input_config"`
	ValidationRate float64                    `json:"validation_rate"`
	TestRate       float64                    `json:"test_rate"`
	TotalMsg       int64                      `json:"total_msg"`
	Description    string                     `json:"description"`
	Shuffle        bool                       `json:"shuffle"`
	Seed           int64                      `json:"seed"`
	Extra          map[string]json.RawMessage `json:"extra,omitempty"` // members the contract does not know
	ResendOf       int64                      `json:"resend_of,omitempty"`
	Origin         Origin                     `json:"origin"`
	Received       time.Time                  `json:"received"`
	Retention      Retention                  `json:"retention"`
	Rejected       *Rejection                 `json:"rejected,omitempty"`
}

// Origin is the control record a datasource came from: unique, so that a
// record that is delivered twice is one datasource.
type Origin struct {
	Topic     string `json:"topic,omitempty"`
	Partition int    `json:"partition"`
	Offset    int64  `json:"offset"`
	Bytes     int    `json:"bytes"` // key and value of the control record
}

// Retention tells whether the log still holds a datasource's records.
type Retention struct {
	State  RetentionState `json:"state"`
	Until  *time.Time     `json:"until,omitempty"` // about when the first record goes; absent when kept for ever
	Reason string         `json:"reason,omitempty"`
}

// RetentionState is what the log still holds of a stream.
type RetentionState string

// The states of Retention.
const (
	Available      RetentionState = "available"
	PartlyExpired  RetentionState = "partly-expired"
	Expired        RetentionState = "expired"
	RetentionUnset RetentionState = "unknown" // the broker could not be asked
)

// Rejection says why a control message was refused and what to do.
type Rejection struct {
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason"`
	Hint   string `json:"hint,omitempty"`
}

// Delivery is how records reach the predict function.
type Delivery string

// Source goes over KafkaSource and HTTP and scales by Knative; Direct makes
// each replica a member of the consumer group.
const (
	Source Delivery = "source"
	Direct Delivery = "direct"
)

// Inference serves a finished result between two topics.
type Inference struct {
	ID            int64           `json:"id"`
	Name          string          `json:"name"` // of its predict function, unique: "inference-<id>" unless given
	Result        int64           `json:"result"`
	Replicas      int             `json:"replicas"`
	MaxReplicas   int             `json:"max_replicas"` // equals Replicas unless a range was given
	Delivery      Delivery        `json:"delivery"`
	InputFormat   Format          `json:"input_format"`
	InputConfig   json.RawMessage `json:"input_config"`
	InputTopic    string          `json:"input_topic"`
	OutputTopic   string          `json:"output_topic"`
	DeadLetter    string          `json:"dead_letter_topic"`
	Partitions    int             `json:"partitions,omitempty"` // of the input topic, when last looked at
	URL           string          `json:"url,omitempty"`
	Ready         int             `json:"ready"`
	Wanted        int             `json:"wanted"`
	Status        InferenceStatus `json:"status"`
	StatusChanged time.Time       `json:"status_changed"`
	Reason        string          `json:"reason,omitempty"`
	Created       time.Time       `json:"created"`
	Updated       time.Time       `json:"updated"`
}
