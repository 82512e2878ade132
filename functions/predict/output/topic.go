package output

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

const (
	// requestBytes is how much of records goes into one request: brokers take
	// a mebibyte by default.
	requestBytes = 900 << 10
	// recordOverhead is about what a record takes beside its key and value.
	recordOverhead = 32
	// layoutAge is how long a topic's number of partitions is relied on.
	layoutAge = 30 * time.Second
	// attemptTime bounds one attempt to write.
	attemptTime = 10 * time.Second
	// downPause is how often a broker that is away is tried.
	downPause = 250 * time.Millisecond
)

// Topic is one that predictions or dead letters are written to.
type Topic struct {
	cluster *stream.Cluster
	name    string

	mu         sync.Mutex
	partitions int
	known      time.Time

	failed atomic.Pointer[failure] // of the last write; nil after one that went well
}

type failure struct {
	err  error
	last time.Time
}

// NewTopic writes to the topic of a name, which must exist.
func NewTopic(c *stream.Cluster, name string) *Topic { return &Topic{cluster: c, name: name} }

// Name is the topic's.
func (t *Topic) Name() string { return t.name }

// Away is an Unavailable error while writes fail; one caller in each downPause
// is let through to try.
func (t *Topic) Away() error {
	f := t.failed.Load()
	if f == nil {
		return nil
	}
	if time.Since(f.last) > downPause && t.failed.CompareAndSwap(f, &failure{f.err, time.Now()}) {
		return nil
	}
	return t.unavailable(f.err)
}

// Check is an Unavailable error where the last write failed and the broker
// still does not answer for the topic.
func (t *Topic) Check(ctx context.Context) error {
	if t.failed.Load() == nil {
		return nil
	}
	if _, _, err := t.cluster.Offsets(ctx, t.name); err != nil { // metadata would come from a cache
		return t.unavailable(err)
	}
	return nil
}

func (t *Topic) unavailable(err error) error {
	return &pipeline.Error{
		Op: "write " + t.name, Kind: pipeline.Unavailable, Err: err,
		Reason: "Kafka does not take records at present: " + err.Error(), Hint: "send the record again",
	}
}

// count is the topic's number of partitions.
func (t *Topic) count(ctx context.Context) (int, error) {
	t.mu.Lock()
	n, fresh := t.partitions, time.Since(t.known) < layoutAge
	t.mu.Unlock()
	if fresh {
		return n, nil
	}
	n, err := t.cluster.Partitions(ctx, t.name)
	if err == nil && n == 0 {
		err = fmt.Errorf("topic %s has no partitions", t.name)
	}
	if err != nil {
		return 0, err
	}
	t.mu.Lock()
	t.partitions, t.known = n, time.Now()
	t.mu.Unlock()
	return n, nil
}

// Write puts the records that came from one input partition into one partition
// of the topic, so that what was in order stays in order and records of a key
// stay together. refused is called for a record that the broker takes in no
// case, being too large. An error is Unavailable and means that some may not be
// written.
func (t *Topic) Write(ctx context.Context, inputPartition int, records []stream.Record, refused func(i int, err error)) error {
	from, size := 0, 0
	for i := range records {
		n := sizeOf(&records[i])
		if size > 0 && size+n > requestBytes {
			if err := t.send(ctx, inputPartition, records, from, i, refused); err != nil {
				return t.unavailable(err)
			}
			from, size = i, 0
		}
		size += n
	}
	if err := t.send(ctx, inputPartition, records, from, len(records), refused); err != nil {
		return t.unavailable(err)
	}
	return nil
}

// send writes records [from, to) in one request, or in halves where the broker
// says that it is too large.
func (t *Topic) send(ctx context.Context, inputPartition int, records []stream.Record, from, to int, refused func(int, error)) error {
	if from == to {
		return nil
	}
	err := t.attempt(ctx, inputPartition, records[from:to])
	switch {
	case !errors.Is(err, kafka.MessageSizeTooLarge):
		return err
	case to-from == 1:
		refused(from, fmt.Errorf("the prediction is larger than topic %s takes: %w", t.name, err))
		return nil
	}
	middle := (from + to) / 2
	if err := t.send(ctx, inputPartition, records, from, middle, refused); err != nil {
		return err
	}
	return t.send(ctx, inputPartition, records, middle, to, refused)
}

func (t *Topic) attempt(ctx context.Context, inputPartition int, records []stream.Record) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	n, err := t.count(ctx)
	if err == nil {
		_, err = t.cluster.Produce(ctx, t.name, inputPartition%n, records)
	}
	switch {
	case err == nil:
		if t.failed.Load() != nil {
			t.failed.Store(nil)
		}
	case errors.Is(err, kafka.MessageSizeTooLarge), errors.Is(ctx.Err(), context.Canceled):
	default:
		t.failed.Store(&failure{err, time.Now()})
		t.mu.Lock()
		t.known = time.Time{} // leaders or partitions may have changed
		t.mu.Unlock()
	}
	return err
}

// Persist is Write until it is done, with warn called after each attempt that
// failed. The end of ctx ends the attempts, not one under way, and is then the
// error.
func (t *Topic) Persist(ctx context.Context, inputPartition int, records []stream.Record, refused func(i int, err error), warn func(error)) error {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := t.Write(context.WithoutCancel(ctx), inputPartition, records, refused)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		warn(err)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// sizeOf is about what a record takes in a request.
func sizeOf(r *stream.Record) int {
	n := recordOverhead + len(r.Key) + len(r.Value)
	for i := range r.Headers {
		n += 4 + len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return n
}
