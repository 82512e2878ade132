package predict

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// A call of a model that takes so long has no end: a graph can loop. What a library
// computes cannot be stopped, so the process ends, and another one takes over.
const (
	callTime    = 10 * time.Minute // one call, its wait for others included
	noCallEnded = 2 * time.Minute  // while calls are under way
)

// calls are those of the model that are under way.
type calls struct {
	one, none time.Duration // callTime and noCallEnded
	mu        sync.Mutex
	begun     map[*watchedBatch]time.Time
	ended     time.Time // that of the last one
}

func newCalls() *calls {
	return &calls{one: callTime, none: noCallEnded, begun: map[*watchedBatch]time.Time{}}
}

func (c *calls) begin(b *watchedBatch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun[b] = time.Now()
}

func (c *calls) end(b *watchedBatch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.begun, b)
	c.ended = time.Now()
}

// stuck is why the model counts as one that does not answer any more; nil while it
// does.
func (c *calls) stuck() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, first := time.Now(), time.Time{}
	for _, began := range c.begun {
		if first.IsZero() || began.Before(first) {
			first = began
		}
	}
	if first.IsZero() {
		return nil
	}
	since := first // no call has ended since
	if c.ended.After(first) {
		since = c.ended
	}
	if now.Sub(first) < c.one && now.Sub(since) < c.none {
		return nil
	}
	return &pipeline.Error{
		Op: "predict", Kind: pipeline.Unavailable,
		Reason: fmt.Sprintf("the model has not answered for %v: a graph that loops without an end, as a rule", now.Sub(first).Round(time.Second)),
		Hint:   "see the records that came last; serve another result, or one that ONNX Runtime serves, which ends such a call by itself",
	}
}

// await gives why the model does not answer any more, once that is so, or nil at the
// end of ctx.
func (c *calls) await(ctx context.Context) error {
	tick := time.NewTicker(min(time.Second, c.none))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := c.stuck(); err != nil {
				return err
			}
		}
	}
}

// watchedPredictor tells calls of each call of a model.
type watchedPredictor struct {
	framework.Predictor
	calls *calls
}

// NewBatch implements framework.Predictor.
func (p *watchedPredictor) NewBatch(layout []codec.Tensor) (framework.Batch, error) {
	b, err := p.Predictor.NewBatch(layout)
	if err != nil {
		return nil, err
	}
	return &watchedBatch{b, p.calls}, nil
}

type watchedBatch struct {
	framework.Batch
	calls *calls
}

// Predict implements framework.Batch.
func (b *watchedBatch) Predict(ctx context.Context, from, to int) error {
	b.calls.begin(b)
	defer b.calls.end(b)
	return b.Batch.Predict(ctx, from, to)
}
