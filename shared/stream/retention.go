package stream

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// loss is a part of a range that the log does not hold.
type loss struct {
	pipeline.Range
	first, next int64     // what the partition holds
	known       bool      // the partition exists
	all         bool      // nothing of the range is left
	by          time.Time // about when it was lost at the latest; zero where that cannot be told
}

// lost compares a range with the offsets of its partition. It is nil where the
// log holds all of it.
func (c *Cluster) lost(ctx context.Context, r pipeline.Range, first, next map[int]int64) *loss {
	end := r.Offset + r.Length
	l := &loss{Range: r, first: first[r.Partition], next: next[r.Partition]}
	_, l.known = first[r.Partition]
	switch {
	case l.known && l.first <= r.Offset && end <= l.next:
		return nil
	case !l.known:
		l.all = true
		return l
	}
	l.all = l.first >= end || l.next <= r.Offset || l.first >= l.next
	if l.first > r.Offset {
		l.by = c.lostBy(ctx, l)
	}
	return l
}

// lostBy is about when the records before the first that is left had expired: a
// record goes retention.ms after its time, and those were older than the one
// that is left. Deleted by size or by hand they may have gone earlier.
func (c *Cluster) lostBy(ctx context.Context, l *loss) time.Time {
	policy, err := c.retention(ctx, l.Topic)
	if err != nil || policy.age <= 0 || l.first >= l.next {
		return time.Time{}
	}
	oldest, err := c.headAt(ctx, l.Topic, l.Partition, l.first, l.next)
	if err != nil || !oldest.found {
		return time.Time{}
	}
	by, now := oldest.written.Add(policy.age), time.Now()
	if by.After(now) {
		by = now
	}
	return by
}

// error says what is gone.
func (l *loss) error() *pipeline.Error {
	e := &pipeline.Error{Op: opRead, Kind: pipeline.Conflict, Field: "topic"}
	switch when := l.when(); {
	case !l.known:
		e.Reason = fmt.Sprintf("topic %s has no partition %d", l.Topic, l.Partition)
		e.Hint = "name a partition that the topic has, or send the stream again where the topic was made anew"
	case l.first > l.Offset && l.all:
		e.Reason = fmt.Sprintf("%s: all have expired%s; the first available offset is %d", rangeText(l.Range), when, l.first)
	case l.first > l.Offset:
		e.Reason = fmt.Sprintf("%s: those before offset %d have expired%s; the first available offset is %d", rangeText(l.Range), l.first, when, l.first)
	case l.next == 0:
		e.Reason = rangeText(l.Range) + ": the partition is empty, and nothing was ever written to it"
		e.Hint = "the topic was made anew, or the control message counts records that were never sent: send the stream again"
	default:
		e.Reason = fmt.Sprintf("%s: the log ends before offset %d (the first available offset is %d)", rangeText(l.Range), l.next, l.first)
		e.Hint = "the control message counts records that were never sent, or the topic was made anew: send the stream again"
	}
	if e.Hint == "" {
		e.Hint = "send the stream again; raise retention.ms and retention.bytes of the topic to keep it longer"
	}
	return e
}

func (l *loss) when() string {
	if l.by.IsZero() {
		return ""
	}
	return " (before about " + l.by.UTC().Format(time.RFC3339) + ")"
}

// policy is what a topic's configuration says of how long records stay.
type policy struct {
	age     time.Duration // retention.ms; not above 0 for ever
	bytes   int64         // retention.bytes of a partition; below 0 for no limit
	compact bool
}

const opRetention = "look up retention"

// retention reads a topic's configuration.
func (c *Cluster) retention(ctx context.Context, topic string) (policy, error) {
	answer, err := c.client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
		ConfigNames: []string{"retention.ms", "retention.bytes", "cleanup.policy"},
	}}})
	if err != nil {
		return policy{}, unavailable(opRetention, err)
	}
	p := policy{bytes: -1}
	for _, r := range answer.Resources {
		if r.Error != nil {
			return p, unavailable(opRetention, fmt.Errorf("%s: %w", topic, r.Error))
		}
		for _, e := range r.ConfigEntries {
			if err := p.set(e.ConfigName, e.ConfigValue); err != nil {
				return p, unavailable(opRetention, err)
			}
		}
	}
	return p, nil
}

// policyIfSeen is retention for who can do without: unseen says that the brokers do not
// let us look, where the policy is one without limits.
func (c *Cluster) policyIfSeen(ctx context.Context, topic string) (p policy, unseen, err error) {
	p, err = c.retention(ctx, topic)
	if isDenied(err) {
		return policy{bytes: -1}, err, nil
	}
	return p, nil, err
}

// Compacted reports whether compaction takes records from the middle of a topic.
func (c *Cluster) Compacted(ctx context.Context, topic string) (bool, error) {
	p, err := c.retention(ctx, topic)
	return p.compact, err
}

func (p *policy) set(name, value string) error {
	if name == "cleanup.policy" {
		p.compact = strings.Contains(value, "compact")
		return nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	switch name {
	case "retention.ms":
		p.age = time.Duration(min(n, forever/int64(time.Millisecond))) * time.Millisecond
	case "retention.bytes":
		p.bytes = n
	}
	return nil
}

// head is what lies at an offset.
type head struct {
	found   bool      // a record, there or after it
	offset  int64     // of that record
	written time.Time // its time
	missing int64     // the first offset from there on that is neither a record nor known to be none
}

// headAt looks for the first record from an offset on, as far as end.
func (c *Cluster) headAt(ctx context.Context, topic string, partition int, offset, end int64) (h head, err error) {
	const least = 64 << 10 // one whole batch comes anyway
	l := &lane{cluster: c, topic: topic, partition: partition, offset: offset}
	for from := offset; from < end; from = l.offset {
		var a answer
		if err := l.fetch(ctx, &a, room{most: least, hold: 2 * least, even: least}); err != nil {
			return h, err
		}
		var d decoder
		d.begin(&a)
		records, err := d.decode(recordSize)
		if err != nil {
			return h, err
		}
		for _, s := range a.skips {
			l.skips = appendSpan(l.skips, s)
		}
		if h.found = len(records) > 0; h.found {
			h.offset, h.written = records[0].Offset, records[0].Time
			break
		}
		if l.offset == from {
			break
		}
	}
	h.missing = l.past(offset)
	return h, nil
}
