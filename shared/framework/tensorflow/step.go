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
	batches int64 // so far
	looping looping
	looped  *buffer // of calls of the loop
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

// Step implements framework.Trainer. The first batches run in the graph, which checks
// each record; see looping.
func (t *Trainer) Step(ctx context.Context, s framework.Split) ([]pipeline.Metrics, error) {
	if s.Len() == 0 {
		return nil, errors.New("the split holds no record")
	}
	if err := t.beginStepping(); err != nil {
		return nil, err
	}
	var all []pipeline.Metrics
	for at, batch := int64(0), int64(t.batch()); at < s.Len(); {
		c := call{pass: framework.Stored, first: at, steps: 1, rows: int(min(batch, s.Len()-at))}
		if c.rows == int(batch) {
			c.steps = int(min(int64(t.together()), (s.Len()-at)/batch))
		}
		got, err := t.steps(ctx, s, c)
		if err != nil {
			return nil, err
		}
		all = append(all, got...)
		t.stepping.batches += int64(c.steps)
		at += int64(c.records())
	}
	return all, nil
}

// steps trains on the batches of a call.
func (t *Trainer) steps(ctx context.Context, s framework.Split, c call) ([]pipeline.Metrics, error) {
	switch st := t.stepping; {
	case c.rows < t.batch(): // another shape to compile
	case st.looping == byLoop:
		return t.loopSteps(ctx, s, c)
	case st.looping == notYet && st.batches >= loopAfter:
		return t.tryLoop(ctx, s, c)
	}
	return t.step(ctx, s, c)
}

// step trains on one batch in the graph.
func (t *Trainer) step(ctx context.Context, s framework.Split, c call) ([]pipeline.Metrics, error) {
	st := t.stepping
	b, err := t.stepBuffer(c.rows)
	if err != nil {
		return nil, err
	}
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
		return []pipeline.Metrics{own}, nil
	}
	return []pipeline.Metrics{before}, nil
}

// batch is how many records a whole batch has.
func (t *Trainer) batch() int { return max(1, t.options.Batch) }

// beginStepping makes ready for steps.
func (t *Trainer) beginStepping() error {
	if t.stepping != nil {
		return nil
	}
	st := &stepping{buffers: map[int]*buffer{}}
	if p := t.options.Plan; p != nil {
		var err error
		if st.weigh, err = t.weigher(p.ClassWeight); err != nil {
			return err
		}
	}
	t.stepping = st
	return nil
}

// stepBuffer gives the buffer for a batch of n records.
func (t *Trainer) stepBuffer(n int) (*buffer, error) {
	st := t.stepping
	if b, ok := st.buffers[n]; ok {
		return b, nil
	}
	const kept = 4 // more sizes come only where somebody varies them
	if len(st.buffers) == kept {
		clear(st.buffers)
	}
	b, err := newBuffer(t.columns, 1, n, st.weigh != nil)
	if err != nil {
		return nil, err
	}
	st.buffers[n] = b
	return b, nil
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
	Batches   int64
	Looping   looping
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
		s.Scoring, s.Batches, s.Looping = t.stepping.scoring, t.stepping.batches, t.stepping.looping
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
	if s.Looping == byLoop && t.loop == nil {
		return fmt.Errorf("%w: it was trained by an XLA loop", framework.ErrForeign)
	}
	values, err := t.tensors(s.Variables)
	if err != nil {
		return err
	}
	if err := t.beginStepping(); err != nil {
		return err
	}
	t.stepping.scoring, t.stepping.batches, t.stepping.looping = s.Scoring, s.Batches, s.Looping
	return t.write(values)
}
