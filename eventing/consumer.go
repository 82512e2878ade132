package eventing

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/kafkaml/kafkaml/shared/stream"
)

const (
	maxInFlight = 99               // deliveries under way of one unordered consumer, as Knative's
	drainTime   = 10 * time.Second // for deliveries under way when an assignment ends
	// batchWeight is how many deliveries a batch counts for at most: eight of the largest
	// are under way, of 512 records, which a replica lets wait.
	batchWeight = 12
	batchBytes  = 256 << 10 // of keys and values
	// lookAgain is after how many requests it is looked whether the sink takes batches.
	lookAgain = 16
)

// consumer is one member of a source's group.
type consumer struct {
	*deliverer
	ordered bool
	slots   *semaphore.Weighted // of maxInFlight
	tasks   chan task           // to workers that wait for one
	workers atomic.Int64
	log     *slog.Logger
}

func newConsumer(d *Dispatcher, s KafkaSource, log *slog.Logger) *consumer {
	return &consumer{
		deliverer: newDeliverer(d, s, log), ordered: s.Spec.Ordering != Unordered,
		slots: semaphore.NewWeighted(maxInFlight), tasks: make(chan task), log: log,
	}
}

// task is records to deliver, one or a batch, as a part of a handler's work.
type task struct {
	ctx, tries context.Context
	records    []stream.Record
	window     *window
	place      int64 // of the first; the others follow
	handler    *sync.WaitGroup
}

// weight is how many slots n records take together.
func weight(n int) int64 { return int64(min(n, batchWeight)) }

// begin delivers records for which the caller has slots, by a worker that waits: its
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
		c.deliverAll(t)
		c.slots.Release(weight(len(t.records)))
		t.handler.Done()
	}
}

// deliverAll delivers the records of a task: where they are not taken as a batch, one
// by one, so that each has its own tries.
func (c *consumer) deliverAll(t task) {
	if len(t.records) > 1 && c.deliverBatch(t.tries, t.records) {
		t.window.finish(t.place, len(t.records))
		return
	}
	for i, r := range t.records {
		if c.deliver(t.ctx, t.tries, r) {
			t.window.finish(t.place+int64(i), 1)
		}
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
		most := 1
		for n := 0; len(records) > 0; n++ {
			if n%lookAgain == 0 && !c.ordered {
				most = c.mostTogether(len(records))
			}
			some := make([]stream.Record, c.together(records, most))
			for i := range some {
				some[i] = records[i].Clone()
			}
			records = records[len(some):]
			last := some[len(some)-1].Offset
			if len(records) == 0 {
				last = claim.Next() - 1 // past the markers of transactions
			}
			if c.ordered {
				if !c.deliver(ctx, deliveries, some[0]) {
					return context.Cause(ctx)
				}
				claim.Done(last + 1)
				continue
			}
			if err := w.await(ctx); err != nil {
				return err
			}
			if err := c.slots.Acquire(ctx, weight(len(some))); err != nil {
				return context.Cause(ctx)
			}
			c.begin(task{ctx, deliveries, some, w, w.begin(some, last), wg})
		}
	}
}

// together is how many of the first records go in one request, most at most.
func (c *consumer) together(records []stream.Record, most int) int {
	size := 0
	for n := range min(most, len(records)) {
		size += len(records[n].Key) + len(records[n].Value)
		if size > batchBytes || c.plainly(&records[n]) == nil {
			return max(n, 1)
		}
	}
	return min(most, len(records))
}
