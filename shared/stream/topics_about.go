package stream

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// About is what a person wants to know of a topic before reading it.
type About struct {
	Name       string
	Partitions int
	First      map[int]int64 // offset of each partition's first record
	Next       map[int]int64 // and of the one to come; where a transaction is open, of its first
	Retention  time.Duration // not above 0 for ever
	Bytes      int64         // that a partition may have; below 0 without a limit
	Compacted  bool
	Unseen     bool // the brokers do not let us look how long records stay
}

// Offsets is how many offsets the topic holds: its records, and what
// transactions and compaction leave between them.
func (a About) Offsets() (n int64) {
	for p, next := range a.Next {
		n += max(0, next-a.First[p])
	}
	return n
}

// About looks a topic up.
func (c *Cluster) About(ctx context.Context, topic string) (a About, err error) {
	a.Name = topic
	if a.First, a.Next, err = c.Readable(ctx, topic); err != nil {
		return a, err
	}
	a.Partitions = len(a.Next)
	p, unseen, err := c.policyIfSeen(ctx, topic)
	a.Unseen = unseen != nil
	a.Retention, a.Bytes, a.Compacted = p.age, p.bytes, p.compact
	return a, err
}

// AboutAll looks topics up. One that cannot be, such as one without a leader just
// now or one deleted since, has no Partitions.
func (c *Cluster) AboutAll(ctx context.Context, topics []string) ([]About, error) {
	const atOnce = 8
	all := make([]About, len(topics))
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(atOnce)
	for i, topic := range topics {
		asking.Go(func() error {
			a, err := c.About(ctx, topic)
			if err != nil {
				a = About{Name: topic}
			}
			all[i] = a
			return ctx.Err()
		})
	}
	return all, asking.Wait()
}
