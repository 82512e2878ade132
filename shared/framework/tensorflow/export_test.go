package tensorflow

import "github.com/kafkaml/kafkaml/shared/framework"

// Restore sets a trainer's variables back, as the choice of an engine does.
func Restore(t framework.Trainer) error { return t.(*Trainer).restore() }

// Tests also call the binding before a model is opened.
func init() {
	if err := load(); err != nil {
		panic(err)
	}
}
