package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/segmentio/kafka-go"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Committed gives the next offset of each partition of a topic as a consumer
// group committed it. A partition for which it has committed nothing is absent;
// a group that is not there has committed nothing, nor has one that committed
// offsets of a topic that was deleted and made anew.
func (c *Cluster) Committed(ctx context.Context, group, topic string) (map[int]int64, error) {
	known, err := c.partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	var partitions []int
	for _, p := range known {
		partitions = append(partitions, p.ID)
	}
	marks, ids, err := c.committed(ctx, group, map[string][]int{topic: partitions})
	if err != nil {
		return nil, err
	}
	next := map[int]int64{}
	for of, m := range marks {
		if m.next >= 0 && !m.another(ids[topic]) {
			next[of.partition] = m.next
		}
	}
	return next, nil
}

// committedMark is what a group has committed for a partition.
type committedMark struct {
	next    int64  // negative: nothing
	topicID string // empty where a program committed that does not say
	origin  Origin
}

// another reports whether the mark is of another topic than that with this id.
func (m committedMark) another(id string) bool { return madeAnew(m.topicID, id) }

// committed looks up what a group has committed, and then the ids of the topics:
// in this order, an offset of a topic that is made anew meanwhile is told from
// one of the new topic.
func (c *Cluster) committed(ctx context.Context, group string, topics map[string][]int) (map[partitionOf]committedMark, map[string]string, error) {
	const op = "look up committed offsets"
	marks := map[partitionOf]committedMark{}
	answer, err := c.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: topics})
	if err == nil {
		err = answer.Error
	}
	if err != nil && !errors.Is(err, kafka.GroupIdNotFound) {
		return nil, nil, unavailable(op, fmt.Errorf("%s: %w", group, err))
	}
	if err == nil {
		for topic, partitions := range answer.Topics {
			for _, p := range partitions {
				if p.Error != nil {
					return nil, nil, unavailable(op, fmt.Errorf("%s: %w", group, p.Error))
				}
				id, origin := readMetadata(p.Metadata)
				marks[partitionOf{topic, p.Partition}] = committedMark{p.CommittedOffset, id, origin}
			}
		}
	}
	ids, err := c.TopicIDs(ctx, slices.Sorted(maps.Keys(topics))...)
	return marks, ids, err
}

// committedOf is committed for the partitions of a generation. A broker that
// moves or is away is waited for.
func (c *Cluster) committedOf(ctx context.Context, generation *kafka.Generation) (marks map[partitionOf]committedMark, ids map[string]string, err error) {
	topics := map[string][]int{}
	for topic, assigned := range generation.Assignments {
		for _, p := range assigned {
			topics[topic] = append(topics[topic], p.ID)
		}
	}
	err = persist(ctx, func() (err error) {
		marks, ids, err = c.committed(ctx, generation.GroupID, topics)
		return err
	}, func(err error) bool { return pipeline.KindOf(err) == pipeline.Unavailable })
	return marks, ids, err
}

// Lag is how many records lie between what a group has dealt with and next: done,
// first and next are by partition, as Committed and Readable give them.
func Lag(done, first, next map[int]int64) (n int64) {
	for p, end := range next {
		n += max(0, end-max(done[p], first[p]))
	}
	return n
}
