package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// transactionTime is how long a transaction that is open within a stream is
// waited for: a producer may announce a stream a moment before it commits.
const transactionTime = 5 * time.Second

// errOpen is the cause of an error that says that a transaction is open.
var errOpen = errors.New("a transaction is open")

// Settle refuses a stream that the log does not hold, before the first record is
// read. A transaction that is open within it is waited for, not for long.
func (c *Cluster) Settle(ctx context.Context, ranges []pipeline.Range) error {
	return persistFor(ctx, transactionTime, func() error { return c.within(ctx, ranges) },
		func(err error) bool { return errors.Is(err, errOpen) })
}

// within is Settle without the wait. It asks once for each topic.
func (c *Cluster) within(ctx context.Context, ranges []pipeline.Range) error {
	topics := map[string]extent{}
	for _, r := range ranges {
		if r.Length == 0 {
			continue
		}
		e, ok := topics[r.Topic]
		if !ok {
			var err error
			if e, err = c.extent(ctx, r.Topic); err != nil {
				return err
			}
			topics[r.Topic] = e
		}
		if lost := c.lost(ctx, r, e.first, e.next); lost != nil {
			return lost.error()
		}
		if err := e.open(r); err != nil {
			return err
		}
	}
	return nil
}

// open is an error where a transaction is open within a range.
func (e extent) open(r pipeline.Range) error {
	from, ok := e.stable[r.Partition]
	if !ok || r.Offset+r.Length <= from {
		return nil
	}
	return &pipeline.Error{
		Op: opRead, Kind: pipeline.Conflict, Field: "topic", Err: errOpen,
		Reason: fmt.Sprintf("%s: a transaction is open from offset %d on", rangeText(r), from),
		Hint:   "commit or abort it, and then announce the stream again, by a control message after the commit",
	}
}

// errEnough ends a count.
var errEnough = errors.New("enough")

// Count is how many records a stream holds: its offsets, less those of
// transactions' markers and of records that were aborted. It reads the stream,
// and stops after the first record above most.
func (c *Cluster) Count(ctx context.Context, ranges []pipeline.Range, most int64) (n int64, err error) {
	err = c.ReadAll(ctx, ranges, pipeline.OrderPartition, func(Record) error {
		if n++; n > most {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return n, err
}
