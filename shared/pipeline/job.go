package pipeline

import (
	"encoding/json"
	"path"
)

// TrainingJob is all that a training process is told, as JSON in the environment
// variable KAFKAML_JOB or in a file. It holds no secret.
type TrainingJob struct {
	Result           int64            `json:"result"`
	Attempt          int              `json:"attempt"`
	Deployment       int64            `json:"deployment"`
	Model            int64            `json:"model"`
	ModelName        string           `json:"model_name"`
	ModelVersion     int              `json:"model_version"`
	SourceHash       string           `json:"source_hash"`
	Framework        string           `json:"framework"`
	Artifact         string           `json:"artifact"`             // key of the exported model
	Output           string           `json:"output"`               // key prefix for the trained model
	Checkpoint       string           `json:"checkpoint,omitempty"` // key prefix of what the next attempt goes on from; empty: it begins
	Export           Export           `json:"export"`
	Parent           *Ancestor        `json:"parent,omitempty"`   // what the training goes on from
	Champion         *Champion        `json:"champion,omitempty"` // what its model is compared with; nil: with none
	BatchSize        int              `json:"batch_size"`
	TrainingKwargs   TrainingKwargs   `json:"training_kwargs"`
	ValidationKwargs ValidationKwargs `json:"validation_kwargs"`
	Seed             int64            `json:"seed"`
	Engine           Engine           `json:"engine"`
	EngineReason     string           `json:"engine_reason,omitempty"` // why Engine is not auto; empty where the deployment pinned it
	OnNaN            OnNaN            `json:"on_nan,omitempty"`
	GPUs             int              `json:"gpus"`
	Datasource       int64            `json:"datasource"`
	Ranges           []Range          `json:"ranges"`
	InputFormat      Format           `json:"input_format"`
	InputConfig      json.RawMessage  `json:"input_config"`
	ValidationRate   float64          `json:"validation_rate"`
	TestRate         float64          `json:"test_rate"`
	ShuffleStream    bool             `json:"shuffle_stream"` // shuffle once before splitting, by StreamSeed
	StreamSeed       int64            `json:"stream_seed"`
	Split            SplitBy          `json:"split,omitempty"` // by StreamSeed
	Order            Order            `json:"order,omitempty"` // of the records of several partitions

	LearningRate float64    `json:"learning_rate,omitempty"` // to begin with; 0: the model's
	Tensors      string     `json:"tensors,omitempty"`       // key of the tensors of the stream, kept for all trials of a study
	Pruner       Pruner     `json:"pruner,omitempty"`        // after which epochs to wait for a verdict
	Following    *Following `json:"following,omitempty"`     // of a training that follows a stream; nil: it takes the ranges

	Unlabelled *Unsupervised `json:"unlabelled,omitempty"` // what it labels itself and trains on with; nil: nothing

	DeadlineSecs int64 `json:"deadline_seconds,omitempty"` // of the whole training; 0: none

	Receipt *Receipt `json:"receipt,omitempty"` // of the result that is verified: nothing is stored then

	TopicIDs map[string]string `json:"topic_ids,omitempty"` // of the topics when the stream was announced
	Warnings []string          `json:"warnings,omitempty"`  // known before it begins, for its result
}

// Written are the keys below which the training stores what it makes.
func (j TrainingJob) Written() []string {
	keys := []string{j.Output}
	if j.Checkpoint != "" {
		keys = append(keys, j.Checkpoint)
	}
	if j.Following != nil {
		keys = append(keys, InterimFolder(j.Result))
	}
	if j.Tensors != "" {
		keys = append(keys, path.Dir(j.Tensors)) // a file in the folder of the study
	}
	return keys
}

// CheckJob is all that a process is told which opens a trained model as an inference
// does, and runs it, to see whether it can be served.
type CheckJob struct {
	Framework string `json:"framework"`
	Folder    string `json:"folder"`  // path of a folder with that of the model in it
	Trained   string `json:"trained"` // name of the model's folder
	Export    Export `json:"export"`
}

// Ancestor is the trained model that a training goes on from.
type Ancestor struct {
	Result   int64   `json:"result"`
	Artifact string  `json:"artifact"`         // key prefix of the trained model
	Exported string  `json:"exported"`         // key prefix of what it was trained from
	Export   *Export `json:"export,omitempty"` // of that, where it is another version of the model
}

// Following says how a training follows a stream.
type Following struct {
	Open    bool     `json:"open,omitempty"`    // beyond the ends of its ranges
	Silence float64  `json:"silence,omitempty"` // seconds without a record after which it ends; 0: never
	Epoch   int64    `json:"epoch,omitempty"`   // records of a point of its curve
	Drift   Detector `json:"drift,omitempty"`   // looks for drifts; empty: none are looked for
	OnDrift OnDrift  `json:"on_drift,omitempty"`
	Rate    float64  `json:"rate,omitempty"`    // of DriftRaises: times the learning rate
	Raised  int64    `json:"raised,omitempty"`  // of DriftRaises: records after a drift
	Interim Interim  `json:"interim,omitzero"`  // when it gives a result on its way
	Given   int      `json:"given,omitempty"`   // results that attempts before have given
	Follows bool     `json:"follows,omitempty"` // its SuccessorMark
	Adopted int      `json:"adopted,omitempty"` // number of the last adoption that attempts before have told
	Ending  bool     `json:"ending,omitempty"`  // it trains on nothing more, and is finished
}

// EndingMark is the key of the blob by which a training that follows a stream is told
// to end; checkpoint is that of its Job.
func EndingMark(checkpoint string) string { return checkpoint + "/ending" }

// Progress is the data of training.progressed.
type Progress struct {
	Result       int64         `json:"result" required:"true" minimum:"1"`
	Attempt      int           `json:"attempt" required:"true" minimum:"1"`
	Stage        Stage         `json:"stage,omitempty"`
	Records      int64         `json:"records,omitempty"`
	EpochsTotal  int           `json:"epochs_total,omitempty"`
	Epochs       []Epoch       `json:"epochs,omitempty"`        // those ended since the last event
	Drifts       []Drift       `json:"drifts,omitempty"`        // those found since the last event
	Adoptions    []Adoption    `json:"adoptions,omitempty"`     // those since the last event
	PseudoLabels *PseudoLabels `json:"pseudo_labels,omitempty"` // as far as they have come
	SecondsLeft  float64       `json:"seconds_left,omitempty"`
	Waiting      *Rejection    `json:"waiting,omitempty"`  // by what it is kept from going on, as a store that is full
	Verifies     bool          `json:"verifies,omitempty"` // the attempt is one to verify the result
}

// Stage is what a training is at.
type Stage string

// The stages, in order. Layers are adapted only where the source leaves that open, an
// engine is chosen only where it has to be measured.
const (
	StageReading        Stage = "reading"
	StageRegistryAway   Stage = "waiting-for-schema-registry" // within reading
	StageAdapting       Stage = "adapting"                    // layers that the source leaves to be adapted
	StageChoosingEngine Stage = "choosing-engine"
	StageTraining       Stage = "training"
	StageEvaluating     Stage = "evaluating"
	StageSaving         Stage = "saving"
)

// Outcome is the data of training.finished and training.failed: the members of
// Result that the training process knows.
type Outcome struct {
	Result       int64         `json:"result" required:"true" minimum:"1"`
	Attempt      int           `json:"attempt" required:"true" minimum:"1"`
	Reason       string        `json:"reason,omitempty"` // set when it failed
	Hint         string        `json:"hint,omitempty"`
	Engine       Engine        `json:"engine,omitempty"`
	EngineReason string        `json:"engine_reason,omitempty"`
	Metrics      SplitMetrics  `json:"metrics"`
	Split        *SplitAudit   `json:"split,omitempty"`
	Confusion    *Confusion    `json:"confusion,omitempty"`
	Stopping     *Stopping     `json:"early_stopping,omitempty"`
	PseudoLabels *PseudoLabels `json:"pseudo_labels,omitempty"`
	Lineage      Lineage       `json:"lineage"`
	Unsound      string        `json:"unsound,omitempty"` // see Result
	Artifact     string        `json:"artifact,omitempty"`
	Contest      *Contest      `json:"contest,omitempty"` // what the champion came to, where there is one
	Serving      *Serving      `json:"serving,omitempty"`
	Seconds      float64       `json:"seconds,omitempty"`
	Verifies     bool          `json:"verifies,omitempty"` // the attempt was one to verify the result
}

// PredictJob is all that a predict process is told, as JSON in the environment
// variable KAFKAML_PREDICT or in a file. It holds no secret.
type PredictJob struct {
	Inference   int64           `json:"inference"`
	Name        string          `json:"name"`
	Result      int64           `json:"result"`
	Framework   string          `json:"framework"`
	Artifact    string          `json:"artifact"` // key prefix of the trained model
	Export      Export          `json:"export"`
	Delivery    Delivery        `json:"delivery"`
	InputFormat Format          `json:"input_format"`
	InputConfig json.RawMessage `json:"input_config"`
	InputTopic  string          `json:"input_topic"`
	OutputTopic string          `json:"output_topic"`
	DeadLetter  string          `json:"dead_letter_topic"`
	Group       string          `json:"group"` // consumer group of the direct delivery
	// Trigger is the SHA-256, in hexadecimal, of the token that the events of its
	// KafkaSource carry; empty: there is none.
	Trigger string `json:"trigger,omitempty"`
	Learned
	// Challenger predicts a part of the records in place of Result, by the same
	// framework.
	Challenger *Challenger `json:"challenger,omitempty"`
}

// Challenger is a second result of a PredictJob.
type Challenger struct {
	Result   int64   `json:"result"`
	Percent  float64 `json:"percent"` // of the records
	Artifact string  `json:"artifact"`
	Export   Export  `json:"export"`
	Learned
}

// Challenged is the job of the challenger, which there must be.
func (j PredictJob) Challenged() PredictJob {
	c := j.Challenger
	j.Result, j.Artifact, j.Export, j.Learned, j.Challenger = c.Result, c.Artifact, c.Export, c.Learned, nil
	return j
}
