package stream

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/segmentio/kafka-go"
)

// Topics are the names of the topics, in order. Those of the brokers' own, which
// begin with two underscores, are left out.
func (c *Cluster) Topics(ctx context.Context) ([]string, error) {
	if err := c.refresh(ctx); err != nil { // one that was made a moment ago is what a person looks for
		return nil, err
	}
	answer, err := c.client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return nil, unavailable("list topics", err)
	}
	var names []string
	for _, t := range answer.Topics {
		if !t.Internal && !strings.HasPrefix(t.Name, "__") {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Follow gives each record of a partition from an offset on to each, and waits
// for more, until ctx ends or each returns an error, which it returns. It is no
// member of a group and commits nothing. Key, Value and Headers are valid only
// during the call.
func (c *Cluster) Follow(ctx context.Context, topic string, partition int, offset int64, each func(Record) error) error {
	return c.FollowTo(ctx, topic, partition, offset, forever, func(records []Record) error {
		for i := range records {
			if err := each(records[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// FollowTo follows as Follow does, up to the offset end, where it returns nil: also
// where what lies before it is no record, such as a transaction's marker. Some is
// given the records that are there, and may be given ones that lie behind the end.
func (c *Cluster) FollowTo(ctx context.Context, topic string, partition int, offset, end int64, some func([]Record) error) error {
	c.lanes.Add(1)
	defer c.lanes.Add(-1)
	l := c.open(ctx, &lane{topic: topic, partition: partition, offset: offset, stop: end, limits: c.claimLimits})
	defer l.close()
	for {
		records, err := l.Fetch(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errEnded) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := some(records); err != nil {
			return err
		}
	}
}
