package deploytraining

import (
	"net/http"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// TestSweepLeavesTheCheckpointsOfWhatGoesOn holds that a result that is not
// finished keeps its checkpoint, however old.
func TestSweepLeavesTheCheckpointsOfWhatGoesOn(t *testing.T) {
	r := training(t)
	r.progress(t, 1, 1, 2)
	r.keeps(t, 1)
	if err := r.sweep(t.Context(), time.Now().Add(time.Hour)); err != nil || !r.kept(t, 1) {
		t.Errorf("the checkpoint of a running training is left: %v, %v", r.kept(t, 1), err)
	}
}

func TestSweepRemovesModelsThatNoResultHas(t *testing.T) {
	r := training(t)
	r.stored(t, 1, 1)
	r.finish(t, 1)
	want[pipeline.Result](t, r, http.StatusOK, "GET", "/results/1", nil)
	r.stored(t, 1, 2) // by an attempt that there is not
	r.stored(t, 9, 1) // by a result that is gone
	r.keeps(t, 1)     // by an attempt that ended as it was deleted
	r.keeps(t, 9)
	for _, c := range []struct {
		before time.Time
		left   bool
	}{{time.Now().Add(-orphanAge), true}, {time.Now().Add(time.Hour), false}} {
		if err := r.sweep(t.Context(), c.before); err != nil {
			t.Fatal(err)
		}
		if r.kept(t, 1) != c.left || r.kept(t, 9) != c.left {
			t.Errorf("swept before %v: has the checkpoints %v %v", c.before, r.kept(t, 1), r.kept(t, 9))
		}
		if !r.has(t, 1, 1) || r.has(t, 1, 2) != c.left || r.has(t, 9, 1) != c.left {
			t.Errorf("swept before %v: has %v %v %v", c.before, r.has(t, 1, 1), r.has(t, 1, 2), r.has(t, 9, 1))
		}
	}
}
