package stream

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/segmentio/kafka-go"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Claim is a partition that a group has assigned to this member, for as long as
// its handler's context lasts. One goroutine fetches; any may call Done.
type Claim struct {
	Topic     string
	Partition int

	cluster   *Cluster
	commits   *commits
	offset    int64 // where to begin: an offset, kafka.FirstOffset or kafka.LastOffset
	lane      *lane
	next      int64 // after the records that were handed out
	committed atomic.Int64
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
		c.commits.config.Log.Warn("records expired before they were consumed", "group", c.commits.config.ID, "topic", c.Topic,
			"partition", c.Partition, "from", c.offset, "to", begin-1)
	case c.offset > end:
		c.commits.config.Log.Warn("the topic was made anew: consuming from its beginning", "group", c.commits.config.ID, "topic", c.Topic,
			"partition", c.Partition, "committed", c.offset, "end", end)
	default:
		begin = c.offset
	}
	c.committed.Store(begin)
	c.start(ctx, begin)
	return nil
}

// offsets asks again for a while: a leader may be moving just now.
func (c *Claim) offsets(ctx context.Context) (first, next map[int]int64, err error) {
	err = persist(ctx, func() error {
		first, next, err = c.cluster.offsetsOf(ctx, c.Topic, c.Partition)
		return err
	}, func(err error) bool { return pipeline.KindOf(err) == pipeline.Unavailable })
	return first, next, err
}

func (c *Claim) start(ctx context.Context, offset int64) {
	c.next = offset
	c.lane = c.cluster.open(ctx, c.Topic, c.Partition, offset, forever, c.cluster.claimLimits)
}

func (c *Claim) close() {
	if c.lane != nil {
		c.lane.close()
	}
}

// Next is the offset after the last record that Fetch handed out: what to
// commit once all of them are dealt with.
func (c *Claim) Next() int64 { return c.next }

// Fetch waits for the next records, at least one. They are valid until the next
// call; their keys, values and headers lie in memory that is used again.
func (c *Claim) Fetch(ctx context.Context) ([]Record, error) {
	for {
		records, err := c.lane.next(ctx)
		switch {
		case err == nil:
			c.next = c.lane.past(records[len(records)-1].Offset + 1)
			return records, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, errEnded): // the assignment has ended
			return nil, context.Canceled
		case errors.Is(err, kafka.OffsetOutOfRange): // retention overtook us
			c.close()
			c.offset = c.next
			if err := c.open(ctx); err != nil {
				return nil, err
			}
		default:
			return nil, unavailable("consume", fmt.Errorf("topic %s, partition %d: %w", c.Topic, c.Partition, err))
		}
	}
}

// Done says that all records before next are handled. The offset is committed
// within commitEvery, and at the latest when all handlers of the member have
// returned.
func (c *Claim) Done(next int64) {
	c.commits.add(partitionOf{c.Topic, c.Partition}, mark{next, &c.committed})
}

// Committed is the offset that the group would go on from, as far as this member
// knows.
func (c *Claim) Committed() int64 { return c.committed.Load() }
