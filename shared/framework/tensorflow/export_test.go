package tensorflow

import (
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework"
)

// LoopAfter sets how many batches run in the graph at first.
func LoopAfter(t *testing.T, batches int64) {
	before := loopAfter
	loopAfter = batches
	t.Cleanup(func() { loopAfter = before })
}

// Restore sets a trainer's variables back, as the choice of an engine does.
func Restore(t framework.Trainer) error { return t.(*Trainer).restore() }

// Tests also call the binding before a model is opened.
func init() {
	if err := load(); err != nil {
		panic(err)
	}
}
