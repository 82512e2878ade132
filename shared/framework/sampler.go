package framework

import (
	"context"
	"encoding/json"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Sampler is a Builder that also chooses the values of a study's trials.
type Sampler interface {
	// Propose gives the values of one trial or more that follow those that were
	// told, and what the next call goes on from: the same calls give the same values.
	Propose(context.Context, Sampling) (Proposal, error)
}

// Sampling is what a sampler is told of a study.
type Sampling struct {
	Study pipeline.Study
	Told  []Told          // the trials so far, in the order of their numbers
	State json.RawMessage // of the Proposal before; nil: there is none
}

// Told is what became of a trial.
type Told struct {
	State      string         `json:"state"` // one of Optuna's: complete, pruned, fail or running
	Parameters map[string]any `json:"parameters"`
	Value      *float64       `json:"value,omitempty"`
	Epoch      int            `json:"epoch,omitempty"` // that a pruned trial has Value from
}

// Proposal is the values of trials by parameter: numbers are float64.
type Proposal struct {
	Trials []map[string]any
	State  json.RawMessage
}
