package train

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

const (
	skippedListed = 100 // records at fault that are kept with their reasons
	reasonShown   = 500 // characters of one
)

// skips are the records of a stream that are not trained on: left out by where,
// or at fault.
type skips struct {
	tolerance features.Tolerance
	most      int64
	leftOut   int64
	bad       pipeline.Skipped
}

func newSkips(t features.Tolerance, records int64) *skips {
	return &skips{tolerance: t, most: t.Most(records)}
}

// take notes a record that was not decoded. An error is that the training cannot
// go on without it: refuse says why in the words for one record.
func (s *skips) take(r stream.Record, err error, refuse func(stream.Record, error) error) error {
	if errors.Is(err, features.ErrLeftOut) {
		s.leftOut++
		return nil
	}
	if errors.Is(err, features.ErrUnlabelled) { // the join counts it
		return nil
	}
	refusal := refuse(r, err)
	if !s.tolerance.Skips() || pipeline.KindOf(refusal) != pipeline.Invalid {
		return refusal
	}
	s.bad.Records++
	if len(s.bad.First) < skippedListed {
		reason := err.Error()
		if len(reason) > reasonShown {
			reason = strings.ToValidUTF8(reason[:reasonShown], "") + "..."
		}
		s.bad.First = append(s.bad.First, pipeline.BadRecord{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Reason: reason})
	}
	if s.bad.Records > s.most {
		return s.passed(refusal)
	}
	return nil
}

// passed is that more records are at fault than may be skipped.
func (s *skips) passed(last error) error {
	const told = 3
	var first []string
	for _, b := range s.bad.First[:min(told, len(s.bad.First))] {
		first = append(first, fmt.Sprintf("%s[%d]@%d: %s", b.Topic, b.Partition, b.Offset, b.Reason))
	}
	refusal := &pipeline.Error{
		Op: "decode", Kind: pipeline.Invalid, Field: "input_config.on_bad",
		Reason: fmt.Sprintf("more than %d records are at fault, which is as many as may be skipped; the first: %s", s.most, strings.Join(first, "; ")),
		Hint:   `mend the mapping or the records, or let more pass: "on_bad": {"skip": n}`,
	}
	var known *pipeline.Error
	if errors.As(last, &known) && known.Hint != "" {
		refusal.Hint = known.Hint + "; or let more pass: \"on_bad\": {\"skip\": n}"
	}
	return refusal
}

// audit is what is kept of the records at fault, nil where none is.
func (s *skips) audit() *pipeline.Skipped {
	if s.bad.Records == 0 {
		return nil
	}
	return &pipeline.Skipped{Records: s.bad.Records, First: slices.Clone(s.bad.First)}
}

// nothing is that no record is left to train on.
func (s *skips) nothing() error {
	if s.leftOut+s.bad.Records > 0 {
		return pipeline.Invalidf("topic", "no record is left to train on: where leaves %d out, and %d are at fault", s.leftOut, s.bad.Records).
			WithHint("look at the first records of the datasource, and mend the input_config")
	}
	return pipeline.Invalidf("topic", "the stream holds no record to train on").WithHint("send records, then announce where they lie")
}
