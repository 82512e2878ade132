package pipeline

import "errors"

// Semi-supervised training, as Kafka-ML has it: once a model is trained on the records
// that have labels, it predicts those that have none. Each whose most probable class
// has at least the wanted probability takes that class as its label, and the model
// trains on, by a whole fit, on all that have one now. That is a round.

// The defaults and the bound of an unsupervised deployment; Kafka-ML's.
const (
	defaultRounds     = 5
	defaultConfidence = 0.9
	maxRounds         = 1000
)

// normalizeUnsupervised is the part of Normalize that is about records without labels.
func (d *Deployment) normalizeUnsupervised() error {
	if !d.Unsupervised {
		if d.UnsupervisedRounds != 0 || d.Confidence != nil {
			return Invalidf("unsupervised", "unsupervised_rounds and confidence say how records without labels are trained on").
				WithHint("set unsupervised, or leave them out")
		}
		return nil
	}
	if d.UnsupervisedRounds == 0 {
		d.UnsupervisedRounds = defaultRounds
	}
	if d.Confidence == nil {
		c := defaultConfidence
		d.Confidence = &c
	}
	switch {
	case d.Mode == ModeStream:
		return Invalidf("unsupervised", "a training that follows a stream learns from each record once, by its own label").WithHint("leave mode or unsupervised out")
	case d.UnsupervisedRounds < 1 || d.UnsupervisedRounds > maxRounds:
		return Invalidf("unsupervised_rounds", "must be from 1 to %d, not %d", maxRounds, d.UnsupervisedRounds)
	case !(*d.Confidence > 0 && *d.Confidence <= 1): // NaN fails both
		return Invalidf("confidence", "is a probability above 0 and up to 1, not %v", *d.Confidence).WithHint("leave it out for 0.9")
	}
	return nil
}

// CheckUnsupervised is nil where a model gives the probability of each class, so that
// it can label records.
func (e Export) CheckUnsupervised() error {
	hint := "it takes a classifier of one output, whose last layer is a softmax, or for two classes one unit with a sigmoid"
	switch {
	case len(e.Outputs) != 1 || len(e.Labels) != 1 || e.Task != Classification && e.Task != BinaryClassification:
		return Invalidf("unsupervised", "the model is no classifier of one output: it cannot label records").WithHint("%s", hint)
	case e.Logits:
		return Invalidf("unsupervised", "the model gives logits, which are no probabilities that could be compared with confidence").WithHint("%s, with from_logits=False in the loss", hint)
	case e.Classes < 2 || e.Classes > MaxClasses || len(e.Outputs[0].Shape) > 1:
		return Invalidf("unsupervised", "the model gives no single class of 2 to %d for a record", MaxClasses).WithHint("%s", hint)
	}
	return nil
}

// Unlabelled says where records without labels lie in the log.
type Unlabelled struct {
	Topic    string     `json:"topic" description:"as the control message names them"`
	Ranges   []Range    `json:"ranges,omitempty"`
	Rejected *Rejection `json:"rejected,omitempty" nullable:"false" description:"why they cannot be used, where they cannot"`
}

// Unlabelled are the ranges of its records without labels.
func (d Datasource) Unlabelled() []Range {
	if d.Unsupervised == nil {
		return nil
	}
	return d.Unsupervised.Ranges
}

// Reject keeps why they cannot be used.
func (u *Unlabelled) Reject(err error) {
	u.Ranges, u.Rejected = nil, &Rejection{Reason: err.Error()}
	var known *Error
	if errors.As(err, &known) {
		u.Rejected = &Rejection{Field: "unsupervised_topic", Reason: known.Reason, Hint: known.Hint}
	}
}

// Unsupervised is what a training labels itself.
type Unsupervised struct {
	Ranges     []Range `json:"ranges"`
	Rounds     int     `json:"rounds"`     // at most
	Confidence float64 `json:"confidence"` // the least probability of the class that a record is labelled with
}

// PseudoLabels says which records a model has labelled itself, and trained on.
type PseudoLabels struct {
	Confidence float64       `json:"confidence" description:"the least probability of the class that a record was labelled with"`
	Records    int64         `json:"records" description:"without a label, that were read"`
	LeftOut    int64         `json:"left_out,omitempty" description:"records that where of the input_config left out"`
	Skipped    *Skipped      `json:"skipped,omitempty" nullable:"false" description:"records at fault that on_bad let pass"`
	Rounds     []PseudoRound `json:"rounds" nullable:"false"`
	Left       int64         `json:"left" description:"records that have no label still"`
	Ended      string        `json:"ended,omitempty" description:"why no more were labelled"`
}

// PseudoRound is what a model labelled at once, before it trained on.
type PseudoRound struct {
	Round    int              `json:"round" description:"counted from 1"`
	Records  int64            `json:"records" description:"without a label, that it predicted"`
	Labelled int64            `json:"labelled"`
	Classes  map[string]int64 `json:"classes,omitempty" description:"of them, how many it gave each class"`
	Epoch    int              `json:"epoch" description:"the last one before it"`
}
