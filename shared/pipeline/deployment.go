package pipeline

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// DeploymentForm is what a person gives of a deployment.
type DeploymentForm struct {
	Configuration      int64      `json:"configuration" required:"true" minimum:"1" refers:"configuration" example:"1" description:"configuration whose models train"`
	BatchSize          int        `json:"batch_size" required:"true" minimum:"1" maximum:"16777216" arg:"N" example:"32" description:"records a step"`
	TrainingKwargs     Arguments  `json:"training_kwargs,omitempty" example:"epochs=2, shuffle=True" description:"arguments of Keras' fit, as text like 'epochs=5, steps_per_epoch=1000' or as a JSON object"`
	ValidationKwargs   Arguments  `json:"validation_kwargs,omitempty" description:"arguments of Keras' evaluate, as text like 'steps=100' or as a JSON object"`
	Seed               int64      `json:"seed" arg:"N" description:"seed of the shuffling (default: 0)"`
	Engine             Engine     `json:"engine,omitempty" description:"auto (the faster one, measured), graph or xla; the first pass over the records runs in the graph, which checks them (default: auto)"`
	OnNaN              OnNaN      `json:"on_nan,omitempty" description:"a training whose loss becomes NaN: fail, or keep to go on and keep its model (default: fail)"`
	Mode               Mode       `json:"mode,omitempty" description:"once (each stream trains anew), rounds (each stream trains on from the result of the one before) or stream (a training follows the topic: each record is predicted, then learned from) (default: once)"`
	StreamTimeout      int64      `json:"stream_timeout,omitempty" minimum:"0" arg:"MILLISECONDS" description:"of mode stream: end after so long without a record (default: never, but a minute where incremental is set and indefinite is not)"`
	Drift              Detector   `json:"drift,omitempty" description:"of mode stream: what looks for drifts of the stream: adwin or page_hinkley, by the loss of each batch, or ddm, by its rate of errors (default: nothing)"`
	OnDrift            OnDrift    `json:"on_drift,omitempty" description:"of drift: event (it is told), restart (the training goes back to the last result that it gave before what drifted began, or else to where it began, too) or rate (the learning rate is higher for a while, too) (default: event)"`
	DriftRate          float64    `json:"drift_rate,omitempty" minimum:"1" maximum:"1000000" arg:"TIMES" description:"of on_drift rate: times the learning rate, above 1 (default: 10)"`
	DriftRecords       int64      `json:"drift_records,omitempty" minimum:"1" arg:"N" description:"of on_drift rate: for so many records after the drift (default: 1000)"`
	Monitor            string     `json:"monitor,omitempty" maxLength:"256" arg:"METRIC" description:"of mode stream: a result appears, and the training goes on, where this metric of a point of the curve has improved (default: none)"`
	Change             Change     `json:"change,omitempty" description:"of monitor: up where a high value is better, down where a low one is (default: as the metric's name tells)"`
	Improvement        float64    `json:"improvement,omitempty" minimum:"0" description:"of monitor: by how much it has to improve over the value of the last such result, or the first value (default: by anything)"`
	ResultRecords      int64      `json:"result_records,omitempty" minimum:"1" arg:"N" description:"of mode stream: a result appears every N records (default: none)"`
	ResultMinutes      int64      `json:"result_minutes,omitempty" minimum:"1" maximum:"5256000" arg:"MINUTES" description:"of mode stream: a result appears every so many minutes in which records came (default: none)"`
	MonitoringMetric   string     `json:"monitoring_metric,omitempty" maxLength:"256" flag:"-" description:"monitor, as Kafka-ML says it"`
	Incremental        bool       `json:"incremental,omitempty" flag:"-" description:"mode stream, as Kafka-ML says it"`
	Indefinite         bool       `json:"indefinite,omitempty" flag:"-" description:"of incremental: it ends by a command only"`
	Unsupervised       bool       `json:"unsupervised,omitempty" description:"train on without labels, too: the model labels the records of the stream's unsupervised_topic that it is sure of"`
	UnsupervisedRounds int        `json:"unsupervised_rounds,omitempty" minimum:"1" maximum:"1000" arg:"N" description:"of unsupervised: how often it labels records and trains on, at most (default: 5)"`
	Confidence         *float64   `json:"confidence,omitempty" nullable:"false" minimum:"0" maximum:"1" arg:"P" description:"of unsupervised: the least probability of the class that a record is labelled with, above 0 (default: 0.9)"`
	From               int64      `json:"from,omitempty" minimum:"1" refers:"result" description:"finished result that the training goes on from, with its weights and the state of its optimizer (default: the model's initial weights)"`
	Freeze             []string   `json:"freeze,omitempty" nullable:"false" maxItems:"64" arg:"LAYER,..." description:"of from: layers that do not train, as Keras' trainable=False: names, or patterns with * and ?; those within a layer as outer/inner (default: those that the source freezes)"`
	Follows            string     `json:"follows,omitempty" maxLength:"160" flag:"-" description:"of mode stream, in place of from: MODEL@ALIAS whose result the training goes on from, and from its next one whenever the alias moves"`
	Every              Extent     `json:"every,omitempty" maxLength:"64" arg:"RECORDS|TIME" example:"10000records" description:"train again by itself, on the same topics: each time that so many records have come (10000records), or so long after the last time (24h)"`
	OnDriftOf          int64      `json:"on_drift_of,omitempty" minimum:"0" refers:"deployment" description:"train again by itself when the deployment of mode stream finds a drift"`
	Window             Extent     `json:"window,omitempty" maxLength:"64" arg:"RECORDS|TIME" description:"what it then trains on: the last records (50000records), or those of the last time (7d) (default: as many records as the last stream that was sent to it)"`
	Alias              string     `json:"alias,omitempty" maxLength:"160" arg:"ALIAS" example:"champion" description:"alias that a finished result gets if it is better than the one that has it, on the test split of the stream; MODEL@ALIAS may be given, too"`
	Metric             string     `json:"metric,omitempty" maxLength:"128" arg:"METRIC" description:"of alias: what is compared (default: accuracy, or loss where the model has none)"`
	Margin             float64    `json:"margin,omitempty" minimum:"0" arg:"VALUE" description:"of alias: by how much more it must be better (default: 0)"`
	KeepLosing         int        `json:"keep_losing,omitempty" minimum:"1" maximum:"10000" arg:"N" description:"of alias: how many results of trainings that it began by itself and that were not better are kept, the newest; older ones are deleted, but for those that are in use, tagged or noted (default: 20)"`
	GPUs               int        `json:"gpus" minimum:"0" maximum:"1024" arg:"N" description:"GPUs for each training (default: 0)"`
	Resources          *Resources `json:"resources,omitempty" description:"where a training runs in a cluster"`
	Description        string     `json:"description,omitempty" maxLength:"4096" arg:"TEXT" description:"note for people"`
}

// Arguments are Keras arguments as a person gives them: a JSON object, or a
// JSON string that holds Keras' text ("epochs=5").
type Arguments json.RawMessage

// ArgumentsOf is Keras' text as Arguments; nil when empty.
func ArgumentsOf(text string) Arguments {
	if text == "" {
		return nil
	}
	b, _ := json.Marshal(text) // a string always has a JSON form
	return b
}

// MarshalJSON gives the arguments as they are.
func (a Arguments) MarshalJSON() ([]byte, error) { return json.RawMessage(a).MarshalJSON() }

// UnmarshalJSON keeps the arguments as they are.
func (a *Arguments) UnmarshalJSON(b []byte) error { return (*json.RawMessage)(a).UnmarshalJSON(b) }

// JSONSchemaBytes is the schema of arguments that are given.
func (Arguments) JSONSchemaBytes() ([]byte, error) {
	return []byte(`{"type":["string","object"],"maxLength":4096}`), nil
}

// Deployment asks for each model of a configuration to be trained on the next
// datasource that names it.
type Deployment struct {
	ID                 int64            `json:"id" minimum:"1"`
	Configuration      int64            `json:"configuration"`
	BatchSize          int              `json:"batch_size"`
	TrainingKwargs     TrainingKwargs   `json:"training_kwargs"`
	ValidationKwargs   ValidationKwargs `json:"validation_kwargs"`
	Seed               int64            `json:"seed"`
	Engine             Engine           `json:"engine"`
	OnNaN              OnNaN            `json:"on_nan,omitempty" description:"keep: a training whose loss becomes NaN goes on; empty: it fails"`
	Mode               Mode             `json:"mode,omitempty" description:"rounds or stream; empty: once"`
	From               int64            `json:"from,omitempty" description:"the result that its trainings go on from, in mode rounds those of its first stream"`
	Freeze             []string         `json:"freeze,omitempty" description:"layers that do not train, by name or pattern"`
	Follows            string           `json:"follows,omitempty" description:"alias whose result a training of mode stream goes on from, also when it moves"`
	Every              Extent           `json:"every,omitempty" description:"records or time after which it trains again by itself; empty: it does not"`
	OnDriftOf          int64            `json:"on_drift_of,omitempty" description:"the deployment of mode stream whose drifts let it train again; 0: none"`
	Window             Extent           `json:"window,omitempty" description:"records or time that it then trains on; empty: as many records as the last stream that was sent to it"`
	Alias              string           `json:"alias,omitempty" description:"what its better results get"`
	Metric             string           `json:"metric,omitempty" description:"by which they are compared; empty: accuracy, or loss"`
	Margin             float64          `json:"margin,omitempty" description:"by how much more they must be better"`
	KeepLosing         int              `json:"keep_losing,omitempty" description:"how many results that were not better are kept; 0: 20"`
	Retraining         *Retraining      `json:"retraining,omitempty" nullable:"false" description:"where its schedule stands, and what was decided of its results"`
	StreamTimeout      int64            `json:"stream_timeout,omitempty" description:"milliseconds without a record after which a training of mode stream ends; 0: never"`
	Drift              Detector         `json:"drift,omitempty" description:"what looks for drifts of the stream; empty: nothing"`
	OnDrift            OnDrift          `json:"on_drift,omitempty" description:"restart: a drift leads the training back; rate: it raises the learning rate; empty: it is told"`
	DriftRate          float64          `json:"drift_rate,omitempty" description:"times the learning rate that a drift raises it to"`
	DriftRecords       int64            `json:"drift_records,omitempty" description:"records for which it is raised"`
	Monitor            string           `json:"monitor,omitempty" description:"metric whose improvement gives a result while a training of mode stream goes on"`
	Change             Change           `json:"change,omitempty" description:"the way in which it improves"`
	Improvement        float64          `json:"improvement,omitempty" description:"by how much; 0: by anything"`
	ResultRecords      int64            `json:"result_records,omitempty" description:"records after which a training of mode stream gives a result, and goes on"`
	ResultMinutes      int64            `json:"result_minutes,omitempty" description:"minutes after which it does"`
	MonitoringMetric   string           `json:"monitoring_metric,omitempty" description:"how monitor was given by clients of Kafka-ML"`
	Incremental        bool             `json:"incremental,omitempty" description:"how mode stream was asked for by clients of Kafka-ML"`
	Indefinite         bool             `json:"indefinite,omitempty"`
	Unsupervised       bool             `json:"unsupervised,omitempty" description:"it trains on by labels of its own, of the records without one that a stream names"`
	UnsupervisedRounds int              `json:"unsupervised_rounds,omitempty" description:"how often, at most"`
	Confidence         *float64         `json:"confidence,omitempty" nullable:"false" description:"the least probability of a class that makes it a label"`
	GPUs               int              `json:"gpus"`
	Resources          Resources        `json:"resources"`
	Description        string           `json:"description,omitempty"`
	Study              int64            `json:"study,omitempty" description:"the study whose trials its results are"`
	Owner              string           `json:"owner,omitempty" description:"who made it, where that is known: where trainings wait, people take turns"`
	Status             DeploymentStatus `json:"status"`
	Warnings           []string         `json:"warnings,omitempty" description:"what may not be meant of its members"`
	Place              int              `json:"place,omitempty" description:"where trainings wait for others to end: the place in the queue of the first of its own, 1 comes next"`
	Results            []int64          `json:"results" description:"its results, one for each model"`
	LastRejection      *StreamRejection `json:"last_rejection,omitempty" description:"why the last stream that named it was refused or trained nothing, where that was so"`
	Created            time.Time        `json:"created"`
	Updated            time.Time        `json:"updated"`
}

// StreamWait is how long a stream waits for a deployment that is yet to be
// made; one that is made later leaves it to a person to send the stream again.
const StreamWait = 24 * time.Hour

// TakesStream is nil where a stream that is new starts the deployment's
// trainings, else says why it would train nothing.
func (d Deployment) TakesStream() error {
	switch {
	case d.Status == DeploymentStopped:
		return &Error{
			Kind: Conflict, Field: "deployment", Reason: fmt.Sprintf("deployment %d is stopped: it would not train on the stream", d.ID),
			Hint: fmt.Sprintf("create another one of configuration %d, and send the stream to that", d.Configuration),
		}
	case d.Mode == ModeStream && d.Status == DeploymentTraining:
		return &Error{
			Kind: Conflict, Field: "deployment", Reason: fmt.Sprintf("deployment %d follows another stream, and would not train on this one", d.ID),
			Hint: fmt.Sprintf("stop it first (deployments stop %d), or send the stream to another deployment", d.ID),
		}
	}
	return nil
}

// StreamRejection is why a stream was refused, and the datasource that stands
// for it.
type StreamRejection struct {
	Datasource int64 `json:"datasource"`
	Rejection
}

// Resources is where and with what a training Job runs in a cluster; empty
// members leave the platform's defaults.
type Resources struct {
	CPU           string            `json:"cpu,omitempty" maxLength:"64" arg:"QUANTITY" description:"Kubernetes quantity of CPU for each training"`
	Memory        string            `json:"memory,omitempty" maxLength:"64" arg:"QUANTITY" description:"Kubernetes quantity of memory for each training"`
	NodeSelector  map[string]string `json:"node_selector,omitempty" arg:"LABEL=VALUE,..." description:"labels of the nodes to train on, where the operator allows them"`
	Tolerations   json.RawMessage   `json:"tolerations,omitempty" types:"array,null" flag:"-" description:"Kubernetes tolerations, as in a pod, where the operator allows them"`
	PriorityClass string            `json:"priority_class,omitempty" maxLength:"253" arg:"NAME" description:"Kubernetes priority class, where the operator allows it"`
	DeadlineSecs  int64             `json:"deadline_seconds,omitempty" minimum:"0" flag:"deadline" arg:"SECONDS" description:"end a training after so many seconds"`
}

// Engine is what runs the training loop; a framework names those that it has.
type Engine string

// Auto leaves the choice to the framework. Every framework takes it.
const Auto Engine = "auto"

// OnNaN says what becomes of a training whose loss is no number any more.
type OnNaN string

// A training fails unless the deployment says that its model is to be kept all
// the same.
const (
	NaNFails OnNaN = "fail"
	NaNStays OnNaN = "keep"
)

// Enum lists the values for JSON Schema.
func (OnNaN) Enum() []any { return values(NaNFails, NaNStays) }

// Mode says what a deployment makes of one stream after the other.
type Mode string

// The modes of a Deployment. Once is stored as the empty Mode.
const (
	ModeOnce   Mode = "once"   // each stream trains from the same start
	ModeRounds Mode = "rounds" // each stream trains on from the result of the one before
	ModeStream Mode = "stream" // a training follows a topic
)

// Enum lists the values for JSON Schema.
func (Mode) Enum() []any { return values(ModeOnce, ModeRounds, ModeStream) }

// streamTimeout is Kafka-ML's, in milliseconds.
const streamTimeout = 60_000

// The bounds of a deployment's members; the default batch size is Keras'.
const (
	defaultBatchSize = 32
	maxBatchSize     = 1_000_000
	maxGPUs          = 64
)

// Normalize gives the members of a deployment that were left out their
// defaults and refuses those out of range, each by its name. Engine and
// arguments of fit are for the framework to check; see framework.Settings.
func (d *Deployment) Normalize() error {
	if d.BatchSize == 0 {
		d.BatchSize = defaultBatchSize
	}
	if d.TrainingKwargs.Epochs == 0 { // never read: what a framework reads has at least 1
		d.TrainingKwargs = DefaultTrainingKwargs()
	}
	if d.Engine == "" {
		d.Engine = Auto
	}
	if d.Mode == ModeOnce {
		d.Mode = ""
	}
	if d.Incremental && d.Mode == "" {
		d.Mode = ModeStream
		if d.StreamTimeout == 0 && !d.Indefinite {
			d.StreamTimeout = streamTimeout
		}
	}
	if d.Indefinite {
		d.StreamTimeout = 0
	}
	if d.Monitor == "" {
		d.Monitor = d.MonitoringMetric
	}
	if d.OnDrift == DriftTells {
		d.OnDrift = ""
	}
	if err := d.normalizeUnsupervised(); err != nil {
		return err
	}
	if d.OnDrift == DriftRaises {
		d.DriftRate, d.DriftRecords = cmp.Or(d.DriftRate, driftRate), cmp.Or(d.DriftRecords, driftRecords)
	}
	switch {
	case d.Configuration <= 0:
		return Invalidf("configuration", "the id of a configuration is missing")
	case d.BatchSize < 1 || d.BatchSize > maxBatchSize:
		return Invalidf("batch_size", "must be from 1 to %d, not %d", maxBatchSize, d.BatchSize)
	case d.GPUs < 0 || d.GPUs > maxGPUs:
		return Invalidf("gpus", "must be from 0 to %d, not %d", maxGPUs, d.GPUs)
	case d.OnNaN != "" && d.OnNaN != NaNFails && d.OnNaN != NaNStays:
		return Invalidf("on_nan", "%q is not known", string(d.OnNaN)).WithHint("use fail or keep")
	case d.Mode != "" && d.Mode != ModeRounds && d.Mode != ModeStream:
		return Invalidf("mode", "%q is not known", string(d.Mode)).WithHint("use once, rounds or stream")
	case d.StreamTimeout < 0 || d.StreamTimeout > 0 && d.Mode != ModeStream:
		return Invalidf("stream_timeout", "is a number of milliseconds after which a training of mode stream ends").WithHint("set mode to stream, or leave it out")
	case d.Drift != "" && !slices.Contains(d.Drift.Enum(), any(d.Drift)):
		return Invalidf("drift", "%q is not known", string(d.Drift)).WithHint("use adwin, page_hinkley or ddm")
	case d.Drift != "" && d.Mode != ModeStream:
		return Invalidf("drift", "drifts are looked for in mode stream only").WithHint("set mode to stream, or leave it out")
	case d.OnDrift != "" && d.OnDrift != DriftRestarts && d.OnDrift != DriftRaises:
		return Invalidf("on_drift", "%q is not known", string(d.OnDrift)).WithHint("use event, restart or rate")
	case d.OnDrift != DriftRaises && (d.DriftRate != 0 || d.DriftRecords != 0):
		return Invalidf("on_drift", "no drift raises the learning rate").WithHint("set on_drift to rate, or leave drift_rate and drift_records out")
	case d.OnDrift == DriftRaises && (d.DriftRate <= 1 || d.DriftRecords < 1):
		return Invalidf("drift_rate", "is above 1, and drift_records 1 or more: else a drift raises nothing").WithHint("leave them out for 10 times the rate, for 1000 records")
	case d.OnDrift != "" && d.Drift == "":
		return Invalidf("on_drift", "nothing looks for drifts").WithHint("set drift to adwin, page_hinkley or ddm, or leave it out")
	case d.Mode != ModeStream && (d.Monitor != "" || d.ResultRecords != 0 || d.ResultMinutes != 0):
		return Invalidf(d.givesBy(), "only a training of mode stream gives results while it goes on").WithHint("set mode to stream, or leave it out")
	case d.Monitor == "" && (d.Change != "" || d.Improvement != 0):
		return Invalidf("monitor", "nothing is monitored that could change").WithHint("name a metric, or leave change and improvement out")
	case d.Change != "" && d.Change != ChangeUp && d.Change != ChangeDown:
		return Invalidf("change", "%q is not known", string(d.Change)).WithHint("use up or down")
	case d.Improvement < 0:
		return Invalidf("improvement", "must not be negative").WithHint("change says in which way the metric improves")
	case d.ResultRecords < 0 || d.ResultMinutes < 0:
		return Invalidf(d.givesBy(), "must be 1 or more")
	case d.Follows != "" && d.Mode != ModeStream:
		return Invalidf("follows", "only a training of mode stream goes on while an alias moves").WithHint("give the result by its number, as from, or set mode to stream")
	case d.From < 0:
		return Invalidf("from", "must be the id of a result, not %d", d.From)
	case d.Resources.DeadlineSecs < 0:
		return Invalidf("resources.deadline_seconds", "must not be negative")
	}
	if err := d.normalizeFreeze(); err != nil {
		return err
	}
	if err := d.checkSchedule(); err != nil {
		return err
	}
	d.Warnings = d.passedOver()
	return nil
}

// givesBy names the first member that lets a training give results on its way.
func (d *Deployment) givesBy() string {
	switch {
	case d.Monitor != "":
		return "monitor"
	case d.ResultRecords != 0:
		return "result_records"
	}
	return "result_minutes"
}

// ModelArtifact is how the keys of a version of a model begin among the
// artifacts; the export that counts is named by Model.Artifact. What lies below
// it is said by the framework's Bundle.
func ModelArtifact(model int64, version int) string {
	return fmt.Sprintf("models/%d/v%d", model, version)
}

// ResultCheckpoint is the key below which the attempts at a result keep what the
// next one goes on from.
func ResultCheckpoint(result int64) string { return fmt.Sprintf("results/%d/checkpoint", result) }

// ResultArtifact is the key below which lies what an attempt at a result
// trained.
func ResultArtifact(result int64, attempt int) string {
	return fmt.Sprintf("results/%d/attempt-%d", result, attempt)
}
