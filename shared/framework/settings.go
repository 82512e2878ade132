package framework

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Settings are the choices that a framework leaves to a deployment.
type Settings struct {
	// Engines are what may run the training loop, the default first.
	Engines []pipeline.Engine
	// Fit reads the arguments of fit, a JSON object or the text that people
	// write for the framework in a JSON string; nothing or null gives the
	// defaults. What is refused is named by its argument, as in
	// "training_kwargs.epochs".
	Fit func(raw json.RawMessage) (pipeline.TrainingKwargs, error)
	// Evaluate reads the arguments of evaluate like Fit, named below
	// "validation_kwargs".
	Evaluate func(raw json.RawMessage) (pipeline.ValidationKwargs, error)
	// Suit refuses arguments of fit that a model cannot be trained with.
	Suit func(pipeline.TrainingKwargs, pipeline.Export) error
}

// Engine gives e, or the default where it is empty, and refuses one that the
// framework does not have.
func (s Settings) Engine(e pipeline.Engine) (pipeline.Engine, error) {
	if e == "" {
		return s.Engines[0], nil
	}
	if !slices.Contains(s.Engines, e) {
		return e, pipeline.Invalidf("engine", "must be %s, not %q", s.engines(), string(e))
	}
	return e, nil
}

// EngineNames lists the engines, the default first.
func (s Settings) EngineNames() []string {
	names := make([]string, len(s.Engines))
	for i, e := range s.Engines {
		names[i] = string(e)
	}
	return names
}

// engines lists them for a person: "auto, graph or xla".
func (s Settings) engines() string {
	names := s.EngineNames()
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
