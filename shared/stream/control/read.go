package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// Read reads a record of the control topic, looks up the ranges that go to the
// end as of now and those that times bound, and compares all of them with what the log still holds. After
// an error the datasource holds what could be read. An error of kind
// Unavailable may pass; any other says that the message cannot be used.
//
// follows says whether a deployment follows streams: one may then be named that has no
// record yet, or by its topic alone; nil: none does.
func Read(ctx context.Context, c *stream.Cluster, key, value []byte, follows func(deployment int64) bool) (pipeline.Datasource, error) {
	p := parse(key, value, follows)
	d, err := p.resolved(ctx, c)
	if err == nil {
		err = c.Settle(ctx, d.Ranges)
	}
	if err != nil {
		d.Ranges = slices.DeleteFunc(d.Ranges, func(r pipeline.Range) bool { return r.Partition == allPartitions || r.Length == openEnd })
		d.Retention.State, d.Unsupervised = pipeline.RetentionUnset, nil
		return d, err
	}
	if d.Retention.State = pipeline.Available; d.TotalMsg > 0 { // else nothing is there yet that could expire
		if d.Retention, err = c.Available(ctx, d.Ranges); err != nil {
			return d, err
		}
	}
	if err := lookUp(ctx, c, d.Unsupervised); err != nil {
		return d, err
	}
	d.TopicIDs, err = c.TopicIDs(ctx, d.Topics()...)
	return d, err
}

// resolved gives the datasource with what the log tells of its ranges.
func (p *parser) resolved(ctx context.Context, c *stream.Cluster) (d pipeline.Datasource, err error) {
	if p.err != nil {
		err = p.err
	}
	if len(p.readings) > 0 {
		err = choose(ctx, c, p.d, p.readings, err)
	}
	if err == nil {
		err = resolve(ctx, c, p.d, p.bounds, p.followed())
	}
	return *p.d, err
}

// countTime bounds the counting of a stream's records.
const countTime = 30 * time.Second

// choose takes the reading of the ranges under which they hold as many records
// as are announced; refused is the error where none does.
func choose(ctx context.Context, c *stream.Cluster, d *pipeline.Datasource, readings [][]pipeline.Range, refused error) error {
	for _, ranges := range readings {
		n, err := count(ctx, c, ranges, d.TotalMsg)
		switch {
		case pipeline.KindOf(err) == pipeline.Unavailable:
			return err
		case err == nil && n == d.TotalMsg:
			d.Ranges = ranges
			return nil
		case len(readings) > 1:
		case pipeline.KindOf(err) == pipeline.Conflict:
			return err // an open transaction, a gap
		case err == nil && n < d.TotalMsg:
			return pipeline.Invalidf("total_msg", "%d records are announced, but of those in the ranges %d are committed", d.TotalMsg, n).
				WithHint("announce what was committed, or leave total_msg out")
		}
	}
	return refused
}

// count counts the records of ranges, up to one above most.
func count(ctx context.Context, c *stream.Cluster, ranges []pipeline.Range, most int64) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	n, err := c.Count(ctx, ranges, most)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return n, &pipeline.Error{
			Op: opParse, Kind: pipeline.Conflict, Field: "total_msg",
			Reason: fmt.Sprintf("fewer records are announced than the ranges have offsets, and counting them takes longer than %v", countTime),
			Hint:   "announce the number of offsets, with those of transactions' markers, in total_msg",
		}
	}
	return n, err
}

// resolve looks up the ranges that go to the end as of now or that times bound,
// leaves out those that are empty, and then compares total_msg with their sum.
func resolve(ctx context.Context, c *stream.Cluster, d *pipeline.Datasource, times *bounds, followed bool) error {
	var ranges []pipeline.Range
	var sum int64
	open := times != nil
	d.Open = !slices.ContainsFunc(d.Ranges, func(r pipeline.Range) bool { return r.Length != openEnd }) && (times == nil || times.until.IsZero())
	if times != nil {
		var err error
		if d.Ranges, err = times.between(ctx, c, d.Ranges, followed); err != nil {
			return err
		}
	}
	known := ends{cluster: c}
	for _, r := range d.Ranges {
		if r.Length == openEnd {
			open = true
			var err error
			if r.Length, err = known.length(ctx, r); err != nil {
				return err
			}
		}
		if sum += r.Length; r.Length > 0 || followed && d.Open {
			ranges = append(ranges, r)
		}
	}
	if !open {
		return nil
	}
	if followed && d.Open {
		d.Ranges, d.TotalMsg = ranges, sum
		return nil
	}
	if sum == 0 {
		return pipeline.Invalidf("topic", "the ranges hold no record as of now: their partitions end where they begin").
			WithHint("send the records before the control message")
	}
	d.Ranges = ranges
	announced := d.TotalMsg
	d.TotalMsg = sum
	if announced == 0 || announced == sum {
		return nil
	}
	d.TotalMsg = announced
	refused := &pipeline.Error{
		Op: opParse, Kind: pipeline.Invalid, Field: "total_msg",
		Reason: fmt.Sprintf("%d records are announced, but the ranges hold %d as of now", announced, sum),
		Hint:   "leave total_msg out, or name the ranges in four parts",
	}
	if announced > sum {
		return refused
	}
	return choose(ctx, c, d, [][]pipeline.Range{ranges}, refused)
}

// ends are those of topics as of now, each asked for once.
type ends struct {
	cluster *stream.Cluster
	topics  map[string]map[int]int64
}

// length is that of a range that goes to the end as of now: as far as a transaction
// that is open.
func (e *ends) length(ctx context.Context, r pipeline.Range) (int64, error) {
	next, known := e.topics[r.Topic]
	if !known {
		var err error
		if _, next, err = e.cluster.Readable(ctx, r.Topic); err != nil {
			return 0, err
		}
		if e.topics == nil {
			e.topics = map[string]map[int]int64{}
		}
		e.topics[r.Topic] = next
	}
	end, ok := next[r.Partition]
	switch {
	case !ok:
		return 0, pipeline.Invalidf("topic", "topic %s has no partition %d: they are 0 to %d", r.Topic, r.Partition, len(next)-1)
	case end < r.Offset:
		return 0, pipeline.Invalidf("topic", "topic %s, partition %d ends at offset %d: there is nothing from offset %d on", r.Topic, r.Partition, end, r.Offset).
			WithHint("name the offset of the first record that was sent")
	}
	return end - r.Offset, nil
}
