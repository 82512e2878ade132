package pipeline

// TrainingKwargs are the arguments of fit that a deployment may set. A
// framework reads them from what a person wrote; see framework.Settings.
type TrainingKwargs struct {
	Epochs         int             `json:"epochs"`                    // 1 unless given
	StepsPerEpoch  int             `json:"steps_per_epoch,omitempty"` // 0: the whole split
	InitialEpoch   int             `json:"initial_epoch,omitempty"`
	Shuffle        bool            `json:"shuffle"` // true unless given
	Verbose        int             `json:"verbose"`
	ValidationFreq int             `json:"validation_freq,omitempty"` // 1 unless given
	ClassWeight    map[int]float64 `json:"class_weight,omitempty"`
}

// ValidationKwargs are the arguments of evaluate that a deployment may set.
type ValidationKwargs struct {
	Steps   int `json:"steps,omitempty"` // 0: the whole split
	Verbose int `json:"verbose"`
}

// DefaultTrainingKwargs are those of an empty form: one epoch, shuffled.
func DefaultTrainingKwargs() TrainingKwargs {
	return TrainingKwargs{Epochs: 1, Shuffle: true, Verbose: 1, ValidationFreq: 1}
}

// DefaultValidationKwargs are those of an empty form: the whole split.
func DefaultValidationKwargs() ValidationKwargs { return ValidationKwargs{Verbose: 1} }
