package stream

import (
	"context"
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
	generation *kafka.Generation
	config     GroupConfig
	handlers   sync.WaitGroup // whose partitions these are
	wake       chan struct{}

	mu   sync.Mutex
	done map[partitionOf]mark // not stored yet
}

// mark is how far the handler of a partition has got.
type mark struct {
	next   int64
	stored *atomic.Int64 // of its Claim
}

func newCommits(generation *kafka.Generation, config GroupConfig) *commits {
	return &commits{generation: generation, config: config, wake: make(chan struct{}, 1), done: map[partitionOf]mark{}}
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

// store commits what was added since. The group refuses it once the partitions
// belong to other members, so that a late commit cannot move it back.
func (c *commits) store() {
	c.mu.Lock()
	now := c.done
	c.done = map[partitionOf]mark{}
	c.mu.Unlock()
	offsets := map[string]map[int]int64{}
	for of, m := range now {
		if offsets[of.topic] == nil {
			offsets[of.topic] = map[int]int64{}
		}
		offsets[of.topic][of.partition] = m.next
	}
	if err := c.generation.CommitOffsets(offsets); err != nil {
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
