package stream

import (
	"context"
	"sync/atomic"

	"github.com/segmentio/kafka-go"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Claim is a partition that a group has assigned to this member, for as long as
// its handler's context lasts. One goroutine fetches; any may call Done.
type Claim struct {
	Topic     string
	Partition int
	*lane

	commits   *commits
	committed atomic.Int64
	origin    Origin       // committed with the offset that it began at
	began     int64        // at this offset
	start     atomic.Int64 // see Start
}

// open begins to read at the offset that the group has committed, which may be
// kafka.FirstOffset or kafka.LastOffset, and that has an origin.
func (c *Claim) open(ctx context.Context, cluster *Cluster, committed int64, origin Origin) error {
	from, err := c.begin(ctx, cluster, committed)
	if err != nil {
		return err
	}
	c.began = from
	if from == committed {
		c.origin = origin
	}
	c.lane = cluster.open(ctx, &lane{
		topic: c.Topic, partition: c.Partition, offset: from, stop: forever, limits: cluster.claimLimits,
		moved: func(ctx context.Context, next int64) (int64, error) {
			if err := c.sameTopic(ctx, cluster); err != nil {
				return 0, err
			}
			return c.begin(ctx, cluster, next)
		},
	})
	return nil
}

// sameTopic is errAnew where the topic was made anew since the assignment.
func (c *Claim) sameTopic(ctx context.Context, cluster *Cluster) error {
	ids, err := cluster.TopicIDs(ctx, c.Topic)
	if err == nil && madeAnew(c.commits.topicIDs[c.Topic], ids[c.Topic]) {
		err = errAnew
	}
	return err
}

// begin finds where to begin. A committed offset that retention has overtaken
// moves to the first record that is left; what was lost is logged, never
// silent.
func (c *Claim) begin(ctx context.Context, cluster *Cluster, committed int64) (from int64, err error) {
	var first, next map[int]int64
	err = persist(ctx, func() (err error) { // a leader may be moving just now
		first, next, err = cluster.offsetsOf(ctx, c.Topic, c.Partition)
		return err
	}, func(err error) bool { return pipeline.KindOf(err) == pipeline.Unavailable })
	if err != nil {
		return 0, err
	}
	from, end := first[c.Partition], next[c.Partition]
	log := c.commits.config.Log.With("group", c.commits.config.ID, "topic", c.Topic, "partition", c.Partition)
	switch {
	case committed == kafka.LastOffset:
		from = end
	case committed == kafka.FirstOffset:
	case committed < from:
		log.Warn("records expired before they were consumed", "from", committed, "to", from-1)
	case committed > end:
		log.Warn("the topic was made anew: consuming from its beginning", "committed", committed, "end", end)
	default:
		from = committed
	}
	c.committed.Store(from)
	c.start.Store(from)
	return from, nil
}

// Done says that all records before next are handled. The offset is committed
// within commitEvery, and at the latest when all handlers of the member have
// returned.
func (c *Claim) Done(next int64) {
	c.DoneFrom(next, Origin{})
}

// Committed is the offset that the group would go on from, as far as this member
// knows.
func (c *Claim) Committed() int64 { return c.committed.Load() }
