package stream

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
)

// Offsets gives the first offset of each partition of a topic and the offset
// that its next record will get. A leader that is moving just now, or that has
// yet to hear that it leads a new topic, is waited for, not for long.
func (c *Cluster) Offsets(ctx context.Context, topic string) (first, next map[int]int64, err error) {
	return c.offsetsOf(ctx, topic)
}

// leaderTime is how long a leader is waited for.
const leaderTime = 3 * time.Second

// offsetsOf is Offsets for some partitions; for all where none is named.
func (c *Cluster) offsetsOf(ctx context.Context, topic string, some ...int) (first, next map[int]int64, err error) {
	err = persistFor(ctx, leaderTime, func() error {
		return c.current(ctx, func() error {
			first, next, err = c.askOffsets(ctx, topic, some)
			return err
		})
	}, refused)
	return first, next, err
}

func (c *Cluster) askOffsets(ctx context.Context, topic string, some []int) (first, next map[int]int64, err error) {
	known, err := c.partitions(ctx, topic)
	if err != nil {
		return nil, nil, err
	}
	led := map[int][]int{} // by leader
	for _, p := range known {
		if len(some) == 0 || slices.Contains(some, p.ID) {
			led[p.Leader.ID] = append(led[p.Leader.ID], p.ID)
		}
	}
	first, next = map[int]int64{}, map[int]int64{}
	for _, ids := range led {
		for at, into := range map[int64]map[int]int64{kafka.FirstOffset: first, kafka.LastOffset: next} {
			if err := c.askLeader(ctx, topic, ids, at, into); err != nil {
				return nil, nil, err
			}
		}
	}
	return first, next, nil
}

// askLeader asks the leader of partitions for their offsets at a time, or one
// of the times that mean the first and the next offset.
func (c *Cluster) askLeader(ctx context.Context, topic string, partitions []int, at int64, into map[int]int64) error {
	const op = "look up offsets"
	request := &listOffsets{ReplicaID: -1, Topics: []listoffsets.RequestTopic{{Topic: topic}}}
	for _, p := range partitions {
		request.Topics[0].Partitions = append(request.Topics[0].Partitions, listoffsets.RequestPartition{
			Partition: int32(p), CurrentLeaderEpoch: -1, Timestamp: at, // #nosec G115 -- Kafka's partitions are int32
		})
	}
	answer, err := c.client.Transport.RoundTrip(ctx, c.client.Addr, request)
	if err != nil {
		return unavailable(op, err)
	}
	for _, t := range answer.(*listoffsets.Response).Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return unavailable(op, fmt.Errorf("%s, partition %d: %w", topic, p.Partition, kafka.Error(p.ErrorCode)))
			}
			into[int(p.Partition)] = p.Offset
		}
	}
	return nil
}

// listOffsets is the library's request, which the library would split into one
// for each partition, each on a connection of its own.
type listOffsets listoffsets.Request

// ApiKey says which request it is.
func (*listOffsets) ApiKey() protocol.ApiKey { return protocol.ListOffsets }

// Broker is the leader of the partitions that are asked for.
func (r *listOffsets) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	topic, ok := cluster.Topics[r.Topics[0].Topic]
	if !ok {
		return protocol.Broker{}, protocol.ErrNoTopic
	}
	partition, ok := topic.Partitions[r.Topics[0].Partitions[0].Partition]
	if !ok {
		return protocol.Broker{}, protocol.ErrNoPartition
	}
	broker, ok := cluster.Brokers[partition.Leader]
	if !ok {
		return protocol.Broker{}, protocol.ErrNoLeader
	}
	return broker, nil
}
