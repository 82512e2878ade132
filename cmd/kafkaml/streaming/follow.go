package streaming

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// batchSize is how many records are shown at a time.
const batchSize = 1000

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
	records := make(chan stream.Record, batchSize)
	group, ctx := errgroup.WithContext(ctx)
	for partition, end := range next {
		from := first[partition]
		if last >= 0 {
			from = max(from, end-last)
		}
		group.Go(func() error {
			return cluster.Follow(ctx, topic, partition, from, func(r stream.Record) error {
				select {
				case records <- clone(r):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
		})
	}
	group.Go(func() error { return gather(ctx, topic, records, wait, each) })
	return group.Wait()
}

// gather gives each the records that have come, as many at a time as are there.
func gather(ctx context.Context, topic string, records <-chan stream.Record, wait time.Duration,
	each func(context.Context, []stream.Record) error,
) error {
	for {
		batch, err := await(ctx, topic, records, wait)
		if err != nil {
			return err
		}
		for more := true; more && len(batch) < batchSize; {
			select {
			case r := <-records:
				batch = append(batch, r)
			default:
				more = false
			}
		}
		if err := each(ctx, batch); err != nil {
			return err
		}
	}
}

// await waits for one record.
func await(ctx context.Context, topic string, records <-chan stream.Record, wait time.Duration) ([]stream.Record, error) {
	var late <-chan time.Time // never, without a wait
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case r := <-records:
		return []stream.Record{r}, nil
	case <-late:
		return nil, &pipeline.Error{Op: "follow " + topic, Reason: "nothing came for " + wait.String()}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
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
