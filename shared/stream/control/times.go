package control

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// bounds are the times between which topics are taken that are named without
// offsets; zero where there is none.
type bounds struct{ since, until time.Time }

// Earliest as since takes all records that are kept.
const Earliest = "earliest"

// ahead is how far the clock of a person may be ahead of ours.
const ahead = 5 * time.Minute

// times reads since and until. What they come to is kept with the datasource.
func (p *parser) times(v *message) {
	p.d.Asked = v.asked
	if v.since == "" && v.until == "" {
		return
	}
	b := bounds{until: p.moment("until", v.until)}
	if v.since != Earliest {
		b.since = p.moment("since", v.since)
	}
	switch {
	case b.since.After(p.now):
		p.fail(pipeline.Invalidf("since", "%s lies in the future", timeText(b.since)))
	case b.until.After(p.now.Add(ahead)):
		p.fail(pipeline.Invalidf("until", "%s lies in the future: a stream ends now at the latest", timeText(b.until)).WithHint("leave until out to take what is there now"))
	case !b.until.IsZero() && !b.since.Before(b.until):
		p.fail(pipeline.Invalidf("since", "%s is not before until, %s", timeText(b.since), timeText(b.until)))
	}
	p.bounds = &b
	p.d.Asked = &pipeline.Asked{}
	if v.topic != nil {
		p.d.Asked.Topic = strings.Trim(*v.topic, " []")
	}
	if !b.since.IsZero() {
		p.d.Asked.Since = &b.since
	}
	if !b.until.IsZero() {
		p.d.Asked.Until = &b.until
	}
}

func (p *parser) moment(field string, text moment) time.Time {
	if text == "" {
		return time.Time{}
	}
	t, err := pipeline.ParseMoment(field, clip([]byte(text)), p.now)
	var refusal *pipeline.Error
	if errors.As(err, &refusal) {
		p.fail(refusal)
	}
	return t.UTC().Truncate(time.Millisecond) // as records have it
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// bounded refuses a topic without offsets where no time bounds it, and offsets
// where times do. before are the entries before it.
func (p *parser) bounded(e entry, before []entry) *pipeline.Error {
	switch {
	case e.timed && p.bounds == nil && p.followed():
		p.bounds = &bounds{} // from the first record that is kept
		p.d.Asked = &pipeline.Asked{Topic: e.topic}
	case e.timed && p.bounds == nil:
		return pipeline.Invalidf("topic", "%q names no partition and offset, as those of Kafka-ML's online sinks, whose streams have no end: a training takes the records that are there", e.topic).
			WithHint(`to train on what the log holds, give since ("earliest", "7d" or a time), and until to end before now, or name topic:partition:offset:length`)
	case !e.timed && p.bounds != nil:
		return pipeline.Invalidf("topic", "%s names its own offsets, so since and until say nothing of it", e.topic).
			WithHint("name the topic alone, or leave since and until out")
	}
	for _, b := range before {
		if e.timed && b.topic == e.topic && (b.partition == e.partition || b.partition == allPartitions || e.partition == allPartitions) {
			return pipeline.Invalidf("topic", "%s is named twice", e.topic)
		}
	}
	return nil
}

// between looks up the ranges of topics that are bounded by times.
func (b *bounds) between(ctx context.Context, c *stream.Cluster, named []pipeline.Range, followed bool) (ranges []pipeline.Range, err error) {
	for _, r := range named {
		var some []int
		if r.Partition != allPartitions {
			some = []int{r.Partition}
		}
		if followed && b.since.IsZero() && b.until.IsZero() {
			all, err := kept(ctx, c, r)
			if err != nil {
				return nil, err
			}
			ranges = append(ranges, all...)
			continue
		}
		found, err := c.Between(ctx, r.Topic, some, b.since, b.until)
		if err != nil {
			return nil, err
		}
		ranges = append(ranges, found...)
	}
	return ranges, nil
}

// kept is what a topic holds, or one partition of it: perhaps nothing yet.
func kept(ctx context.Context, c *stream.Cluster, named pipeline.Range) (ranges []pipeline.Range, err error) {
	first, next, err := c.Readable(ctx, named.Topic)
	if err != nil {
		return nil, err
	}
	for _, p := range slices.Sorted(maps.Keys(first)) {
		if named.Partition == allPartitions || named.Partition == p {
			ranges = append(ranges, pipeline.Range{Topic: named.Topic, Partition: p, Offset: first[p], Length: max(0, next[p]-first[p])})
		}
	}
	if len(ranges) == 0 {
		return nil, pipeline.Invalidf("topic", "topic %s has no partition %d", named.Topic, named.Partition)
	}
	return ranges, nil
}
