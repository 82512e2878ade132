package eventing

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/shared/stream"
)

const (
	maxInFlight = 99                     // deliveries under way of one unordered consumer, as Knative's
	commitEvery = 100 * time.Millisecond // between commits of a partition
	drainTime   = 10 * time.Second       // for deliveries under way when an assignment ends
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
// then lets deliveries under way end, for drainTime at most, and commits what
// they achieved.
func (c *consumer) handle(ctx context.Context, claim *stream.Claim) error {
	w := newWindow()
	deliveries, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var wg sync.WaitGroup
	committed := make(chan struct{})
	commits, endCommits := context.WithCancel(context.Background())
	go func() {
		defer close(committed)
		c.commitLoop(commits, claim, w)
	}()
	err := c.fetchLoop(ctx, claim, w, &wg, deliveries)
	t := time.AfterFunc(drainTime, cut)
	wg.Wait()
	t.Stop()
	endCommits()
	<-committed
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
			if c.ordered {
				if !c.deliver(ctx, deliveries, r) {
					return context.Cause(ctx)
				}
				w.finish(w.begin(r.Offset))
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
			place := w.begin(r.Offset)
			wg.Add(1)
			go func() {
				defer wg.Done()
				defer func() { <-c.slots }()
				if c.deliver(ctx, deliveries, r) {
					w.finish(place)
				}
			}()
		}
	}
}

// commitLoop commits from time to time what is done, and once more at the end.
func (c *consumer) commitLoop(ctx context.Context, claim *stream.Claim, w *window) {
	done := int64(0)
	commit := func() {
		next := w.next()
		if next <= done {
			return
		}
		if err := claim.Commit(next); err != nil {
			c.log.Warn("offsets were not committed; their records may be delivered again", "topic", claim.Topic,
				"partition", claim.Partition, "next", next, "error", err)
			return
		}
		done = next
	}
	for {
		err := pause(ctx, commitEvery)
		commit()
		if errors.Is(err, errStopped) {
			return
		}
	}
}
