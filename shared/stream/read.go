package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// readBytes is the size of a fetch for training: large, since the answer is
// read to its end and the next one comes meanwhile.
const readBytes = 10 << 20

const opRead = "read stream"

// Read gives each record of a range, in order, to each. It is exactly the
// range: a record that has expired, that is not there yet or that is missing in
// between is an error, where the library's own reader would skip it. Key, Value
// and Headers are valid only during the call; an error of each ends the read and
// is returned as it is.
//
// One answer is read ahead.
func (c *Cluster) Read(ctx context.Context, r pipeline.Range, each func(Record) error) error {
	if r.Length == 0 {
		return nil
	}
	if err := c.within(ctx, r); err != nil {
		return err
	}
	end := r.Offset + r.Length
	p := prefetch(ctx, fetcher{cluster: c, topic: r.Topic, partition: r.Partition, next: r.Offset, maxBytes: readBytes}, end)
	defer p.close()
	for next := r.Offset; next < end; {
		b, ok := <-p.full
		if !ok && ctx.Err() == nil { // what is left of the range is no records, but a transaction's marker
			return gap(r, next, end)
		}
		if !ok {
			return ctx.Err()
		}
		if b.err != nil {
			return c.explain(ctx, r, b.err)
		}
		for i := 0; i < len(b.records) && next < end; i++ {
			if at := b.records[i].Offset; at != next {
				return gap(r, next, at)
			}
			if err := each(b.records[i]); err != nil {
				return err
			}
			next++
		}
		p.free <- b
	}
	return nil
}

// within refuses a range that the log does not hold, before the first record.
func (c *Cluster) within(ctx context.Context, r pipeline.Range) error {
	first, next, err := c.Offsets(ctx, r.Topic)
	if err != nil {
		return err
	}
	if lost := c.lost(ctx, r, first, next); lost != nil {
		return lost.error()
	}
	return nil
}

// explain says what an error of a fetch means for the range.
func (c *Cluster) explain(ctx context.Context, r pipeline.Range, err error) error {
	if errors.Is(err, kafka.OffsetOutOfRange) { // retention overtook us
		if err := c.within(ctx, r); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return unavailable(opRead, fmt.Errorf("%s: %w", rangeText(r), err))
}

func gap(r pipeline.Range, want, got int64) error {
	return &pipeline.Error{
		Op: opRead, Kind: pipeline.Conflict, Field: "topic",
		Reason: fmt.Sprintf("%s: no record at offset %d, the next is at %d", rangeText(r), want, got),
		Hint:   "training streams are sent without transactions and kept without compaction",
	}
}

func rangeText(r pipeline.Range) string {
	return fmt.Sprintf("topic %s, partition %d, records %d to %d", r.Topic, r.Partition, r.Offset, r.Offset+r.Length-1)
}
