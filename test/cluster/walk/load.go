package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// feed sends n records, spread over the partitions, at rate a second, and
// calls midway once half of them are sent.
func (w *walk) feed(ctx context.Context, topic string, n, rate int, midway func() error) error {
	writer := w.cluster.Writer()
	writer.Balancer = &kafka.RoundRobin{}
	random := rand.New(rand.NewPCG(3, 4))
	tick := time.NewTicker(time.Second / 10)
	defer tick.Stop()
	for sent := 0; sent < n; {
		var batch []kafka.Message
		for range min(rate/10, n-sent) {
			value := make([]byte, 4*width)
			sample(value, random)
			batch = append(batch, kafka.Message{Topic: topic, Value: value})
		}
		if err := writer.WriteMessages(ctx, batch...); err != nil {
			return err
		}
		if sent < n/2 && sent+len(batch) >= n/2 && midway != nil {
			if err := midway(); err != nil {
				return err
			}
		}
		sent += len(batch)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	return writer.Close()
}

// collect waits until n distinct predictions lie in a topic after the offsets
// before, or quiet passes without a new one, and counts them by event id.
func (w *walk) collect(ctx context.Context, topic string, before map[int]int64, n int, r *row) error {
	seen, total := map[string]bool{}, 0
	at := map[int]int64{}
	for p, o := range before {
		at[p] = o
	}
	const quiet = 5 * time.Minute
	last := time.Now()
	err := until(ctx, func() (bool, error) {
		_, next, err := w.cluster.Offsets(ctx, topic)
		if err != nil {
			return false, err
		}
		for p, end := range next {
			if end == at[p] {
				continue
			}
			last = time.Now()
			err := w.cluster.Read(ctx, pipeline.Range{Topic: topic, Partition: p, Offset: at[p], Length: end - at[p]}, func(rec stream.Record) error {
				total++
				for _, h := range rec.Headers {
					if h.Key == "ce_id" {
						seen[string(h.Value)] = true
					}
				}
				return nil
			})
			if err != nil {
				return false, err
			}
			at[p] = end
		}
		return len(seen) >= n || time.Since(last) > quiet, nil
	})
	r.records, r.lost, r.duplicated = n, n-len(seen), total-len(seen)
	if err == nil && len(seen) != n {
		err = fmt.Errorf("%d distinct predictions of %d records", len(seen), n)
	}
	return err
}

// pass feeds n records through an inference and collects the predictions.
func (w *walk) pass(ctx context.Context, i pipeline.Inference, n, rate int, r *row, midway func() error) error {
	_, before, err := w.cluster.Offsets(ctx, i.OutputTopic)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := w.feed(ctx, i.InputTopic, n, rate, midway); err != nil {
		return err
	}
	err = w.collect(ctx, i.OutputTopic, before, n, r)
	r.notef("%d records in %.1f s", n, time.Since(began).Seconds())
	return err
}
