package eventing

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkaml/kafkaml/shared/stream"
)

const (
	maxInFlight = 99               // deliveries under way of one unordered consumer, as Knative's
	drainTime   = 10 * time.Second // for deliveries under way when an assignment ends
)

// consumer is one member of a source's group.
type consumer struct {
	*deliverer
	ordered bool
	slots   chan struct{} // a token for each delivery under way
	tasks   chan task     // to workers that wait for one
	workers atomic.Int64
	log     *slog.Logger
}

func newConsumer(d *Dispatcher, s KafkaSource, log *slog.Logger) *consumer {
	return &consumer{
		deliverer: newDeliverer(d, s, log), ordered: s.Spec.Ordering != Unordered,
		slots: make(chan struct{}, maxInFlight), tasks: make(chan task), log: log,
	}
}

// task is a record to deliver, as a part of a handler's work.
type task struct {
	ctx, tries context.Context
	record     stream.Record
	window     *window
	place      int64
	handler    *sync.WaitGroup
}

// begin delivers a record for which the caller has a slot, by a worker that waits: its
// stack has grown already.
func (c *consumer) begin(t task) {
	t.handler.Add(1)
	select {
	case c.tasks <- t:
		return
	default:
	}
	if c.workers.Add(1) <= maxInFlight {
		go c.work(t)
		return
	}
	c.workers.Add(-1)
	c.tasks <- t // there is a slot for each worker: one is about to take it
}

func (c *consumer) work(t task) {
	for ok := true; ok; t, ok = <-c.tasks {
		if c.deliver(t.ctx, t.tries, t.record) {
			t.window.finish(t.place)
		}
		<-c.slots
		t.handler.Done()
	}
}

// close ends the workers, once no handler runs.
func (c *consumer) close() { close(c.tasks) }

// handle delivers the records of one partition until its assignment ends. It
// then lets deliveries under way end, for drainTime at most.
func (c *consumer) handle(ctx context.Context, claim *stream.Claim) error {
	w := newWindow(claim.Done)
	deliveries, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var wg sync.WaitGroup
	err := c.fetchLoop(ctx, claim, w, &wg, deliveries)
	t := time.AfterFunc(drainTime, cut)
	wg.Wait()
	t.Stop()
	return err
}

// fetchLoop hands out records until ctx ends.
func (c *consumer) fetchLoop(ctx context.Context, claim *stream.Claim, w *window, wg *sync.WaitGroup, deliveries context.Context) error {
	for {
		records, err := claim.Fetch(ctx)
		if err != nil {
			return err
		}
		for i := range records {
			r := records[i].Clone()
			done := r.Offset + 1
			if i == len(records)-1 {
				done = claim.Next() // past the markers of transactions
			}
			if c.ordered {
				if !c.deliver(ctx, deliveries, r) {
					return context.Cause(ctx)
				}
				claim.Done(done)
				continue
			}
			if err := w.await(ctx); err != nil {
				return err
			}
			select {
			case c.slots <- struct{}{}:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			c.begin(task{ctx, deliveries, r, w, w.begin(done - 1), wg})
		}
	}
}
