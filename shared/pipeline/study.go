package pipeline

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// StudyForm is what a person gives of a study: a deployment's members, and what
// is searched for among their values.
type StudyForm struct {
	Configuration    int64      `json:"configuration" required:"true" minimum:"1" refers:"configuration" example:"1" description:"configuration of the one model that is tried"`
	Space            string     `json:"space,omitempty" maxLength:"4096" arg:"SPACE" example:"learning_rate=log(1e-4,1e-1), batch_size=[16,32,64]" description:"what is tried: learning_rate, batch_size and epochs, each as float(low,high), log(low,high), int(low,high,step) or [choices]; and all that the source asks hp for, or of it what is given here, as in hp.units=int(16,64)"`
	Objective        string     `json:"objective" required:"true" minLength:"1" maxLength:"128" arg:"METRIC" example:"val_loss" description:"metric of an epoch that the trials are compared by, in their last epoch"`
	Direction        MetricMode `json:"direction,omitempty" enum:"auto,min,max," description:"which values of the objective are better: min, max or auto, by its name (default: auto)"`
	Trials           int        `json:"trials,omitempty" minimum:"0" maximum:"1000" arg:"N" example:"20" description:"how many trials there are (default: 20)"`
	Parallel         int        `json:"parallel,omitempty" minimum:"0" maximum:"16" arg:"N" description:"how many of them train at once (default: 1)"`
	Sampler          Sampler    `json:"sampler,omitempty" description:"Optuna's tpe, random or grid (default: tpe)"`
	Pruner           Pruner     `json:"pruner,omitempty" description:"what ends trials early that do worse than others: none, median or asha (default: none)"`
	Datasource       int64      `json:"datasource,omitempty" minimum:"0" refers:"datasource" description:"stream to train on that is there already (default: the next one that is sent to the study's deployment)"`
	BatchSize        int        `json:"batch_size,omitempty" minimum:"0" maximum:"16777216" arg:"N" description:"records a step, where the space does not say (default: 32)"`
	TrainingKwargs   Arguments  `json:"training_kwargs,omitempty" example:"epochs=2, shuffle=True" description:"arguments of Keras' fit, as of a deployment"`
	ValidationKwargs Arguments  `json:"validation_kwargs,omitempty" description:"arguments of Keras' evaluate, as of a deployment"`
	Seed             int64      `json:"seed,omitempty" minimum:"0" maximum:"4294967295" arg:"N" description:"seed of the sampler and of the shuffling (default: 0)"`
	Engine           Engine     `json:"engine,omitempty" description:"auto, graph or xla, as of a deployment"`
	GPUs             int        `json:"gpus,omitempty" minimum:"0" maximum:"1024" arg:"N" description:"GPUs for each trial (default: 0)"`
	Resources        *Resources `json:"resources,omitempty" description:"where a trial runs in a cluster"`
	Description      string     `json:"description,omitempty" maxLength:"4096" arg:"TEXT" description:"note for people"`
}

// Sampler chooses the values of the next trial, as the one of Optuna does.
type Sampler string

// The samplers.
const (
	SamplerTPE    Sampler = "tpe"
	SamplerRandom Sampler = "random"
	SamplerGrid   Sampler = "grid"
)

// Enum lists the values for JSON Schema.
func (Sampler) Enum() []any { return values(SamplerTPE, SamplerRandom, SamplerGrid) }

// Pruner ends trials early, as the one of Optuna does.
type Pruner string

// The pruners.
const (
	PrunerNone   Pruner = "none"
	PrunerMedian Pruner = "median"
	PrunerASHA   Pruner = "asha"
)

// Enum lists the values for JSON Schema.
func (Pruner) Enum() []any { return values(PrunerNone, PrunerMedian, PrunerASHA) }

// ASHAFactor is how many times as many epochs each rung of asha has: 1, 4, 16. Of
// the trials that reach one, the best in so many go on. It is Optuna's.
const ASHAFactor = 4

// Judges reports whether a trial may end after an epoch, which counts from 1.
func (p Pruner) Judges(epoch int) bool {
	switch p {
	case PrunerMedian:
		return true
	case PrunerASHA:
		for epoch > 1 && epoch%ASHAFactor == 0 {
			epoch /= ASHAFactor
		}
		return epoch == 1
	}
	return false
}

// Study searches for the values with which a model trains best on a stream. Its
// trials are results of a deployment of its own.
type Study struct {
	ID            int64       `json:"id" minimum:"1"`
	Configuration int64       `json:"configuration"`
	Deployment    int64       `json:"deployment" description:"whose results are its trials; a stream that is sent to it begins the study"`
	Model         int64       `json:"model"`
	ModelName     string      `json:"model_name"`
	ModelVersion  int         `json:"model_version"`
	Datasource    int64       `json:"datasource,omitempty" description:"absent while it waits for one"`
	Space         []Parameter `json:"space" nullable:"false"`
	Objective     string      `json:"objective"`
	Direction     MetricMode  `json:"direction" description:"min or max"`
	Trials        int         `json:"trials"`
	Parallel      int         `json:"parallel"`
	Sampler       Sampler     `json:"sampler"`
	Pruner        Pruner      `json:"pruner"`
	Seed          int64       `json:"seed"`
	Owner         string      `json:"owner,omitempty"`
	Description   string      `json:"description,omitempty"`
	Status        StudyStatus `json:"status"`
	StatusChanged time.Time   `json:"status_changed"`
	Reason        string      `json:"reason,omitempty" description:"why it failed"`
	Hint          string      `json:"hint,omitempty"`
	Proposed      int         `json:"proposed" description:"trials that began"`
	Finished      int         `json:"finished"`
	Pruned        int         `json:"pruned" description:"trials that were ended early"`
	Failed        int         `json:"failed"`
	Epochs        int64       `json:"epochs" description:"that all trials have trained"`
	Read          bool        `json:"read,omitempty" description:"the stream was read: its tensors are kept for all trials"`
	Best          *Best       `json:"best,omitempty"`
	Created       time.Time   `json:"created"`
	Started       *time.Time  `json:"started,omitempty" nullable:"false"`
	Ended         *time.Time  `json:"ended,omitempty" nullable:"false"`
}

// Best is the best trial so far.
type Best struct {
	Result     int64          `json:"result"`
	Trial      int            `json:"trial"`
	Value      float64        `json:"value"`
	Parameters map[string]any `json:"parameters" nullable:"false"`
}

// StudyTrial is what a result tries, as a trial of a study.
type StudyTrial struct {
	Study      int64          `json:"study"`
	Number     int            `json:"number" description:"0 is the first"`
	Parameters map[string]any `json:"parameters" nullable:"false"`
	Value      *float64       `json:"value,omitempty" nullable:"false" description:"the objective, of a trial that was ended early in its last epoch; absent: none, or it is no number"`
}

// StudyStatus is where a study stands.
//
//	waiting -> running -> finished
//	   |          |-----> failed
//	   '----------'-----> stopped
type StudyStatus string

// The states of a Study.
const (
	StudyWaiting  StudyStatus = "waiting" // no stream yet
	StudyRunning  StudyStatus = "running"
	StudyFinished StudyStatus = "finished"
	StudyFailed   StudyStatus = "failed" // no trial finished
	StudyStopped  StudyStatus = "stopped"
)

// Enum lists the values for JSON Schema.
func (StudyStatus) Enum() []any {
	return values(StudyWaiting, StudyRunning, StudyFinished, StudyFailed, StudyStopped)
}

// Ended reports whether no trial follows.
func (s StudyStatus) Ended() bool { return s != StudyWaiting && s != StudyRunning }

// StudyArtifact is the key below which a study keeps the tensors of its stream
// while it runs.
func StudyArtifact(study int64) string { return fmt.Sprintf("studies/%d", study) }

// Better reports whether value a of the objective is better than b.
func (s Study) Better(a, b float64) bool {
	if s.Direction == ModeMax {
		return a > b
	}
	return a < b
}

// ofValidation begins the names of metrics of the validation split.
const ofValidation = "val_"

// OfValidation reports whether the objective is one of the validation split.
func (s Study) OfValidation() bool { return strings.HasPrefix(s.Objective, ofValidation) }

// Value is the objective among metrics; false where it is absent or no number.
func (s Study) Value(training, validation Metrics) (float64, bool) {
	of, name := training, s.Objective
	if s.OfValidation() {
		of, name = validation, strings.TrimPrefix(name, ofValidation)
	}
	return finite(of, name)
}

// finite is a metric; false where it is absent or no number.
func finite(m Metrics, name string) (float64, bool) {
	v, ok := m[name]
	return v, ok && !math.IsNaN(v) && !math.IsInf(v, 0)
}

// The bounds of a study.
const (
	defaultTrials = 20
	maxTrials     = 1000
	maxParallel   = 16
	maxChoices    = 256

	// MaxParameters bounds those of a space, and of a source.
	MaxParameters = 64
)

// Normalize gives members that were left out their defaults and refuses those out
// of range. Whether the space and the objective suit the model is for Suits to say.
func (s *Study) Normalize() error {
	for _, d := range []struct {
		member *int
		value  int
	}{{&s.Trials, defaultTrials}, {&s.Parallel, 1}} {
		if *d.member == 0 {
			*d.member = d.value
		}
	}
	if s.Sampler == "" {
		s.Sampler = SamplerTPE
	}
	if s.Pruner == "" {
		s.Pruner = PrunerNone
	}
	if s.Direction == "" {
		s.Direction = ModeAuto
	}
	switch {
	case s.Trials < 1 || s.Trials > maxTrials:
		return Invalidf("trials", "must be from 1 to %d, not %d", maxTrials, s.Trials)
	case s.Parallel < 1 || s.Parallel > maxParallel:
		return Invalidf("parallel", "must be from 1 to %d, not %d", maxParallel, s.Parallel)
	case s.Seed < 0 || s.Seed > math.MaxUint32:
		return Invalidf("seed", "must be from 0 to %d, not %d", uint32(math.MaxUint32), s.Seed)
	case !slices.Contains(Sampler("").Enum(), any(s.Sampler)):
		return Invalidf("sampler", "%q is not known", string(s.Sampler)).WithHint("use tpe, random or grid")
	case !slices.Contains(Pruner("").Enum(), any(s.Pruner)):
		return Invalidf("pruner", "%q is not known", string(s.Pruner)).WithHint("use none, median or asha")
	case !slices.Contains([]MetricMode{ModeAuto, ModeMin, ModeMax}, s.Direction):
		return Invalidf("direction", "%q is not known", string(s.Direction)).WithHint("use auto, min or max")
	}
	return nil
}

// checkGrid bounds the trials of a grid by its points.
func (s *Study) checkGrid() error {
	if s.Sampler != SamplerGrid {
		return nil
	}
	points := 1
	for _, p := range s.Space {
		n := p.Values()
		if n == 0 {
			return Invalidf("space", "%s has values without number, a grid needs steps", p.Name).
				WithHint("give choices (%s=[...]), or a step: %s=float(low,high,step)", p.Name, p.Name)
		}
		if points *= n; points > maxTrials || n > maxTrials {
			return Invalidf("space", "the grid has more than %d points", maxTrials).WithHint("leave values out, or use the sampler tpe or random")
		}
	}
	s.Trials = min(s.Trials, points)
	return nil
}

// Suits is nil where a model can be tried in the space by the objective. It sets the
// objective's direction, takes the hyperparameters of the model's source into the
// space that are not there, and bounds the trials of a grid.
func (s *Study) Suits(e Export) error {
	better, known := e.Monitors[s.Objective]
	switch {
	case len(e.Variables) == 0:
		return Invalidf("configuration", "the model was registered by an earlier version, which did not say what it reports").WithHint("register the model again")
	case !known:
		return Invalidf("objective", "the model reports no %q", s.Objective).
			WithHint("it reports %s; those with val_ need a stream with a validation_rate", strings.Join(sortedKeys(e.Monitors), ", "))
	case s.Direction == ModeAuto && better == "":
		return Invalidf("direction", "whether a high or a low %s is better cannot be told by its name", s.Objective).
			WithHint("say max where a high one is better, else min")
	case s.Direction == ModeAuto:
		s.Direction = better
	}
	for i, p := range s.Space {
		var err error
		if s.Space[i], err = p.suits(e); err != nil {
			return err
		}
	}
	for _, p := range e.Hyperparameters {
		if !slices.ContainsFunc(s.Space, p.named) {
			s.Space = append(s.Space, p)
		}
	}
	switch n := len(s.Space); {
	case n == 0:
		return Invalidf("space", "is empty: there is nothing to try").
			WithHint("as in learning_rate=log(1e-4,1e-1), batch_size=[16,32,64]; or let the model's source ask for values: hp.Int(\"units\", 16, 256)")
	case n > MaxParameters:
		return Invalidf("space", "has %d parameters, at most %d can be tried", n, MaxParameters)
	}
	return s.checkGrid()
}

// Validates is nil where a datasource has what the objective is measured on.
func (s Study) Validates(d Datasource) error {
	if !s.OfValidation() || d.ValidationRate > 0 {
		return nil
	}
	return Invalidf("objective", "%s is never seen: datasource %d has no records to validate on", s.Objective, d.ID).
		WithHint("send the stream with a validation_rate above 0, or compare by %s", strings.TrimPrefix(s.Objective, ofValidation))
}

// With is a deployment with the values of a trial in place of its own.
func (t StudyTrial) With(d Deployment) (Deployment, float64) {
	number := func(name string) (float64, bool) {
		v, ok := t.Parameters[name].(float64)
		return v, ok
	}
	if v, ok := number(BatchSize); ok {
		d.BatchSize = int(v)
	}
	if v, ok := number(Epochs); ok {
		d.TrainingKwargs.Epochs = int(v)
	}
	rate, _ := number(LearningRate)
	return d, rate
}

// Hyperparameters are the values that the model of the trial is built with; nil: it
// has none.
func (t StudyTrial) Hyperparameters() map[string]any {
	var of map[string]any
	for name, v := range t.Parameters {
		if ofSource(name) {
			if of == nil {
				of = map[string]any{}
			}
			of[name] = v
		}
	}
	return of
}

// Said are the values of the trial as a person reads them.
func (t StudyTrial) Said() string { return SaidValues(t.Parameters) }

// SaidValues are values by name as a person reads them.
func SaidValues(values map[string]any) string {
	all := make([]string, 0, len(values))
	for _, name := range sortedKeys(values) {
		value := fmt.Sprint(values[name])
		if n, ok := values[name].(float64); ok {
			value = strconv.FormatFloat(n, 'g', 4, 64)
		}
		all = append(all, name+"="+value)
	}
	return strings.Join(all, ", ")
}
