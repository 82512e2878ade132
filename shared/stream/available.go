package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Available reports what the log still holds of a stream. An error names the
// first range at fault, the first offset that is available and about when the
// rest was lost; the Retention is filled in all the same, for a list that shows
// it. A compacted topic is refused: its records vanish from the middle.
//
// Until is the earliest time at which a record may go by age: the oldest first
// record's time plus retention.ms. The broker deletes whole segments, once
// their newest record is that old, so the record may well stay longer.
func (c *Cluster) Available(ctx context.Context, ranges []pipeline.Range) (pipeline.Retention, error) {
	s := survey{cluster: c, topics: map[string]*topicState{}}
	for _, r := range ranges {
		if r.Length == 0 {
			continue
		}
		if err := s.add(ctx, r); err != nil {
			if pipeline.KindOf(err) == pipeline.Unavailable {
				return pipeline.Retention{State: pipeline.RetentionUnset, Reason: pipelineReason(err)}, err
			}
			s.refuse(err)
		}
	}
	return s.sum()
}

// survey gathers what is found of each range.
type survey struct {
	cluster      *Cluster
	topics       map[string]*topicState
	ranges, gone int  // asked of, and with nothing left
	void         int  // of which no record is committed
	partly       bool // something of a range is lost
	until        time.Time
	limited      bool  // a topic is limited by size, too
	fault        error // the first
	aborted      error // of the first range that is void
	hidden       error // the first that the brokers do not let us look up
}

// topicState is what was asked of a topic, once for all ranges of it.
type topicState struct {
	extent
	policy policy
	err    error
}

func (s *survey) topic(ctx context.Context, name string) *topicState {
	t, ok := s.topics[name]
	if !ok {
		t = &topicState{}
		if t.extent, t.err = s.cluster.extent(ctx, name); t.err == nil {
			var unseen error
			t.policy, unseen, t.err = s.cluster.policyIfSeen(ctx, name)
			s.unseen(unseen)
		}
		s.topics[name] = t
	}
	return t
}

func (s *survey) add(ctx context.Context, r pipeline.Range) error {
	s.ranges++
	t := s.topic(ctx, r.Topic)
	if t.err != nil {
		s.gone++
		return t.err
	}
	if t.policy.compact {
		return &pipeline.Error{
			Op: opRead, Kind: pipeline.Invalid, Field: "topic",
			Reason: fmt.Sprintf("topic %s is compacted: records vanish from the middle of the stream", r.Topic),
			Hint:   "send training streams to a topic with cleanup.policy=delete",
		}
	}
	if l := s.cluster.lost(ctx, r, t.first, t.next); l != nil {
		if l.all {
			s.gone++
		}
		s.partly = true
		return l.error()
	}
	if err := t.open(r); err != nil {
		return err
	}
	s.limited = s.limited || t.policy.bytes >= 0
	return s.checkFirst(ctx, r, t.policy)
}

// checkFirst looks at the first record of a range, and keeps the earliest time at
// which a range begins to go. A range may hold no record: what was written there
// was aborted. That is no fault where others do.
func (s *survey) checkFirst(ctx context.Context, r pipeline.Range, p policy) error {
	end := r.Offset + r.Length
	h, err := s.cluster.headAt(ctx, r.Topic, r.Partition, r.Offset, end)
	switch {
	case err != nil:
		if err = unavailable(opRead, fmt.Errorf("%s: %w", r.Topic, err)); s.unseen(err) {
			return nil
		}
		return err
	case h.missing >= end:
		if s.void++; s.aborted == nil {
			s.aborted = noneCommitted(r)
		}
		return nil
	case !h.found:
		return gap(r, h.missing, end)
	case h.offset > h.missing:
		return gap(r, h.missing, h.offset)
	case p.age <= 0:
		return nil
	}
	if t := h.written.Add(p.age); s.until.IsZero() || t.Before(s.until) {
		s.until = t
	}
	return nil
}

// noneCommitted refuses a range that holds no record to read.
func noneCommitted(r pipeline.Range) error {
	return &pipeline.Error{
		Op: opRead, Kind: pipeline.Conflict, Field: "topic",
		Reason: fmt.Sprintf("%s: none of them is committed: their transactions were aborted", rangeText(r)),
		Hint:   "announce the stream after its transaction is committed",
	}
}

// unseen reports whether err says that we may not look, and keeps it. That is no fault
// of the stream: a training that may not read fails with the reason and is tried again
// once it may, where a control message that waited would hold up all that come after it.
func (s *survey) unseen(err error) bool {
	if !isDenied(err) {
		return false
	}
	if s.hidden == nil {
		s.hidden = err
	}
	return true
}

func (s *survey) refuse(err error) {
	if s.fault == nil {
		s.fault = err
	}
}

func (s *survey) sum() (pipeline.Retention, error) {
	r := pipeline.Retention{State: pipeline.Available}
	if s.void > 0 && s.void == s.ranges {
		s.refuse(s.aborted)
	}
	switch {
	case s.gone > 0 && s.gone == s.ranges:
		r.State = pipeline.Expired
	case s.gone > 0 || s.partly:
		r.State = pipeline.PartlyExpired
	case !s.until.IsZero():
		until := s.until.UTC().Truncate(time.Second)
		r.Until = &until
	}
	if s.fault == nil && s.hidden != nil {
		return pipeline.Retention{State: pipeline.RetentionUnset, Reason: pipelineReason(s.hidden)}, nil
	}
	if s.fault != nil {
		r.Reason = pipelineReason(s.fault)
	} else if s.limited {
		r.Reason = "the topic is limited by size as well: newer records may push these out sooner"
	}
	return r, s.fault
}
