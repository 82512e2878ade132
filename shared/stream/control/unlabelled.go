package control

import (
	"context"
	"slices"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

const unlabelledMember = "unsupervised_topic"

// unlabelled reads the ranges of records without labels. What is wrong with them is
// kept beside them: it is no matter of deployments that train by labels alone.
//
// Their fourth places are lengths where unsupervised_msg is their sum, which our own
// messages have. Else they are as in the topic member, and where that can be read both
// ways offsets after the last record, as Kafka-ML's producers write them.
func (p *parser) unlabelled(v *message) {
	if v.unlabelled == nil || *v.unlabelled == "" {
		return
	}
	u := &pipeline.Unlabelled{Topic: *v.unlabelled}
	p.d.Unsupervised = u
	entries, err := parseEntries(unlabelledMember, u.Topic, func(entry, []entry) *pipeline.Error { return nil })
	if err != nil {
		u.Reject(err)
		return
	}
	var lengths int64
	ends := p.ends
	for _, e := range entries {
		if lengths += e.place; lengths >= mostRecords {
			u.Reject(pipeline.Invalidf(unlabelledMember, "the ranges hold more records than a log can"))
			return
		}
		ends = ends && (e.open || e.place >= e.offset)
	}
	ends = ends && (v.unlabelledTotal == "" || lengths != p.integer("unsupervised_msg", v.unlabelledTotal))
	u.Ranges = rangesOf(entries, func(e entry) int64 {
		if ends {
			return e.place - e.offset
		}
		return e.place
	})
}

// lookUp looks the ranges up that go to the end as of now, and whether the log holds
// all of them. Its error may pass.
func lookUp(ctx context.Context, c *stream.Cluster, u *pipeline.Unlabelled) error {
	if u == nil || u.Rejected != nil {
		return nil
	}
	ranges, err := held(ctx, c, u.Ranges)
	if u.Ranges = ranges; err == nil {
		return nil
	}
	if kind := pipeline.KindOf(err); kind == pipeline.Unavailable || kind == pipeline.Internal {
		return err
	}
	u.Reject(err)
	return nil
}

// held gives ranges as they stand in the log; none after an error.
func held(ctx context.Context, c *stream.Cluster, named []pipeline.Range) (ranges []pipeline.Range, err error) {
	known := ends{cluster: c}
	for _, r := range named {
		switch {
		case r.Partition == allPartitions:
			all, err := kept(ctx, c, r)
			if err != nil {
				return nil, err
			}
			ranges = append(ranges, all...)
			continue
		case r.Length == openEnd:
			if r.Length, err = known.length(ctx, r); err != nil {
				return nil, err
			}
		}
		ranges = append(ranges, r)
	}
	ranges = slices.DeleteFunc(ranges, func(r pipeline.Range) bool { return r.Length == 0 })
	if len(ranges) == 0 {
		return nil, pipeline.Invalidf(unlabelledMember, "its ranges hold no record").WithHint("send the records without labels before the control message")
	}
	if err := c.Settle(ctx, ranges); err != nil {
		return nil, err
	}
	if _, err := c.Available(ctx, ranges); err != nil {
		return nil, err
	}
	return ranges, nil
}
