package tensorflow

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"math"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// stepping is a training batch by batch.
type stepping struct {
	buffers map[int]*buffer // by records; those of a whole batch and of the last one
	weigh   func(*buffer, int)
	scoring scoring
}

// scoring says what measures a batch before it is learned from.
type scoring uint8

const (
	undecided scoring = iota // the first batch decides
	// byTraining: the training step predicts a batch before it learns from it, and
	// its metrics are those of an evaluation. It is so unless layers such as Dropout
	// and BatchNormalization act otherwise in training.
	byTraining
	byEvaluation
)

// alike is the largest relative difference between two computations of the same
// metric in float32.
const alike = 1e-5

// Step implements framework.Trainer. It runs in the graph, which checks each
// record.
func (t *Trainer) Step(ctx context.Context, s framework.Split) (pipeline.Metrics, error) {
	n := int(s.Len())
	if n == 0 {
		return nil, errors.New("the batch holds no record")
	}
	st, b, err := t.stepBuffer(n)
	if err != nil {
		return nil, err
	}
	c := call{pass: framework.Stored, steps: 1, rows: n}
	if err := b.fill(ctx, t.columns, s, c, st.weigh); err != nil {
		return nil, err
	}
	t.values = nil
	var before pipeline.Metrics
	if st.scoring != byTraining && t.evaluate != nil {
		if before, err = t.measured(ctx, t.evaluate, b, c); err != nil {
			return nil, err
		}
	}
	f := t.train
	if st.weigh != nil {
		f = t.weighted
	}
	own, err := t.measured(ctx, f, b, c)
	if err != nil {
		return nil, err
	}
	if st.scoring == undecided {
		if st.scoring = byEvaluation; before == nil || same(before, own) {
			st.scoring = byTraining
		}
	}
	if st.scoring == byTraining {
		return own, nil
	}
	return before, nil
}

// stepBuffer gives the buffer for a batch of n records.
func (t *Trainer) stepBuffer(n int) (*stepping, *buffer, error) {
	if t.stepping == nil {
		t.stepping = &stepping{buffers: map[int]*buffer{}}
		if p := t.options.Plan; p != nil {
			weigh, err := t.weigher(p.ClassWeight)
			if err != nil {
				return nil, nil, err
			}
			t.stepping.weigh = weigh
		}
	}
	st := t.stepping
	if b, ok := st.buffers[n]; ok {
		return st, b, nil
	}
	const kept = 4 // more sizes come only where somebody varies them
	if len(st.buffers) == kept {
		clear(st.buffers)
	}
	b, err := newBuffer(t.columns, 1, n, st.weigh != nil)
	if err != nil {
		return nil, nil, err
	}
	st.buffers[n] = b
	return st, b, nil
}

// measured runs a signature with metrics of its own.
func (t *Trainer) measured(ctx context.Context, f *Function, b *buffer, c call) (pipeline.Metrics, error) {
	if err := t.clear(); err != nil {
		return nil, err
	}
	m, err := t.run(f, b)
	if err != nil {
		return nil, t.blame(ctx, f, b, c, err)
	}
	return m, nil
}

// same reports whether two measurements are equal but for rounding.
func same(a, b pipeline.Metrics) bool {
	for name, x := range a {
		y, ok := b[name]
		if !ok || !(math.Abs(x-y) <= alike*max(math.Abs(x), math.Abs(y))) && !(math.IsNaN(x) && math.IsNaN(y)) {
			return false
		}
	}
	return len(a) == len(b)
}

// snapshot is a training between two steps.
type snapshot struct {
	Scoring   scoring
	Variables [][]byte
}

// Snapshot implements framework.Trainer.
func (t *Trainer) Snapshot() ([]byte, error) {
	now, err := t.read()
	if err != nil {
		return nil, err
	}
	s := snapshot{Variables: contents(now)}
	if t.stepping != nil {
		s.Scoring = t.stepping.scoring
	}
	var b bytes.Buffer
	err = gob.NewEncoder(&b).Encode(s)
	return b.Bytes(), err
}

// Resume implements framework.Trainer.
func (t *Trainer) Resume(state []byte) error {
	var s snapshot
	if err := gob.NewDecoder(bytes.NewReader(state)).Decode(&s); err != nil {
		return fmt.Errorf("%w: %w", framework.ErrForeign, err)
	}
	if t.assign == nil {
		return errNotSettable("training_kwargs")
	}
	values, err := t.tensors(s.Variables)
	if err != nil {
		return err
	}
	st, _, err := t.stepBuffer(max(1, t.options.Batch))
	if err != nil {
		return err
	}
	st.scoring = s.Scoring
	return t.write(values)
}
