package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// feed sends records, spread over the partitions, at rate a second, while more,
// which is told how many it has sent, says so.
func (w *walk) feed(ctx context.Context, topic string, rate int, more func(sent int) (bool, error)) (sent int, err error) {
	writer := w.cluster.Writer()
	writer.Balancer = &kafka.RoundRobin{}
	random := rand.New(rand.NewPCG(3, 4))
	tick := time.NewTicker(time.Second / 10)
	defer tick.Stop()
	for {
		if on, err := more(sent); err != nil || !on {
			return sent, errors.Join(err, writer.Close())
		}
		var batch []kafka.Message
		for range rate / 10 {
			value := make([]byte, 4*width)
			sample(value, random)
			batch = append(batch, kafka.Message{Topic: topic, Value: value})
		}
		if err := writer.WriteMessages(ctx, batch...); err != nil {
			return sent, err
		}
		sent += len(batch)
		select {
		case <-ctx.Done():
			return sent, context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// atMost lets n records be sent.
func atMost(n int) func(int) (bool, error) {
	return func(sent int) (bool, error) { return sent < n, nil }
}

// ends are where the topics of an inference end, its input and its output.
type ends struct{ in, out map[int]int64 }

func (w *walk) ends(ctx context.Context, i pipeline.Inference) (e ends, err error) {
	if _, e.in, err = w.cluster.Offsets(ctx, i.InputTopic); err == nil {
		_, e.out, err = w.cluster.Offsets(ctx, i.OutputTopic)
	}
	return e, err
}

// collect waits until the n records that came into an inference's input after before
// have their predictions, or quiet passes without one, and counts these by event id.
// The row has the longest time from one to the next.
func (w *walk) collect(ctx context.Context, i pipeline.Inference, before ends, n int, r *row) error {
	seen, times := map[string]bool{}, []time.Time{}
	at := maps.Clone(before.out)
	const quiet = 5 * time.Minute
	last := time.Now()
	err := until(ctx, func() (bool, error) {
		_, next, err := w.cluster.Offsets(ctx, i.OutputTopic)
		if err != nil {
			return false, err
		}
		for p, end := range next {
			if end == at[p] {
				continue
			}
			last = time.Now()
			err := w.cluster.Read(ctx, pipeline.Range{Topic: i.OutputTopic, Partition: p, Offset: at[p], Length: end - at[p]}, func(rec stream.Record) error {
				times = append(times, rec.Time)
				id, mine, err := predicted(rec, before.in)
				if mine {
					seen[id] = true
				}
				return err
			})
			if err != nil {
				return false, err
			}
			at[p] = end
		}
		return len(seen) >= n || time.Since(last) > quiet, nil
	})
	r.records, r.lost, r.duplicated = n, n-len(seen), len(times)-len(seen)
	slices.SortFunc(times, time.Time.Compare)
	for i := range max(0, len(times)-1) {
		r.silent = max(r.silent, times[i+1].Sub(times[i]))
	}
	if err == nil && len(seen) != n {
		err = fmt.Errorf("%d distinct predictions of %d records", len(seen), n)
	}
	return err
}

// predicted gives the event id of a prediction, and whether its record came after
// the offsets from: of others a prediction may come once more.
func predicted(rec stream.Record, from map[int]int64) (id string, after bool, err error) {
	for _, h := range rec.Headers {
		if h.Key == "ce_id" {
			id = string(h.Value)
		}
	}
	parts := strings.Split(id, ":") // inference, topic, partition, offset
	if len(parts) != 4 {
		return id, false, fmt.Errorf("%q is the id of no prediction", id)
	}
	p, err := strconv.Atoi(parts[2])
	if err != nil {
		return id, false, err
	}
	offset, err := strconv.ParseInt(parts[3], 10, 64)
	return id, offset >= from[p], err
}

// pass feeds n records through an inference and collects the predictions, and
// calls midway once half of the records are sent.
func (w *walk) pass(ctx context.Context, i pipeline.Inference, n, rate int, r *row, midway func() error) error {
	before, err := w.ends(ctx, i)
	if err != nil {
		return err
	}
	began := time.Now()
	_, err = w.feed(ctx, i.InputTopic, rate, func(sent int) (bool, error) {
		if sent >= n/2 && midway != nil {
			now := midway
			midway = nil
			return true, now()
		}
		return sent < n, nil
	})
	if err != nil {
		return err
	}
	err = w.collect(ctx, i, before, n, r)
	r.notef("%d records in %.1f s", n, time.Since(began).Seconds())
	return err
}
