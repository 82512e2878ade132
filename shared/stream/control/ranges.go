package control

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// openEnd is the Length of a range that goes to the end as of now, and
// allPartitions the Partition of a topic that is bounded by times.
const (
	openEnd       = -1
	allPartitions = -1
)

// mostRecords is above every offset of a log, and small enough to add up.
const mostRecords = int64(1) << 62

// mostRanges bounds the ranges of a message: each of them is looked at in the log,
// again whenever the stream is shown, and read by itself.
const mostRanges = 5_000

// entry is one part of the topic member: the fourth place is a length or, from
// the original's producers, the offset after the last record.
type entry struct {
	topic         string
	partition     int
	offset, place int64
	open          bool // three parts
	timed         bool // one part, or two: no offset
}

// ranges reads the topic member and decides what the fourth places mean.
func (p *parser) ranges(v *message) {
	if v.topic == nil {
		p.fail(pipeline.Invalidf("topic", "is missing").WithHint("name the ranges as topic:partition:offset:length"))
		return
	}
	entries, err := parseEntries("topic", *v.topic, p.bounded)
	if err != nil {
		p.fail(err)
		return
	}
	p.decide(entries, slices.ContainsFunc(entries, func(e entry) bool { return e.open }), v.total != "")
}

// parseEntries reads the parts of a member that names ranges; may refuses one by
// those before it.
func parseEntries(field, member string, may func(entry, []entry) *pipeline.Error) (entries []entry, err *pipeline.Error) {
	for part := range strings.SplitSeq(member, ",") {
		part = strings.Trim(part, " \t\r\n[]")
		if part == "" {
			continue
		}
		if len(entries) == mostRanges {
			return nil, pipeline.Invalidf(field, "names more than %d ranges", mostRanges).
				WithHint("join the ranges that follow each other in a partition, name the topic alone with since, or send the stream in several messages")
		}
		e, err := parseEntry(field, part)
		if err == nil {
			err = may(e, entries)
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, pipeline.Invalidf(field, "names no range").WithHint("name the ranges as topic:partition:offset:length")
	}
	return entries, nil
}

func parseEntry(field, text string) (entry, *pipeline.Error) {
	bad := func(why string) *pipeline.Error {
		return pipeline.Invalidf(field, "%q %s", clip([]byte(text)), why).WithHint("write topic:partition:offset:length")
	}
	parts := strings.Split(text, ":")
	if len(parts) > 4 {
		return entry{}, bad("has " + strconv.Itoa(len(parts)) + " parts")
	}
	e := entry{topic: parts[0], partition: allPartitions, open: len(parts) < 4, timed: len(parts) < 3}
	if err := pipeline.ValidateTopic(field, e.topic); err != nil {
		return e, bad("does not begin with the name of a topic")
	}
	if len(parts) == 1 {
		return e, nil
	}
	partition, err := strconv.ParseInt(parts[1], 10, 32)
	if err != nil || partition < 0 {
		return e, bad("names no partition")
	}
	e.partition = int(partition)
	if e.timed {
		return e, nil
	}
	if e.offset, err = strconv.ParseInt(parts[2], 10, 64); err != nil || e.offset < 0 || e.offset >= mostRecords {
		return e, bad("names no offset")
	}
	if !e.open {
		if e.place, err = strconv.ParseInt(parts[3], 10, 64); err != nil || e.place < 0 || e.place >= mostRecords {
			return e, bad("names no length")
		}
	}
	return e, nil
}

// decide finds out by total_msg whether the fourth places are lengths or ends.
// They are lengths where nothing says otherwise: no total, or a range to the
// end as of now, whose length is not known yet.
func (p *parser) decide(entries []entry, open, counted bool) {
	var lengths, ends int64
	endsFit, overflow := true, false
	for _, e := range entries {
		lengths += e.place
		ends += e.place - e.offset
		endsFit = endsFit && e.place >= e.offset
		overflow = overflow || lengths >= mostRecords || ends >= mostRecords
	}
	if overflow {
		p.fail(pipeline.Invalidf("topic", "the ranges hold more records than a log can"))
		return
	}
	total := p.d.TotalMsg
	p.ends = endsFit && (ends == total && counted || lengths == ends)
	switch {
	case open || !counted || lengths == total:
		p.set(entries, func(e entry) int64 { return e.place })
	case endsFit && ends == total:
		p.set(entries, func(e entry) int64 { return e.place - e.offset })
	default:
		p.leave(entries, total < lengths, endsFit && total < ends)
		p.fail(pipeline.Invalidf("total_msg", "%d records are announced, but the ranges hold %d (fourth place as length) or %d (as end offset)", total, lengths, ends).
			WithHint("the lengths of the ranges must add up to total_msg"))
		return
	}
	if !open {
		p.count(counted)
	}
}

// leave keeps the readings of the fourth places under which the ranges have more
// offsets than records are announced. Some may be a transaction's marker, or
// records that were aborted: only the log tells.
func (p *parser) leave(entries []entry, asLengths, asEnds bool) {
	if p.err != nil {
		return // it is refused anyway
	}
	if asLengths {
		p.readings = append(p.readings, rangesOf(entries, func(e entry) int64 { return e.place }))
	}
	ends := rangesOf(entries, func(e entry) int64 { return e.place - e.offset })
	if asEnds && (len(p.readings) == 0 || !slices.Equal(p.readings[0], ends)) {
		p.readings = append(p.readings, ends)
	}
}

// set stores the ranges.
func (p *parser) set(entries []entry, length func(entry) int64) {
	p.d.Ranges = rangesOf(entries, length)
}

// rangesOf leaves out empty ranges: the original's producers name every
// partition of the topic.
func rangesOf(entries []entry, length func(entry) int64) (ranges []pipeline.Range) {
	for _, e := range entries {
		r := pipeline.Range{Topic: e.topic, Partition: e.partition, Offset: e.offset, Length: openEnd}
		if !e.open {
			r.Length = length(e)
		}
		if r.Length != 0 {
			ranges = append(ranges, r)
		}
	}
	return ranges
}

func (p *parser) count(counted bool) {
	n := pipeline.Records(p.d.Ranges)
	if !counted {
		p.d.TotalMsg = n
	}
	if n == 0 {
		p.fail(pipeline.Invalidf("topic", "the ranges hold no record").WithHint("send the records before the control message"))
	}
}
