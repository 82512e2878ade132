package streaming

import (
	"context"
	"time"
)

// pace spreads records evenly over time: those of each hundredth of a second
// at once.
type pace struct {
	rate  float64 // records a second; 0 for no pace
	start time.Time
	batch int64 // records that go together
}

const beat = 10 * time.Millisecond

func newPace(rate float64) pace {
	return pace{rate: rate, start: time.Now(), batch: max(1, int64(rate*beat.Seconds()))}
}

// due reports whether the n-th record is the last of its batch.
func (p pace) due(n int64) bool { return p.rate > 0 && n%p.batch == 0 }

// wait flushes and waits until the record after the n-th should go.
func (p pace) wait(ctx context.Context, n int64, flush func(context.Context) error) error {
	if err := flush(ctx); err != nil {
		return err
	}
	next := p.start.Add(time.Duration(float64(n) / p.rate * float64(time.Second)))
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
