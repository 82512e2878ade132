package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// batch holds the records of one fetch, which lie in memory: a batch is used
// again without an allocation a record.
type batch struct {
	records []Record
	headers []Header // of all records
	memory  []byte
	err     error // the last batch: why there are no more
}

// fetcher reads one partition from an offset on, one fetch after the other.
type fetcher struct {
	cluster   *Cluster
	topic     string
	partition int
	next      int64             // the offset to ask for
	maxBytes  int64             // of one answer; one record batch comes whole even if larger
	names     map[string]string // keys of headers that were seen
}

// fetchTime bounds one fetch, of which longPoll may pass in waiting.
const fetchTime = 30 * time.Second

// fetch fills b with the records from f.next on, none if there are none yet.
// Failures that may pass are tried again for a while.
func (f *fetcher) fetch(ctx context.Context, b *batch) error {
	return persist(ctx, func() error {
		return f.cluster.current(ctx, func() error { return f.once(ctx, b) })
	}, passing)
}

// patience is how long something is tried again while the broker cannot be
// reached or has no leader for the partition.
const patience = time.Minute

// persist repeats try while its error may pass, with growing waits, until
// patience or ctx ends.
func persist(ctx context.Context, try func() error, passes func(error) bool) error {
	return persistFor(ctx, patience, try, passes)
}

// persistFor is persist with another patience.
func persistFor(ctx context.Context, patience time.Duration, try func() error, passes func(error) bool) error {
	giveUp := time.Now().Add(patience)
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := try()
		if err == nil || !passes(err) || ctx.Err() != nil || time.Now().After(giveUp) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

func (f *fetcher) once(ctx context.Context, b *batch) error {
	memory := b.memory
	b.records, b.headers, b.memory = b.records[:0], b.headers[:0], nil // a request that was given up may write to it yet
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	c := f.cluster
	message, err := c.transport.RoundTrip(ctx, c.client.Addr, newFetchRequest(f.topic, f.partition, f.next, f.maxBytes, memory))
	if err != nil {
		return err
	}
	answer, ok := message.(*fetchAnswer)
	if !ok {
		return fmt.Errorf("a fetch is answered by a %T", message)
	}
	b.memory = answer.memory
	if answer.failure != 0 {
		return answer.failure
	}
	return f.collect(b, answer.records)
}

// passing reports whether an error may go away by itself: anything that is no
// answer of the broker, and its answers that say so.
func passing(err error) bool {
	var known *pipeline.Error
	var answer kafka.Error
	switch {
	case errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.As(err, &answer):
		return answer.Temporary() && answer != kafka.UnknownTopicOrPartition
	case errors.Is(err, protocol.ErrNoTopic), errors.Is(err, protocol.ErrNoPartition):
		return false
	}
	return true
}

// prefetcher fetches one batch ahead of its consumer. Its goroutine belongs to
// whoever made it, who closes it.
type prefetcher struct {
	full, free chan *batch
	cancel     context.CancelFunc
	done       chan struct{}
}

// prefetch reads on from f.next. With stop, it ends at that offset.
func prefetch(ctx context.Context, f fetcher, stop int64) *prefetcher {
	ctx, cancel := context.WithCancel(ctx)
	p := &prefetcher{full: make(chan *batch), free: make(chan *batch, 2), cancel: cancel, done: make(chan struct{})}
	p.free <- new(batch)
	p.free <- new(batch)
	go func() {
		defer close(p.done)
		defer close(p.full)
		p.run(ctx, f, stop)
	}()
	return p
}

func (p *prefetcher) run(ctx context.Context, f fetcher, stop int64) {
	for f.next < stop {
		var b *batch
		select {
		case <-ctx.Done():
			return
		case b = <-p.free:
		}
		b.err = f.fetch(ctx, b)
		select {
		case <-ctx.Done():
			return
		case p.full <- b:
		}
		if b.err != nil {
			return
		}
	}
}

// close ends the goroutine and waits for it.
func (p *prefetcher) close() {
	p.cancel()
	<-p.done
}

// forever is an offset that is never reached.
const forever = int64(1) << 62
