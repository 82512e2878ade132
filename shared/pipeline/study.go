package pipeline

import (
	"crypto/sha256"
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
	Configuration    int64      `json:"configuration" required:"true" minimum:"1" refers:"configuration" example:"1" description:"configuration whose models are tried"`
	Space            string     `json:"space,omitempty" maxLength:"4096" arg:"SPACE" example:"learning_rate=log(1e-4,1e-1), batch_size=[16,32,64]" description:"what is tried: learning_rate, batch_size and epochs, each as float(low,high), log(low,high), int(low,high,step) or [choices]; all that a source asks hp for, or of it what is given here, as in hp.units=int(16,64); and the models of the configuration, or those of model=[NAME,...]"`
	Objective        string     `json:"objective" required:"true" minLength:"1" maxLength:"128" arg:"METRIC" example:"val_loss" description:"metric of an epoch that the trials are compared by, in their last epoch"`
	Direction        MetricMode `json:"direction,omitempty" enum:"auto,min,max," description:"which values of the objective are better: min, max or auto, by its name (default: auto)"`
	Trials           int        `json:"trials,omitempty" minimum:"1" maximum:"1000" arg:"N" example:"20" description:"how many trials there are (default: 20)"`
	Parallel         int        `json:"parallel,omitempty" minimum:"1" maximum:"16" arg:"N" description:"how many of them train at once (default: 1)"`
	Sampler          Sampler    `json:"sampler,omitempty" description:"Optuna's tpe, random or grid (default: tpe)"`
	Pruner           Pruner     `json:"pruner,omitempty" description:"what ends trials early that do worse than others: none, median or asha (default: none)"`
	Datasource       int64      `json:"datasource,omitempty" minimum:"0" refers:"datasource" description:"stream to train on that is there already (default: the next one that is sent to the study's deployment)"`
	BatchSize        int        `json:"batch_size,omitempty" minimum:"1" maximum:"16777216" arg:"N" description:"records a step, where the space does not say (default: 32)"`
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
	ID            int64        `json:"id" minimum:"1"`
	Configuration int64        `json:"configuration"`
	Deployment    int64        `json:"deployment" description:"whose results are its trials; a stream that is sent to it begins the study"`
	Models        []StudyModel `json:"models" nullable:"false" description:"which are tried"`
	Datasource    int64        `json:"datasource,omitempty" description:"absent while it waits for one"`
	Space         []Parameter  `json:"space" nullable:"false"`
	Objective     string       `json:"objective"`
	Direction     MetricMode   `json:"direction" description:"min or max"`
	Trials        int          `json:"trials"`
	Parallel      int          `json:"parallel"`
	Sampler       Sampler      `json:"sampler"`
	Pruner        Pruner       `json:"pruner"`
	Seed          int64        `json:"seed"`
	Owner         string       `json:"owner,omitempty"`
	Description   string       `json:"description,omitempty"`
	Status        StudyStatus  `json:"status"`
	StatusChanged time.Time    `json:"status_changed"`
	Reason        string       `json:"reason,omitempty" description:"why it failed"`
	Hint          string       `json:"hint,omitempty"`
	Proposed      int          `json:"proposed" description:"trials that began"`
	Finished      int          `json:"finished"`
	Pruned        int          `json:"pruned" description:"trials that were ended early"`
	Failed        int          `json:"failed"`
	Epochs        int64        `json:"epochs" description:"that all trials have trained"`
	Read          bool         `json:"read,omitempty" description:"the stream was read: its tensors are kept for all trials"`
	Best          *Best        `json:"best,omitempty"`
	Created       time.Time    `json:"created"`
	Started       *time.Time   `json:"started,omitempty" nullable:"false"`
	Ended         *time.Time   `json:"ended,omitempty" nullable:"false"`
}

// StudyModel is a version of a model that a study tries.
type StudyModel struct {
	ID      int64  `json:"id" minimum:"1"`
	Name    string `json:"name"`
	Version int    `json:"version" minimum:"1"`
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

// ValidationPrefix begins the names of metrics of the validation split.
const ValidationPrefix = "val_"

// OfValidation reports whether the objective is one of the validation split.
func (s Study) OfValidation() bool { return strings.HasPrefix(s.Objective, ValidationPrefix) }

// Value is the objective among metrics; false where it is absent or no number.
func (s Study) Value(training, validation Metrics) (float64, bool) {
	of, name := training, s.Objective
	if s.OfValidation() {
		of, name = validation, strings.TrimPrefix(name, ValidationPrefix)
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
// of range. Whether the space and the objective suit the models is for Choose and Suits
// to say.
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

// Choose gives those of its configuration's models that the study tries, and says so in
// the space where it is of several. It takes the hyperparameters of their sources into
// the space that are not there, and bounds the trials of a grid.
func (s *Study) Choose(models []Model) (chosen []Model, err error) {
	which, given := Parameter{Name: ModelName, Kind: ParameterChoice}, s.Space
	i := slices.IndexFunc(given, which.named)
	if i >= 0 {
		which, given = given[i], slices.Delete(slices.Clone(given), i, i+1)
	}
	names := make([]any, len(models))
	for k, m := range models {
		names[k] = m.Name
	}
	if i < 0 {
		which.Choices = names
	}
	for _, name := range which.Choices {
		k := slices.Index(names, name)
		if k < 0 {
			return nil, Invalidf("space", "configuration %d has no model %q", s.Configuration, name).WithHint("it has %s", strings.Trim(fmt.Sprint(names), "[]"))
		}
		chosen, s.Models = append(chosen, models[k]), append(s.Models, StudyModel{ID: models[k].ID, Name: models[k].Name, Version: models[k].Version})
	}
	var several []Parameter
	if i >= 0 || len(models) > 1 {
		several, err = []Parameter{which}, which.Check()
		if err != nil {
			return nil, err
		}
	}
	if s.Space, err = widened(given, chosen, len(several) > 0); err != nil {
		return nil, err
	}
	s.Space = append(several, s.Space...)
	switch n := len(s.Space); {
	case n == 0:
		return nil, Invalidf("space", "is empty: there is nothing to try").
			WithHint("as in learning_rate=log(1e-4,1e-1), batch_size=[16,32,64]; or let the model's source ask for values: hp.Int(\"units\", 16, 256)")
	case n > MaxParameters:
		return nil, Invalidf("space", "has %d parameters, at most %d can be tried", n, MaxParameters)
	}
	return chosen, s.checkGrid()
}

// checkGrid bounds the trials of a grid by its points.
func (s *Study) checkGrid() error {
	if s.Sampler != SamplerGrid {
		return nil
	}
	models, all := []any{""}, 0
	if i := slices.IndexFunc(s.Space, Parameter{Name: ModelName}.named); i >= 0 {
		models = s.Space[i].Choices
	}
	for _, model := range models {
		points := 1
		for _, p := range s.Space {
			n := p.Values()
			switch {
			case p.Name == ModelName || !p.of(model):
				continue
			case n == 0:
				return Invalidf("space", "%s has values without number, a grid needs steps", p.Name).
					WithHint("give choices (%s=[...]), or a step: %s=float(low,high,step)", p.Name, p.Name)
			}
			if points *= n; points > maxTrials || n > maxTrials {
				return Invalidf("space", "the grid has more than %d points", maxTrials).WithHint("leave values out, or use the sampler tpe or random")
			}
		}
		all += points
	}
	s.Trials = min(s.Trials, all)
	return nil
}

// Suits is nil where a model can be tried in the space by the objective, whose
// direction it sets.
func (s *Study) Suits(e Export) error {
	better, err := Sought{
		Metric: s.Objective, Mode: s.Direction, Validated: true, Field: "objective", ModeField: "direction", Hint: "say max where a high one is better, else min",
	}.In(e)
	if err != nil {
		return err
	}
	s.Direction = better
	for _, p := range s.Space {
		if err := p.suits(e); err != nil {
			return err
		}
	}
	return nil
}

// Tries reports whether values are of a trial of the study: one of each parameter that
// the model has which is tried, and no other.
func (s Study) Tries(values map[string]any) bool {
	n := 0
	for _, p := range s.Space {
		if p.of(values[ModelName]) {
			if !p.Holds(values[p.Name]) {
				return false
			}
			n++
		}
	}
	return n == len(values)
}

// ModelNames are the names of the models that are tried, with commas between them.
func (s Study) ModelNames() string {
	names := make([]string, len(s.Models))
	for i, m := range s.Models {
		names[i] = m.Name
	}
	return strings.Join(names, ", ")
}

// Tensors is the key of what the trials read of the stream that have a model which
// takes what e does: models of a study may differ in that.
func (s Study) Tensors(e Export) string {
	labels := make([]Tensor, len(e.Labels))
	for i, l := range e.Labels {
		labels[i] = Tensor{DType: l.DType, Shape: l.Shape} // names may count layers
	}
	sum := sha256.Sum256(fmt.Append(nil, e.Inputs, labels))
	return fmt.Sprintf("%s/tensors-%x", StudyArtifact(s.ID), sum[:8])
}

// ModelOf is the model that a trial tries.
func (s Study) ModelOf(t StudyTrial) StudyModel {
	for _, m := range s.Models {
		if m.Name == t.Parameters[ModelName] {
			return m
		}
	}
	return s.Models[0]
}

// Validates is nil where a datasource has what the objective is measured on.
func (s Study) Validates(d Datasource) error {
	if !s.OfValidation() || d.ValidationRate > 0 {
		return nil
	}
	return Invalidf("objective", "%s is never seen: datasource %d has no records to validate on", s.Objective, d.ID).
		WithHint("send the stream with a validation_rate above 0, or compare by %s", strings.TrimPrefix(s.Objective, ValidationPrefix))
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
