package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// sentHeader carries when a record was sent, in nanoseconds since 1970. Every
// contender carries headers over to its output.
const sentHeader = "sent"

// traffic sends records at a steady rate and takes what comes out. Its client is
// the same for every contender.
type traffic struct {
	in, out    string
	partitions int
	data       *dataset
	producer   *kgo.Client
	consumer   *kgo.Client
}

func (b *bench) newTraffic(in, out string, partitions int, d *dataset) (*traffic, error) {
	producer, err := kgo.NewClient(kgo.SeedBrokers(b.broker.Addr), kgo.ProducerLinger(0), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return nil, err
	}
	consumer, err := b.consumer(out)
	if err != nil {
		producer.Close()
		return nil, err
	}
	return &traffic{in, out, partitions, d, producer, consumer}, nil
}

// consumer waits for the records of a topic, for each as soon as it is there.
func (b *bench) consumer(topic string) (*kgo.Client, error) {
	return kgo.NewClient(kgo.SeedBrokers(b.broker.Addr), kgo.ConsumeTopics(topic), kgo.FetchMinBytes(1))
}

// arriving waits for the next records at a consumer, and says when they were there.
func arriving(ctx context.Context, consumer *kgo.Client) (kgo.Fetches, time.Time, error) {
	fetches := consumer.PollFetches(ctx)
	at := time.Now()
	if ctx.Err() != nil {
		return nil, at, context.Cause(ctx)
	}
	return fetches, at, fetches.Err()
}

func (t *traffic) close() {
	t.producer.Close()
	t.consumer.Close()
}

// run sends n records, rate a second, and gives the time from the sending of
// each to its prediction's arrival at the consumer.
func (t *traffic) run(ctx context.Context, perSecond, n int) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 3*time.Minute, fmt.Errorf("fewer than %d predictions in three minutes", n))
	defer cancel()
	sent := make(chan error, 1)
	began := time.Now()
	go func() { sent <- t.send(ctx, perSecond, n) }()
	took, err := t.take(ctx, began, n)
	return took, errors.Join(err, <-sent)
}

// send produces n records, evenly spaced, to the partitions in turn.
func (t *traffic) send(ctx context.Context, perSecond, n int) error {
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	failed := make(chan error, n)
	for i := range n {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		t.producer.Produce(ctx, &kgo.Record{
			Topic: t.in, Partition: int32(i % t.partitions), Key: t.data.label(i), Value: t.data.sample(i), // #nosec G115 -- few partitions
			Headers: []kgo.RecordHeader{{Key: sentHeader, Value: strconv.AppendInt(nil, time.Now().UnixNano(), 10)}},
		}, func(_ *kgo.Record, err error) { failed <- err })
	}
	var errs []error
	for range n {
		errs = append(errs, <-failed)
	}
	return errors.Join(errs...)
}

// take waits for n predictions of records that were sent since began.
func (t *traffic) take(ctx context.Context, began time.Time, n int) ([]time.Duration, error) {
	took := make([]time.Duration, 0, n)
	for len(took) < n {
		fetches, arrived, err := arriving(ctx, t.consumer)
		if err != nil {
			return took, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if at, ok := sentAt(r.Headers); ok && !at.Before(began) {
				took = append(took, arrived.Sub(at))
			}
		})
	}
	return took, nil
}

func sentAt(headers []kgo.RecordHeader) (time.Time, bool) {
	for _, h := range headers {
		if h.Key == sentHeader {
			nanos, err := strconv.ParseInt(string(h.Value), 10, 64)
			return time.Unix(0, nanos), err == nil
		}
	}
	return time.Time{}, false
}
