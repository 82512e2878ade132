package streaming

import (
	"context"
	"slices"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

const (
	pollEvery = 100 * time.Millisecond
	batchSize = 1000 // records shown at a time
)

// follow gives the records of every partition of a topic to each, beginning
// with the last ones that are there (-1: all), and goes on until ctx ends or
// each returns an error. With a wait it fails when nothing comes for so long.
// It joins no group: nothing is committed.
func follow(ctx context.Context, cluster *stream.Cluster, topic string, last int64, wait time.Duration,
	each func(context.Context, []stream.Record) error,
) error {
	first, next, err := cluster.Offsets(ctx, topic)
	if err != nil {
		return err
	}
	at := map[int]int64{}
	for partition, end := range next {
		at[partition] = first[partition]
		if last >= 0 {
			at[partition] = max(first[partition], end-last)
		}
	}
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	heard := time.Now()
	for {
		n, err := readNew(ctx, cluster, topic, at, next, each)
		if err != nil {
			return err
		}
		if n > 0 {
			heard = time.Now()
		}
		if wait > 0 && time.Since(heard) > wait {
			return &pipeline.Error{Op: "follow " + topic, Kind: pipeline.Internal, Reason: "nothing came for " + wait.String()}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-poll.C:
		}
		if _, next, err = cluster.Offsets(ctx, topic); err != nil {
			return err
		}
	}
}

// readNew reads what lies between at and next of each partition, and moves at.
func readNew(ctx context.Context, cluster *stream.Cluster, topic string, at, next map[int]int64,
	each func(context.Context, []stream.Record) error,
) (n int64, err error) {
	for partition, end := range next {
		for at[partition] < end {
			r := pipeline.Range{Topic: topic, Partition: partition, Offset: at[partition], Length: min(end-at[partition], batchSize)}
			records := make([]stream.Record, 0, r.Length)
			err := cluster.Read(ctx, r, func(record stream.Record) error {
				records = append(records, clone(record))
				return nil
			})
			if err != nil {
				return n, err
			}
			at[partition] += r.Length
			n += r.Length
			if err := each(ctx, records); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// clone keeps a record beyond the call that gave it.
func clone(r stream.Record) stream.Record {
	r.Key, r.Value = slices.Clone(r.Key), slices.Clone(r.Value)
	headers := make([]stream.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = stream.Header{Key: h.Key, Value: slices.Clone(h.Value)}
	}
	r.Headers = headers
	return r
}
