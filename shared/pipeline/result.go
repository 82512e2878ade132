package pipeline

import (
	"fmt"
	"math"
	"time"
)

// Metrics are the values of one evaluation by name, "loss" among them.
type Metrics map[string]float64

// Epoch is what one epoch of training reported.
type Epoch struct {
	Epoch      int     `json:"epoch" required:"true" minimum:"1"`
	Training   Metrics `json:"training"`
	Validation Metrics `json:"validation,omitempty"`
	Seconds    float64 `json:"seconds"`
	Records    int64   `json:"records,omitempty" description:"trained on by then, of a training that follows a stream"`
	// LearningRate is what the epoch was trained with, where reduce_lr_on_plateau
	// watches it.
	LearningRate float64 `json:"learning_rate,omitempty"`
	Best         bool    `json:"best,omitempty" description:"the best so far, by what early_stopping monitors"`
}

// Stopping is what early_stopping made of a training. Epochs count from 1.
type Stopping struct {
	Monitor      string  `json:"monitor"`
	BestEpoch    int     `json:"best_epoch,omitempty" description:"absent: no epoch was looked at"`
	Best         Metrics `json:"best,omitempty" description:"the metric in that epoch"`
	StoppedEpoch int     `json:"stopped_epoch,omitempty" description:"the epoch that the training was ended after; absent: it ran all of them"`
	Restored     bool    `json:"restored,omitempty" description:"the weights are those of the best epoch"`
	Reason       string  `json:"reason" description:"the same as a sentence"`
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

// SplitAudit counts what each split holds, and what the values of the stream
// are, and warns where a split misses a class or values are unlike others.
type SplitAudit struct {
	Training   SplitCount `json:"training"`
	Validation SplitCount `json:"validation"`
	Test       SplitCount `json:"test"`
	By         SplitBy    `json:"by,omitempty" description:"how the records were chosen: random, or label for a share of each class; by time when absent"`
	Seed       int64      `json:"seed,omitempty" description:"of that choice"`
	Columns    []Column   `json:"columns,omitempty" description:"the values of the whole stream: by field where each is one number, else by tensor; of many the ones that are warned of"`
	Adapted    []Adapted  `json:"adapted,omitempty" description:"what the layers have learned that the source leaves to be adapted"`
	Warnings   []string   `json:"warnings,omitempty"`
	LeftOut    int64      `json:"left_out,omitempty" description:"records that where of the input_config left out"`
	Joined     *Joined    `json:"joined,omitempty" description:"the labels, where they came from another topic"`
	Skipped    *Skipped   `json:"skipped,omitempty" description:"records at fault that on_bad let pass"`
	Windows    *Windows   `json:"windows,omitempty" description:"how records became windows, where input_config asks for them"`
	// Means are kept to be used in serving, too.
	Means map[string][]float64 `json:"means,omitempty" description:"what stands for missing values: of each input, the mean of each element over the training split"`
	// Lengths are, too.
	Lengths map[string]map[string]int `json:"lengths,omitempty" description:"of inputs that several fields fill with arrays: how many values each field brings in every record"`
}

// Learned is what a training has learned of its stream and serving goes by: members of
// its SplitAudit.
type Learned struct {
	Means   map[string][]float64      `json:"means,omitempty"`
	Lengths map[string]map[string]int `json:"lengths,omitempty"`
}

// Joined says how the records of a stream met their labels.
type Joined struct {
	Topic      string `json:"topic"`
	Labels     int64  `json:"labels" description:"records of that topic"`
	Matched    int64  `json:"matched" description:"records of the stream that found a label"`
	Doubled    int64  `json:"doubled" description:"of them, those that found several: the newest counts"`
	Assumed    int64  `json:"assumed" description:"records that found none and took what the label's missing says"`
	Unlabelled int64  `json:"unlabelled" description:"records that found none and were left out"`
}

// Count notes what came of a record's label, for which so many came; labelled is
// false where none did and none is assumed.
func (j *Joined) Count(matches int, labelled bool) {
	switch {
	case !labelled:
		j.Unlabelled++
	case matches == 0:
		j.Assumed++
	default:
		j.Matched++
		if matches > 1 {
			j.Doubled++
		}
	}
}

// Windows says how the records of a stream became windows, each of which is a
// sample: the counts of a SplitCount are of windows, too.
type Windows struct {
	Size       int   `json:"size" description:"records of a window"`
	Windows    int64 `json:"windows"`
	Keys       int64 `json:"keys" description:"sequences; a key that was forgotten and came back is two"`
	Records    int64 `json:"records" description:"records that were taken in"`
	Unused     int64 `json:"unused" description:"of them, those of no window: most of keys that have too few"`
	TooLong    int64 `json:"too_long" description:"windows that were none, as their records lie further apart than within allows"`
	Unlabelled int64 `json:"unlabelled" description:"windows that were none, as a record that is to give a label has none"`
	Forgotten  int64 `json:"forgotten" description:"keys that were forgotten, as there were more than are kept at once"`
	Spread     int64 `json:"spread" description:"keys whose records lie in several partitions"`
	Backwards  int64 `json:"backwards" description:"records whose time is before that of the record of their key before them"`
	// Said is what Sentence gives.
	Said string `json:"said,omitempty" description:"these numbers as a person reads them, without those that are 0"`
}

// Sentence is what a person reads of the counts.
func (w Windows) Sentence() string {
	text := fmt.Sprintf("%d windows of %d records, from %d records of %d keys", w.Windows, w.Size, w.Records, w.Keys)
	for _, part := range []struct {
		n    int64
		what string
	}{
		{w.Unused, "%d records are in no window"},
		{w.TooLong, "%d runs of records lie too far apart"},
		{w.Unlabelled, "%d windows lack a label"},
		{w.Forgotten, "%d keys were forgotten"},
		{w.Spread, "%d keys lie in several partitions"},
		{w.Backwards, "%d records are older than the one before them"},
	} {
		if part.n > 0 {
			text += "; " + fmt.Sprintf(part.what, part.n)
		}
	}
	return text
}

// Skipped are the records of a stream that were not trained on, as they are at
// fault.
type Skipped struct {
	Records int64       `json:"records"`
	First   []BadRecord `json:"first" nullable:"false" description:"the first of them, at most 100"`
}

// BadRecord is a record that could not be taken.
type BadRecord struct {
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	Offset    int64  `json:"offset"`
	Reason    string `json:"reason"`
}

// Column says what the values of one field or tensor of a stream are. Minimum,
// maximum and mean are of its finite values, 0 where it has none.
type Column struct {
	Name     string  `json:"name"`
	Missing  int64   `json:"missing,omitempty" description:"records in which it is missing, or NaN"`
	Infinite int64   `json:"infinite,omitempty" description:"records in which it is infinite"`
	Minimum  float64 `json:"minimum"`
	Maximum  float64 `json:"maximum"`
	Mean     float64 `json:"mean"`
}

// Confusion is a confusion matrix: Counts[true][predicted], over Split.
type Confusion struct {
	Split  string    `json:"split"`
	Labels []string  `json:"labels" nullable:"false"`
	Counts [][]int64 `json:"counts" nullable:"false"`
}

// Lineage records what a trained model was made of.
type Lineage struct {
	SourceHash   string    `json:"source_hash"`
	ModelVersion int       `json:"model_version"`
	Ranges       []Range   `json:"ranges,omitempty"`
	Unlabelled   []Range   `json:"unlabelled_ranges,omitempty" description:"records without labels, which are read after the others"`
	ContentHash  string    `json:"content_hash,omitempty" description:"SHA-256 over every key and value read, in order"`
	Records      int64     `json:"records,omitempty"`
	BytesRead    int64     `json:"bytes_read,omitempty" description:"keys and values, once"`
	Seed         int64     `json:"seed"`
	WeightsHash  string    `json:"weights_hash,omitempty" description:"SHA-256 over the trained variables"`
	Libraries    Libraries `json:"libraries,omitempty"`
}

// Doubts are what a person should know before the model of a result is served.
func (r Result) Doubts() []string {
	what := r.Unsound
	if v, known := r.Metrics.Training["loss"]; what == "" && known && math.IsNaN(v) { // of an earlier version
		what = "the loss is NaN"
	}
	if what == "" {
		return nil
	}
	return []string{fmt.Sprintf("of result %d, %s: its predictions will be NaN", r.ID, what)}
}

// Result is the training of one model of a deployment on a datasource, or a model
// that was trained elsewhere and imported, which is of none of them.
type Result struct {
	ID            int64         `json:"id" minimum:"1"`
	Deployment    int64         `json:"deployment" description:"0 where the model was imported"`
	Configuration int64         `json:"configuration" description:"0 where the model was imported"`
	Model         int64         `json:"model"`
	ModelName     string        `json:"model_name"`
	ModelVersion  int           `json:"model_version"`
	Datasource    int64         `json:"datasource,omitempty" description:"absent while it waits for one"`
	Parent        int64         `json:"parent,omitempty" description:"the result whose weights its training went on from"`
	Round         int           `json:"round,omitempty" description:"of a deployment of rounds: 1 for its first stream"`
	Interim       int           `json:"interim,omitempty" description:"its number among the results that its parent, which follows a stream, gave while it went on"`
	Interims      int           `json:"interims,omitempty" description:"results that it has given while it went on, those included that are deleted again"`
	Ending        bool          `json:"ending,omitempty" description:"its training, which follows a stream, was told to end: it is finished with what it has learned"`
	Imported      *Imported     `json:"imported,omitempty" description:"the file that the model was imported from, which is finished at once"`
	Aliases       []string      `json:"aliases,omitempty" description:"names that it has among the results of its model"`
	Tags          Tags          `json:"tags,omitempty" description:"tags by name"`
	Notes         string        `json:"notes,omitempty" description:"notes of people"`
	Status        ResultStatus  `json:"status"`
	StatusChanged time.Time     `json:"status_changed"`
	Reason        string        `json:"reason,omitempty" description:"why it failed or was pruned, or what it waits for"`
	Hint          string        `json:"hint,omitempty"`
	Attempt       int           `json:"attempt" description:"1 for the first Job; a retry or a restart adds one"`
	Lost          int           `json:"lost,omitempty" description:"Jobs that vanished since the last retry"`
	Cut           bool          `json:"cut,omitempty" description:"the service ended in order while it trained: its next start is no loss"`
	Engine        Engine        `json:"engine,omitempty"`
	EngineReason  string        `json:"engine_reason,omitempty" description:"the figures that chose the engine"`
	EpochsDone    int           `json:"epochs_done"`
	EpochsTotal   int           `json:"epochs_total"`
	SecondsLeft   float64       `json:"seconds_left,omitempty" description:"about how long it still trains, if nothing stops it early"`
	Metrics       SplitMetrics  `json:"metrics"`
	Split         *SplitAudit   `json:"split,omitempty"`
	Confusion     *Confusion    `json:"confusion,omitempty"`
	Stopping      *Stopping     `json:"early_stopping,omitempty" description:"what early_stopping made of it"`
	PseudoLabels  *PseudoLabels `json:"pseudo_labels,omitempty" description:"what it has labelled itself, of a deployment that is unsupervised"`
	Drifts        []Drift       `json:"drifts,omitempty" description:"those that were found in the stream that it follows, the last 100"`
	Follows       string        `json:"follows,omitempty" description:"alias whose result its training, which follows a stream, goes on from, also when it moves"`
	Successor     int64         `json:"successor,omitempty" description:"the result that its training was last told to go on from; it is its parent once it does"`
	Unfit         string        `json:"unfit,omitempty" description:"why its training does not go on from the result that the alias names"`
	Adoptions     []Adoption    `json:"adoptions,omitempty" description:"where its training went on from another result, as the alias had moved; the last 100"`
	Outdone       bool          `json:"outdone,omitempty" description:"a schedule has trained it, and it was not better than the result that has the alias"`
	Unsound       string        `json:"unsound,omitempty" description:"what of its model is NaN or infinite, so that its predictions will be, too"`
	Lineage       Lineage       `json:"lineage"`
	Artifact      string        `json:"artifact,omitempty" description:"key prefix of the trained model"`
	Variation
	Trial        *StudyTrial   `json:"trial,omitempty" description:"what it tries, as a trial of a study"`
	Serving      *Serving      `json:"serving,omitempty" description:"what its model can be served by"`
	Verification *Verification `json:"verification,omitempty" description:"what came of training it again from its receipt"`
	Formats      []ModelFormat `json:"formats,omitempty" description:"in which its model is kept, can be made, or cannot be had"`
	Seconds      float64       `json:"seconds,omitempty" description:"from the Job's start to its end"`
	Traceparent  string        `json:"traceparent,omitempty" description:"W3C trace context that its attempt belongs to"`
	Tracestate   string        `json:"tracestate,omitempty" description:"what vendors have added to it"`
	Created      time.Time     `json:"created"`
	Started      *time.Time    `json:"started,omitempty" nullable:"false"`
	Finished     *time.Time    `json:"finished,omitempty" nullable:"false"`
}

// Learned is what its SplitAudit holds of it.
func (r Result) Learned() Learned {
	if r.Split == nil {
		return Learned{}
	}
	return Learned{r.Split.Means, r.Split.Lengths}
}
