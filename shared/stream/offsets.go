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

// Readable is Offsets, save that a transaction that is open is the end of what
// can be read of a partition: next is then the offset of its first record.
func (c *Cluster) Readable(ctx context.Context, topic string) (first, next map[int]int64, err error) {
	e, err := c.extent(ctx, topic)
	return e.first, e.stable, err
}

// extent is where the partitions of a topic begin and end.
type extent struct {
	first  map[int]int64
	stable map[int]int64 // of the first record of a transaction that is open, else next
	next   map[int]int64 // of the record to come
}

func (c *Cluster) extent(ctx context.Context, topic string, some ...int) (e extent, err error) {
	err = persistFor(ctx, leaderTime, func() error {
		return c.current(ctx, func() error {
			e, err = c.askOffsets(ctx, topic, some)
			return err
		})
	}, refused)
	return e, err
}

// leaderTime is how long a leader is waited for.
const leaderTime = 3 * time.Second

// offsetsOf is Offsets for some partitions; for all where none is named.
func (c *Cluster) offsetsOf(ctx context.Context, topic string, some ...int) (first, next map[int]int64, err error) {
	e, err := c.extent(ctx, topic, some...)
	return e.first, e.next, err
}

// ledBy gives the partitions of a topic by their leaders: some, or all.
func (c *Cluster) ledBy(ctx context.Context, topic string, some []int) (map[int][]int, error) {
	known, err := c.partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	led := map[int][]int{}
	for _, p := range known {
		if len(some) == 0 || slices.Contains(some, p.ID) {
			led[p.Leader.ID] = append(led[p.Leader.ID], p.ID)
		}
	}
	return led, nil
}

func (c *Cluster) askOffsets(ctx context.Context, topic string, some []int) (e extent, err error) {
	led, err := c.ledBy(ctx, topic, some)
	if err != nil {
		return e, err
	}
	e = extent{first: map[int]int64{}, stable: map[int]int64{}, next: map[int]int64{}}
	for _, ids := range led {
		for _, q := range []question{
			{kafka.FirstOffset, readUncommitted, e.first}, {kafka.LastOffset, readCommitted, e.stable}, {kafka.LastOffset, readUncommitted, e.next},
		} {
			if err := c.askLeader(ctx, topic, ids, q); err != nil {
				return e, err
			}
		}
	}
	return e, nil
}

// question asks for the offsets of partitions at a time, or at one of the times
// that mean the first and the next offset.
type question struct {
	at        int64
	isolation int8
	into      map[int]int64
}

// askLeader asks the leader of partitions for their offsets.
func (c *Cluster) askLeader(ctx context.Context, topic string, partitions []int, q question) error {
	const op = "look up offsets"
	request := &listOffsets{ReplicaID: -1, IsolationLevel: q.isolation, Topics: []listoffsets.RequestTopic{{Topic: topic}}}
	for _, p := range partitions {
		request.Topics[0].Partitions = append(request.Topics[0].Partitions, listoffsets.RequestPartition{
			Partition: int32(p), CurrentLeaderEpoch: -1, Timestamp: q.at, // #nosec G115 -- Kafka's partitions are int32
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
			q.into[int(p.Partition)] = p.Offset
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
