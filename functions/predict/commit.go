package predict

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/kafkaml/kafkaml/shared/stream"
)

// commitPause is the least time between two commits of a partition: what a
// crash makes us predict again, against requests to the broker.
const commitPause = 100 * time.Millisecond

// committer stores how far the work on a partition has got, beside the work.
type committer struct {
	claim  *stream.Claim
	log    *slog.Logger
	stored func(next int64)
	next   atomic.Int64
	wake   chan struct{}
	stop   context.CancelFunc
	done   chan struct{}
	last   int64
}

// commitFrom starts a committer; close ends it. stored is called with what was
// committed.
func commitFrom(ctx context.Context, claim *stream.Claim, log *slog.Logger, stored func(int64)) *committer {
	ctx, stop := context.WithCancel(ctx)
	c := &committer{claim: claim, log: log, stored: stored, wake: make(chan struct{}, 1), stop: stop, done: make(chan struct{}), last: -1}
	c.next.Store(-1)
	go func() {
		defer close(c.done)
		c.run(ctx)
	}()
	return c
}

// mark says that all records before next are predicted or dead letters.
func (c *committer) mark(next int64) {
	c.next.Store(next)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *committer) run(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		c.commit()
		pause.Reset(commitPause)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
	}
}

func (c *committer) commit() {
	next := c.next.Load()
	if next < 0 || next == c.last {
		return
	}
	if err := c.claim.Commit(next); err != nil {
		c.log.Warn("committing; the records may be predicted again", "error", err)
		return
	}
	c.last = next
	c.stored(next)
}

// close commits what is marked and ends the committer.
func (c *committer) close() {
	c.stop()
	<-c.done
	c.commit()
}
