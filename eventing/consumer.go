package eventing

import (
	"context"
	"log/slog"
	"sync"
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
	log     *slog.Logger
}

func newConsumer(d *Dispatcher, s KafkaSource, log *slog.Logger) *consumer {
	return &consumer{
		deliverer: newDeliverer(d, s, log), ordered: s.Spec.Ordering != Unordered,
		slots: make(chan struct{}, maxInFlight), log: log,
	}
}

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
			place := w.begin(done - 1)
			wg.Go(func() {
				defer func() { <-c.slots }()
				if c.deliver(ctx, deliveries, r) {
					w.finish(place)
				}
			})
		}
	}
}
