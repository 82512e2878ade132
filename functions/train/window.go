package train

import (
	"context"
	"fmt"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// samples is how many rows a stream of so many records makes at most.
func samples(d *features.Decoder, records int64) int64 {
	w := d.Window()
	if w == nil {
		return records
	}
	return records / int64(min(w.Stride, w.Size)) // windows of a key that begin further apart than they are long still take a record each
}

// takeStep takes a record into the windows of its key, and a window that it
// completes into the cache.
func (in *intake) takeStep(ctx context.Context, r stream.Record, report *reporter) error {
	in.note(&r)
	in.record = r
	label, err := in.windows.Read(&in.record)
	if codec.Lacks(err) {
		again := func() (err error) {
			label, err = in.windows.Read(&in.record)
			return err
		}
		if err = in.schemas.Decode(ctx, again, in.patience); err == nil {
			report.stage(pipeline.StageReading)
		}
	}
	inputs, labels := in.windows.Step()
	if err == nil {
		err = in.checks.Inputs(inputs)
	}
	if err != nil {
		return in.bad.take(r, err, in.refuse)
	}
	if label == nil {
		label = in.labelled(ctx, labels, &r)
	}
	if label != nil { // it is a step all the same, as it is one in serving
		if err := in.bad.take(r, label, in.refuse); err != nil {
			return err
		}
		labels = nil
	}
	if err := in.values.add(inputs, labels); err != nil {
		return err
	}
	if in.values.records%recordsTold == 0 {
		report.records(in.values.records)
	}
	return in.sample(label == nil)
}

// labelled completes and checks the label of the record that was read.
func (in *intake) labelled(ctx context.Context, labels [][]byte, r *stream.Record) error {
	if err := in.joined.counted(ctx, in, labels, r); err != nil {
		return err
	}
	return in.checks.Labels(labels, r.Key)
}

// sample writes the window that the record completes, if it does.
func (in *intake) sample(labelled bool) error {
	if !in.windows.Add(&in.record, labelled) {
		return nil
	}
	inputs, labels, err := in.cache.next()
	if err == nil {
		in.windows.Put(inputs, labels)
	}
	return err
}

// windowed is what is kept of how records became windows, nil where each is a
// sample, and what a person should know of it.
func (t *training) windowed() (*pipeline.Windows, []string) {
	if t.windows == nil {
		return nil, nil
	}
	c, w := t.windows.Counts(), t.window
	c.Said = c.Sentence()
	var all []string
	warn := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if t.Job.Split != pipeline.SplitTime && w.Overlaps() && t.test.Len()+t.validation.Len() > 0 {
		warn("windows share records, and the split %s puts such windows into different splits, so that what is measured looks better than it is: split the stream by time, or let windows begin %d records apart (stride)", splitWord[t.Job.Split], w.Size)
	}
	if c.Forgotten > 0 {
		warn("%d keys were forgotten, as %d are kept at once: their windows begin anew where they came back (keys of the window)", c.Forgotten, w.Keys)
	}
	if c.Spread > 0 {
		warn("the records of %d keys lie in several partitions, and were taken in the order in which the stream was read: predictions see one partition at a time, so key the topic by what the windows are by", c.Spread)
	}
	if c.Backwards > 0 {
		warn("%d records have a time before that of the record of their key before them: windows follow the order of the stream, whatever the clocks say", c.Backwards)
	}
	if c.Unused > c.Records/2 {
		warn("%d of %d records are in no window: their keys have too few", c.Unused, c.Records)
	}
	return &c, all
}

var splitWord = map[pipeline.SplitBy]string{pipeline.SplitRandom: "at random", pipeline.SplitLabel: "by label"}

// nothing is why no sample came of the stream.
func (t *training) nothing() error {
	unlabelled := t.joined.nothing()
	if t.windows != nil && (unlabelled == nil || t.joined.audit.Matched+t.joined.audit.Assumed > 0) {
		if err := t.windows.Nothing(); err != nil {
			return err
		}
		return t.bad.nothing()
	}
	if unlabelled != nil && t.cache.records == 0 {
		return unlabelled
	}
	return t.bad.nothing()
}
