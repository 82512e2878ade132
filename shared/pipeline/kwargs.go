package pipeline

// TrainingKwargs are the arguments of Keras' fit that a deployment may set.
// In JSON it is read from an object or from the text people write for Keras
// ("epochs=5, steps_per_epoch=1000"); it is always written as an object.
type TrainingKwargs struct {
	Epochs         int             `json:"epochs"`                    // 1 unless given
	StepsPerEpoch  int             `json:"steps_per_epoch,omitempty"` // 0: the whole split
	InitialEpoch   int             `json:"initial_epoch,omitempty"`
	Shuffle        bool            `json:"shuffle"` // Keras' default is true
	Verbose        int             `json:"verbose"`
	ValidationFreq int             `json:"validation_freq,omitempty"` // 1 unless given
	ClassWeight    map[int]float64 `json:"class_weight,omitempty"`
}

// ValidationKwargs are the arguments of Keras' evaluate that a deployment may
// set, read like TrainingKwargs.
type ValidationKwargs struct {
	Steps   int `json:"steps,omitempty"` // 0: the whole split
	Verbose int `json:"verbose"`
}
