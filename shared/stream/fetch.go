package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// batch holds the records of one fetch. Their keys and values lie in arena, so
// that a batch is reused without an allocation a record.
type batch struct {
	records []Record
	arena   []byte
	err     error // the last batch: why there are no more
}

// hold copies a record's bytes into the arena.
func (b *batch) hold(from kafka.Bytes) ([]byte, error) {
	if from == nil {
		return nil, nil
	}
	defer from.Close()
	held := b.reserve(from.Len())
	_, err := io.ReadFull(from, held)
	return held, err
}

// reserve takes n bytes of the arena. A full arena is left to the records that
// point into it, and a new one begun.
func (b *batch) reserve(n int) []byte {
	if b.arena == nil || cap(b.arena)-len(b.arena) < n {
		b.arena = make([]byte, 0, max(n, 2*cap(b.arena), 64<<10))
	}
	b.arena = b.arena[:len(b.arena)+n]
	return b.arena[len(b.arena)-n : len(b.arena) : len(b.arena)]
}

// fetcher reads one partition from an offset on, one fetch after the other.
type fetcher struct {
	cluster   *Cluster
	topic     string
	partition int
	next      int64 // the offset to ask for
	maxBytes  int64 // of one answer; one record batch comes whole even if larger
}

// fetch fills b with the records from f.next on, none if there are none yet.
// Failures that may pass are tried again for a while.
func (f *fetcher) fetch(ctx context.Context, b *batch) error {
	return persist(ctx, func() error { return f.once(ctx, b) }, passing)
}

// patience is how long something is tried again while the broker cannot be
// reached or has no leader for the partition.
const patience = time.Minute

// persist repeats try while its error may pass, with growing waits, until
// patience or ctx ends.
func persist(ctx context.Context, try func() error, passes func(error) bool) error {
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
	b.records, b.arena = b.records[:0], b.arena[:0]
	answer, err := f.cluster.client.Fetch(ctx, &kafka.FetchRequest{
		Topic: f.topic, Partition: f.partition, Offset: f.next,
		MinBytes: 1, MaxBytes: f.maxBytes, MaxWait: 500 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	if answer.Error != nil {
		return answer.Error
	}
	from := f.next
	for {
		r, err := answer.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read records: %w", err)
		}
		if err := f.take(b, r); err != nil {
			return err
		}
	}
	if f.next == from {
		f.skipControl(answer.Records)
	}
	return nil
}

// take adds a record to the batch. A fetch answers with whole batches, which
// may begin before the offset that was asked for.
func (f *fetcher) take(b *batch, r *kafka.Record) error {
	if r.Offset < f.next {
		for _, unused := range []kafka.Bytes{r.Key, r.Value} {
			if unused != nil {
				unused.Close()
			}
		}
		return nil
	}
	key, err := b.hold(r.Key)
	if err != nil {
		return err
	}
	value, err := b.hold(r.Value)
	if err != nil {
		return err
	}
	b.records = append(b.records, Record{
		Topic: f.topic, Partition: f.partition, Offset: r.Offset, Time: r.Time,
		Key: key, Value: value, Headers: r.Headers,
	})
	f.next = r.Offset + 1
	return nil
}

// skipControl steps over transactions' markers, which the library hides: an
// answer of nothing else would be fetched for ever.
func (f *fetcher) skipControl(records kafka.RecordReader) {
	stream, ok := records.(*protocol.RecordStream)
	if !ok {
		return
	}
	for _, r := range stream.Records {
		if control, ok := r.(*protocol.ControlBatch); ok {
			f.next = max(f.next, control.Offset()+1)
		}
	}
}

// passing tells whether an error may go away by itself: anything that is no
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
