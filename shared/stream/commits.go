package stream

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
)

// commitEvery is the least time between two commits of a member: what a crash
// makes it handle again, against requests to the broker.
const commitEvery = 100 * time.Millisecond

// commits stores how far a member has got in the partitions of one generation,
// those of all of them in one request.
type commits struct {
	cluster    *Cluster
	generation *kafka.Generation
	config     GroupConfig
	topicIDs   map[string]string // of the topics that the offsets are of
	handlers   sync.WaitGroup    // whose partitions these are
	wake       chan struct{}

	mu   sync.Mutex
	done map[partitionOf]mark // not stored yet
}

// mark is how far the handler of a partition has got.
type mark struct {
	next   int64
	origin Origin
	stored *atomic.Int64 // of its Claim
}

func newCommits(cluster *Cluster, generation *kafka.Generation, config GroupConfig, topicIDs map[string]string) *commits {
	return &commits{
		cluster: cluster, generation: generation, config: config, topicIDs: topicIDs,
		wake: make(chan struct{}, 1), done: map[partitionOf]mark{},
	}
}

// add notes a mark, unless one is known that goes further.
func (c *commits) add(of partitionOf, m mark) {
	c.mu.Lock()
	known := max(m.stored.Load(), c.done[of].next)
	if m.next > known {
		c.done[of] = m
	}
	c.mu.Unlock()
	if m.next > known {
		c.signal()
	}
}

func (c *commits) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run stores from time to time what was added, and once more when the last
// handler has returned. The generation goes on until it has.
func (c *commits) run(ended context.Context) {
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		c.handlers.Wait()
	}()
	for running := true; running; {
		select {
		case <-c.wake:
		case <-idle:
			running = false
		}
		c.store()
		select {
		case <-time.After(commitEvery):
		case <-idle:
		}
	}
	<-ended.Done() // to return before would end the generation
}

// store commits what was added since, each offset with the id of its topic, as it
// means nothing in a topic that is made anew under the same name, and with its
// origin: both or neither, so that they always belong together. The group
// refuses it once the partitions belong to other members, so that a late commit
// cannot move it back.
func (c *commits) store() {
	c.mu.Lock()
	now := c.done
	c.done = map[partitionOf]mark{}
	c.mu.Unlock()
	if len(now) == 0 {
		return
	}
	if err := c.send(now); err != nil {
		c.config.Log.Warn("offsets were not committed; their records may be handled again", "group", c.config.ID, "partitions", len(now), "error", err)
		c.mu.Lock()
		defer c.mu.Unlock()
		for of, m := range now {
			if m.next > c.done[of].next {
				c.done[of] = m
			}
		}
		c.signal()
		return
	}
	for _, m := range now {
		m.stored.Store(m.next)
	}
}

// commitTime bounds one commit.
const commitTime = 10 * time.Second

// send commits marks by one request.
func (c *commits) send(marks map[partitionOf]mark) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTime) // the last ones are sent when all else has ended
	defer cancel()
	request := &kafka.OffsetCommitRequest{
		GroupID: c.generation.GroupID, GenerationID: int(c.generation.ID), MemberID: c.generation.MemberID,
		Topics: map[string][]kafka.OffsetCommit{},
	}
	for of, m := range marks {
		request.Topics[of.topic] = append(request.Topics[of.topic], kafka.OffsetCommit{
			Partition: of.partition, Offset: m.next, Metadata: metadata(c.topicIDs[of.topic], m.origin),
		})
	}
	answer, err := c.cluster.client.OffsetCommit(ctx, request)
	if err != nil {
		return err
	}
	for topic, partitions := range answer.Topics {
		for _, p := range partitions {
			if p.Error != nil {
				return fmt.Errorf("topic %s, partition %d: %w", topic, p.Partition, p.Error)
			}
		}
	}
	return nil
}
