package stream

import (
	"context"
	"errors"

	"github.com/segmentio/kafka-go"
)

// Committed gives the next offset of each partition of a topic as a consumer
// group committed it. A partition for which it has committed nothing is absent;
// a group that is not there has committed nothing.
func (c *Cluster) Committed(ctx context.Context, group, topic string) (map[int]int64, error) {
	const op = "look up committed offsets"
	known, err := c.partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	var partitions []int
	for _, p := range known {
		partitions = append(partitions, p.ID)
	}
	answer, err := c.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: partitions}})
	if err == nil {
		err = answer.Error
	}
	next := map[int]int64{}
	if errors.Is(err, kafka.GroupIdNotFound) {
		return next, nil
	}
	if err != nil {
		return nil, unavailable(op, err)
	}
	for _, p := range answer.Topics[topic] {
		if p.Error != nil {
			return nil, unavailable(op, p.Error)
		}
		if p.CommittedOffset >= 0 {
			next[p.Partition] = p.CommittedOffset
		}
	}
	return next, nil
}
