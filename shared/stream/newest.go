package stream

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Ends gives where the partitions of ranges can be read to now: each as an empty
// range at its end.
func (c *Cluster) Ends(ctx context.Context, ranges []pipeline.Range) ([]pipeline.Range, error) {
	var ends []pipeline.Range
	err := c.eachTopic(ctx, ranges, func(topic string, partitions []int, e extent) error {
		for _, p := range partitions {
			end, ok := e.stable[p]
			if !ok {
				return pipeline.Invalidf("topic", "topic %s has no partition %d any more", topic, p).WithHint("send the stream again")
			}
			ends = append(ends, pipeline.Range{Topic: topic, Partition: p, Offset: end})
		}
		return nil
	})
	return ends, err
}

// Newest gives the last n records before ends, as Ends gives them, of all partitions
// together, by the times of Kafka's index. Where retention has taken some of them, it
// is a Conflict; a log that never held so many gives all.
func (c *Cluster) Newest(ctx context.Context, ends []pipeline.Range, n int64) ([]pipeline.Range, error) {
	first, err := c.firsts(ctx, ends)
	if err != nil {
		return nil, err
	}
	if kept := between(first, ends); kept <= n {
		if kept < n && slices.ContainsFunc(first, func(offset int64) bool { return offset > 0 }) {
			return nil, &pipeline.Error{
				Kind: pipeline.Conflict, Field: "window", Reason: fmt.Sprintf("the log no longer holds the last %d records: %d are left, older ones have expired", n, kept),
				Hint: "make the window smaller, or the retention of the topic longer",
			}
		}
		return rangesOf(first, ends), nil
	}
	var fault error
	from := func(ms int) []int64 {
		starts, err := c.startsAt(ctx, ends, first, time.UnixMilli(int64(ms)))
		if err != nil {
			fault = err
		}
		return starts
	}
	const latest = 1 << 46 // milliseconds: after any time of a record
	at := sort.Search(latest, func(ms int) bool { return fault != nil || between(from(ms), ends) <= n })
	starts := from(at)
	before := first
	if at > 0 {
		before = from(at - 1)
	}
	if fault != nil {
		return nil, fault
	}
	rest := n - between(starts, ends) // of those of one millisecond
	for i := range starts {
		more := min(rest, starts[i]-before[i])
		starts[i] -= more
		rest -= more
	}
	return rangesOf(starts, ends), nil
}

// NewestSince gives the records before ends, as Ends gives them, of a time or later.
// Where retention has taken some of them, it is a Conflict.
func (c *Cluster) NewestSince(ctx context.Context, ends []pipeline.Range, since time.Time) ([]pipeline.Range, error) {
	first, err := c.firsts(ctx, ends)
	if err != nil {
		return nil, err
	}
	err = c.eachTopic(ctx, ends, func(topic string, _ []int, e extent) error { return c.keptSince(ctx, topic, e, since) })
	if err != nil {
		return nil, err
	}
	starts, err := c.startsAt(ctx, ends, first, since)
	return rangesOf(starts, ends), err
}

// eachTopic looks up the extent of each topic of ranges, in their order by name.
func (c *Cluster) eachTopic(ctx context.Context, ranges []pipeline.Range, each func(topic string, partitions []int, e extent) error) error {
	topics := map[string][]int{}
	for _, r := range ranges {
		topics[r.Topic] = append(topics[r.Topic], r.Partition)
	}
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		slices.Sort(topics[topic])
		partitions := slices.Compact(topics[topic])
		e, err := c.extent(ctx, topic, partitions...)
		if err == nil {
			err = each(topic, partitions, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// firsts gives the first offset that is kept of each partition of ends.
func (c *Cluster) firsts(ctx context.Context, ends []pipeline.Range) (first []int64, err error) {
	err = c.eachTopic(ctx, ends, func(_ string, partitions []int, e extent) error {
		for _, p := range partitions {
			first = append(first, e.first[p])
		}
		return nil
	})
	return first, err
}

// startsAt gives the offset of the first record of a time or later, of each partition
// of ends; its end where there is none.
func (c *Cluster) startsAt(ctx context.Context, ends []pipeline.Range, first []int64, at time.Time) ([]int64, error) {
	starts := make([]int64, len(ends))
	found := map[string]map[int]int64{}
	for i, end := range ends {
		if found[end.Topic] == nil {
			var some []int
			for _, other := range ends {
				if other.Topic == end.Topic {
					some = append(some, other.Partition)
				}
			}
			var err error
			if found[end.Topic], err = c.offsetsAt(ctx, end.Topic, some, at); err != nil {
				return starts, err
			}
		}
		starts[i] = min(end.Offset, max(first[i], within(found[end.Topic][end.Partition], end.Offset)))
	}
	return starts, nil
}

// between is how many records lie between starts and ends.
func between(starts []int64, ends []pipeline.Range) (n int64) {
	for i, end := range ends {
		n += max(0, end.Offset-starts[i])
	}
	return n
}

// rangesOf are the records between starts and ends, without partitions that have none.
func rangesOf(starts []int64, ends []pipeline.Range) (ranges []pipeline.Range) {
	for i, end := range ends {
		if n := end.Offset - starts[i]; n > 0 {
			ranges = append(ranges, pipeline.Range{Topic: end.Topic, Partition: end.Partition, Offset: starts[i], Length: n})
		}
	}
	return ranges
}
