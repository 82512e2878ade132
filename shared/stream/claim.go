package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/segmentio/kafka-go"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Claim is a partition that a group has assigned to this member, for as long as
// its handler's context lasts. One goroutine fetches; any may commit.
type Claim struct {
	Topic     string
	Partition int

	cluster    *Cluster
	generation *kafka.Generation
	group      string
	log        *slog.Logger
	offset     int64 // where to begin: an offset, kafka.FirstOffset or kafka.LastOffset
	reader     *prefetcher
	last       *batch // lent to the caller until the next Fetch
	next       int64  // after the records that were handed out
}

// open finds where to begin. A committed offset that retention has overtaken
// moves to the first record that is left; what was lost is logged, never
// silent.
func (c *Claim) open(ctx context.Context) error {
	first, next, err := c.offsets(ctx)
	if err != nil {
		return err
	}
	begin, end := first[c.Partition], next[c.Partition]
	switch {
	case c.offset == kafka.LastOffset:
		begin = end
	case c.offset == kafka.FirstOffset:
	case c.offset < begin:
		c.log.Warn("records expired before they were consumed", "group", c.group, "topic", c.Topic,
			"partition", c.Partition, "from", c.offset, "to", begin-1)
	case c.offset > end:
		c.log.Warn("the topic was made anew: consuming from its beginning", "group", c.group, "topic", c.Topic,
			"partition", c.Partition, "committed", c.offset, "end", end)
	default:
		begin = c.offset
	}
	c.start(ctx, begin)
	return nil
}

// offsets asks again for a while: a leader may be moving just now.
func (c *Claim) offsets(ctx context.Context) (first, next map[int]int64, err error) {
	err = persist(ctx, func() error {
		first, next, err = c.cluster.Offsets(ctx, c.Topic)
		return err
	}, func(err error) bool { return pipeline.KindOf(err) == pipeline.Unavailable })
	return first, next, err
}

func (c *Claim) start(ctx context.Context, offset int64) {
	c.next = offset
	c.reader = prefetch(ctx, fetcher{
		cluster: c.cluster, topic: c.Topic, partition: c.Partition, next: offset, maxBytes: claimBytes,
	}, forever)
}

func (c *Claim) close() {
	if c.reader != nil {
		c.reader.close()
	}
}

// Next is the offset after the last record that Fetch handed out: what to
// commit once all of them are dealt with.
func (c *Claim) Next() int64 { return c.next }

// Fetch waits for the next records, at least one. They are valid until the next
// call; their keys, values and headers lie in memory that is used again.
func (c *Claim) Fetch(ctx context.Context) ([]Record, error) {
	for {
		if c.last != nil {
			c.reader.free <- c.last // never blocks: it has room for both batches
			c.last = nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case b, ok := <-c.reader.full:
			switch {
			case !ok: // the assignment has ended
				return nil, context.Canceled
			case errors.Is(b.err, kafka.OffsetOutOfRange): // retention overtook us
				c.close()
				c.offset = c.next
				if err := c.open(ctx); err != nil {
					return nil, err
				}
				continue
			case b.err != nil:
				return nil, unavailable("consume", fmt.Errorf("topic %s, partition %d: %w", c.Topic, c.Partition, b.err))
			}
			c.last = b
			if len(b.records) > 0 {
				c.next = b.records[len(b.records)-1].Offset + 1
				return b.records, nil
			}
		}
	}
}

// Commit stores next as the offset that the group goes on from. It is refused
// once the partition belongs to another member, so that a late commit cannot
// move the group back.
func (c *Claim) Commit(next int64) error {
	err := c.generation.CommitOffsets(map[string]map[int]int64{c.Topic: {c.Partition: next}})
	if err != nil {
		return &pipeline.Error{
			Op: "commit", Kind: pipeline.Unavailable,
			Err: fmt.Errorf("group %s, topic %s, partition %d: %w", c.group, c.Topic, c.Partition, err),
		}
	}
	return nil
}
