package stream

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// freshness is when the library was last made to ask for the cluster's
// metadata.
type freshness struct {
	mu    sync.Mutex
	began time.Time
}

// refresh has the library ask a broker which topics, partitions and leaders
// there are, instead of waiting up to metadataTTL for it. Calls that wait for
// one another share one request.
//
// The library asks after every answer to a request for new topics, so this
// requests none. To ask for a topic by its name would be no way: a broker may
// make it then.
func (c *Cluster) refresh(ctx context.Context) error {
	asked := time.Now()
	c.fresh.mu.Lock()
	defer c.fresh.mu.Unlock()
	if c.fresh.began.After(asked) {
		return nil
	}
	began := time.Now()
	if _, err := c.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{}); err != nil {
		return unavailable("look up topics", err)
	}
	c.fresh.began = began
	return nil
}

// current runs try, and once more after a refresh where it failed for what the
// library does not know yet.
func (c *Cluster) current(ctx context.Context, try func() error) error {
	err := try()
	if !outdated(err) {
		return err
	}
	if err := c.refresh(ctx); err != nil {
		return err
	}
	return try()
}

// outdated reports whether an error may come from metadata that is no longer
// so: a topic, a partition or a leader that is new.
func outdated(err error) bool {
	for _, e := range []error{
		protocol.ErrNoTopic, protocol.ErrNoPartition, protocol.ErrNoLeader,
		kafka.UnknownTopicOrPartition, kafka.NotLeaderForPartition, kafka.LeaderNotAvailable,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
