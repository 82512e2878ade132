package stream

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Between gives the records of a topic from a time on until before another as
// ranges of offsets, of some partitions or of all, in their order; partitions
// without any are left out. A zero time is no bound: the first record that is
// kept, or the end as of now, which is no later than the first transaction that
// is open.
//
// The offsets are those that Kafka's index of times gives: a range begins at the
// first record of since or later and ends before the first of until or later.
// Where the clock of a partition's records runs backwards, a record goes with
// its neighbours.
//
// It is an error where the topic has no such record, and where records from
// since on are no longer kept.
func (c *Cluster) Between(ctx context.Context, topic string, some []int, since, until time.Time) ([]pipeline.Range, error) {
	e, err := c.extent(ctx, topic, some...)
	if err != nil {
		return nil, err
	}
	for _, p := range some {
		if _, ok := e.first[p]; !ok {
			return nil, pipeline.Invalidf("topic", "topic %s has no partition %d", topic, p).WithHint("name one that it has, or the topic alone for all of them")
		}
	}
	from, to := e.first, e.stable
	if !since.IsZero() {
		if from, err = c.offsetsAt(ctx, topic, some, since); err != nil {
			return nil, err
		}
		if err := c.keptSince(ctx, topic, e, since); err != nil {
			return nil, err
		}
	}
	if !until.IsZero() {
		if to, err = c.offsetsAt(ctx, topic, some, until); err != nil {
			return nil, err
		}
	}
	var ranges []pipeline.Range
	for _, p := range slices.Sorted(maps.Keys(e.first)) {
		first, end := within(from[p], e.stable[p]), within(to[p], e.stable[p])
		if first = max(first, e.first[p]); first < end {
			ranges = append(ranges, pipeline.Range{Topic: topic, Partition: p, Offset: first, Length: end - first})
		}
	}
	if len(ranges) == 0 {
		return nil, c.noneBetween(ctx, topic, e, since, until)
	}
	return ranges, nil
}

// within is an offset that was found by time; at the end where none was found.
func within(offset, end int64) int64 {
	if offset < 0 {
		return end
	}
	return min(offset, end)
}

// offsetsAt gives the offset of each partition's first record of a time or
// later; below 0 where there is none.
func (c *Cluster) offsetsAt(ctx context.Context, topic string, some []int, at time.Time) (map[int]int64, error) {
	found := map[int]int64{}
	err := persistFor(ctx, leaderTime, func() error {
		return c.current(ctx, func() error {
			led, err := c.ledBy(ctx, topic, some)
			for _, ids := range led {
				if err == nil {
					err = c.askLeader(ctx, topic, ids, question{max(0, at.UnixMilli()), readUncommitted, found})
				}
			}
			return err
		})
	}, refused)
	return found, err
}

// keptSince refuses a time from which on records are no longer kept. What
// retention by age took was older than the age; of what went by size, or by
// hand, the first record that is left tells.
func (c *Cluster) keptSince(ctx context.Context, topic string, e extent, since time.Time) error {
	policy, _, err := c.policyIfSeen(ctx, topic)
	if err != nil {
		return err
	}
	if policy.bytes < 0 && policy.age > 0 && !since.Before(time.Now().Add(-policy.age)) {
		return nil
	}
	var kept time.Time
	for p, first := range e.first {
		if first == 0 || first >= e.next[p] {
			continue
		}
		h, err := c.headAt(ctx, topic, p, first, e.next[p])
		if err != nil {
			return unavailable("look up offsets", err)
		}
		if h.found && h.written.After(kept) {
			kept = h.written
		}
	}
	if !kept.After(since) {
		return nil
	}
	return &pipeline.Error{
		Op: "look up a time", Kind: pipeline.Conflict, Field: "since",
		Reason: fmt.Sprintf("topic %s no longer holds all records from %s on: older ones have expired; each partition is kept from %s on", topic, timeText(since), timeText(kept)),
		Hint:   "give since as " + timeText(kept) + ", or leave it out to take all that is left",
	}
}

// noneBetween says what a topic holds where it holds nothing between two times.
func (c *Cluster) noneBetween(ctx context.Context, topic string, e extent, since, until time.Time) error {
	refusal := &pipeline.Error{Op: "look up a time", Kind: pipeline.Invalid, Field: "topic", Reason: "topic " + topic + " holds no record"}
	var oldest, newest time.Time
	var records int64
	for p, first := range e.first {
		if first >= e.stable[p] {
			continue
		}
		records += e.stable[p] - first
		for _, from := range []int64{first, e.stable[p] - 1} {
			h, err := c.headAt(ctx, topic, p, from, e.stable[p])
			if err != nil {
				return unavailable("look up offsets", err)
			}
			if !h.found {
				continue
			}
			if oldest.IsZero() || h.written.Before(oldest) {
				oldest = h.written
			}
			if h.written.After(newest) {
				newest = h.written
			}
		}
	}
	if records == 0 {
		refusal.Hint = "send the records first"
		if open := e.openFrom(); open != "" {
			refusal.Reason, refusal.Hint = refusal.Reason+" that is committed: "+open, "commit the transaction first"
		}
		return refusal
	}
	refusal.Field = "since"
	if since.IsZero() {
		refusal.Field = "until"
	}
	refusal.Reason += betweenText(since, until) + fmt.Sprintf(": its %d records are from %s to %s", records, timeText(oldest), timeText(newest))
	refusal.Hint = "give a time within these"
	return refusal
}

// openFrom names a transaction that is open; empty where none is.
func (e extent) openFrom() string {
	for _, p := range slices.Sorted(maps.Keys(e.stable)) {
		if e.stable[p] < e.next[p] {
			return fmt.Sprintf("in partition %d a transaction is open from offset %d on", p, e.stable[p])
		}
	}
	return ""
}

func betweenText(since, until time.Time) (text string) {
	if !since.IsZero() {
		text = " from " + timeText(since) + " on"
	}
	if !until.IsZero() {
		text += " until " + timeText(until)
	}
	return text
}

// timeText is a time to the millisecond, as records have it, that reads back.
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z07:00") }
