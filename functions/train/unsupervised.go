package train

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// unlabelled are the records that a training labels itself. In the cache lie behind
// the splits for test and validation those that train, then those that have no label
// yet; with each round some of these move to the others.
type unlabelled struct {
	pipeline.Unsupervised
	audit  pipeline.PseudoLabels
	picks  [][]int16 // of each round, the class of each record that had none; unsure: it stays
	labels [][]byte  // of the stream, by class
	over   bool
}

// unsure is the class of a record that gets no label.
const unsure = -1

// readUnlabelled puts the records without labels into the cache, behind those that
// train. They are decoded as in serving, their keys ignored.
func (t *training) readUnlabelled(ctx context.Context, d *features.Decoder) (err error) {
	of := t.Job.Unlabelled
	if of == nil {
		return nil
	}
	own, err := features.New(t.Job.InputFormat, features.ForServing(t.Job.InputConfig), codec.Binding{Inputs: t.Job.Export.Inputs, Registry: t.schemas != nil})
	if err != nil {
		return err
	}
	own.Expect(t.outcome.Split.Lengths)
	u := &unlabelled{Unsupervised: *of, audit: pipeline.PseudoLabels{Confidence: of.Confidence, Rounds: []pipeline.PseudoRound{}}}
	if u.labels, err = labelsOf(t.cache.fields[t.cache.inputs], t.Job.Export.Classes); err != nil {
		return err
	}
	if err := t.trainLast(ctx); err != nil {
		return op("order the stream", err)
	}
	cluster, err := t.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	before, total := t.cache.records, pipeline.Records(of.Ranges)
	if err := t.cache.reopen(total); err != nil {
		return err
	}
	bad := newSkips(d.Tolerance(), total)
	in := &intake{decoder: own, unlabelled: true, bad: bad, schemas: t.schemas, patience: t.patience(ctx), export: t.Job.Export, checks: features.NewChecks(t.Job.Export, d), cache: t.cache, hash: t.hash}
	err = cluster.ReadAll(ctx, of.Ranges, t.Job.Order, func(r stream.Record) error {
		in.note(&r)
		_, _, err := in.decode(ctx, r, t.report)
		return err
	})
	if err == nil { // one that was made anew while it was read
		err = cluster.SameTopics(ctx, t.Job.TopicIDs)
	}
	if err != nil {
		return op("read the records without labels", err)
	}
	u.audit.Records = t.cache.records - before
	u.audit.Left, u.audit.LeftOut, u.audit.Skipped = u.audit.Records, bad.leftOut, bad.audit()
	if u.audit.Records == 0 {
		return pipeline.Invalidf("unsupervised_topic", "of its %d records none is left to be labelled: where of the input_config leaves them out, or they are at fault", total)
	}
	t.unlabelled, t.outcome.PseudoLabels = u, &u.audit
	l := &t.outcome.Lineage
	l.Records, l.BytesRead, l.Unlabelled = l.Records+u.audit.Records, l.BytesRead+in.bytes, of.Ranges
	return t.cache.seal()
}

// trainLast moves the records that train behind those of the other splits.
func (t *training) trainLast(ctx context.Context) error {
	n := t.train.Len()
	held, err := t.cache.partition(ctx, 0, func(at int64, _ []byte) bool { return at >= n })
	if err != nil {
		return err
	}
	for _, s := range []*split{t.test, t.validation} {
		s.from, s.to = s.from-n, s.to-n
	}
	t.train.from, t.train.to = held, held+n
	return nil
}

// labelsOf gives the label of each class as the stream would hold it: its number, or
// a one in its place.
func labelsOf(f field, classes int) ([][]byte, error) {
	elements := f.bytes / max(1, f.DType.Size())
	if elements != 1 && elements != classes {
		return nil, pipeline.Invalidf("input_config", "the label has %d elements, the model %d classes: what the model says cannot be written as one", elements, classes).
			WithHint("send the class as a number, or one-hot")
	}
	all := make([][]byte, classes)
	for class := range all {
		numbers := make([]byte, 8*elements)
		if elements == 1 {
			binary.LittleEndian.PutUint64(numbers, math.Float64bits(float64(class)))
		} else {
			binary.LittleEndian.PutUint64(numbers[8*class:], math.Float64bits(1))
		}
		all[class] = make([]byte, f.bytes)
		if err := codec.Cast(all[class], f.DType, numbers, codec.Float64); err != nil {
			return nil, pipeline.Invalidf("input_config", "labels of type %s cannot hold class %d: %v", f.DType, class, err).WithHint("send labels of a wider type")
		}
	}
	return all, nil
}

// more reports whether another round may come.
func (u *unlabelled) more() bool {
	return u != nil && !u.over && u.audit.Left > 0 && len(u.picks) < u.Unsupervised.Rounds
}

// label has the model label the records that it is sure of, and reports whether
// there are any.
func (t *training) label(ctx context.Context) (bool, error) {
	u := t.unlabelled
	rest := newSplit(t.cache, t.trainer.Columns(), t.cache.records-u.audit.Left, t.cache.records)
	classes := make([]int16, 0, rest.Len())
	err := t.trainer.Predict(ctx, rest, func(p framework.Predicted) error {
		outputs, err := codec.Floats(p.Outputs[0].Data, p.Outputs[0].DType)
		if err != nil {
			return err
		}
		each := len(outputs) / p.Records
		for i := range p.Records {
			class, err := t.sure(outputs[i*each : (i+1)*each])
			if err != nil {
				return err
			}
			classes = append(classes, class)
		}
		return nil
	})
	if err != nil {
		return false, op("label records", err)
	}
	labelled, err := t.take(ctx, classes, t.lastTold)
	if err != nil {
		return false, err
	}
	t.report.labels(u.audit)
	return labelled, nil
}

// sure gives the class of an output where its probability is as high as is wanted,
// compared as Keras' float32.
func (t *training) sure(output []float64) (int16, error) {
	class := t.predicted(output)
	p := output[min(class, len(output)-1)]
	if len(output) == 1 && class == 0 {
		p = 1 - p
	}
	const rounding = 1e-3 // of half precision
	if p > 1+rounding || p < -rounding {
		return unsure, pipeline.Invalidf("unsupervised", "the model gives %v for a class, which is no probability", p).
			WithHint("end the model with a softmax, or for two classes one unit with a sigmoid; or leave unsupervised out")
	}
	if float32(p) >= float32(t.unlabelled.Confidence) { // never NaN
		return int16(class), nil // #nosec G115 -- CheckUnsupervised bounds the classes
	}
	return unsure, nil
}

// take gives records the labels of a round, and notes how many; epoch is the last
// one before it. It reports whether any has got one.
func (t *training) take(ctx context.Context, classes []int16, epoch int) (bool, error) {
	u := t.unlabelled
	first := t.cache.records - u.audit.Left
	if int64(len(classes)) != u.audit.Left {
		return false, fmt.Errorf("%d of %d records were predicted", len(classes), u.audit.Left)
	}
	label, counts := t.cache.fields[t.cache.inputs], map[string]int64{}
	n, err := t.cache.partition(ctx, first, func(at int64, row []byte) bool {
		class := classes[at-first]
		if class == unsure {
			return false
		}
		copy(row[label.at:], u.labels[class])
		counts[strconv.Itoa(int(class))]++
		return true
	})
	if err != nil {
		return false, op("keep the labels", err)
	}
	round := pipeline.PseudoRound{Round: len(u.audit.Rounds) + 1, Records: u.audit.Left, Labelled: n, Classes: counts, Epoch: epoch}
	u.audit.Rounds, u.audit.Left = append(u.audit.Rounds, round), u.audit.Left-n
	u.picks = append(u.picks, classes)
	switch {
	case n == 0:
		u.over, u.audit.Ended = true, fmt.Sprintf("no record has a class of the probability %v or more", u.Confidence)
	case u.audit.Left == 0:
		u.audit.Ended = "every record has a label"
	case !u.more():
		u.audit.Ended = "all rounds are done"
	}
	return n > 0, nil
}

// labelled is the split that trains: with the records that have been labelled, in
// another random order each round.
func (t *training) labelled() *split {
	u := t.unlabelled
	if u == nil || len(u.picks) == 0 {
		return t.train
	}
	s := newSplit(t.cache, t.trainer.Columns(), t.train.from, t.cache.records-u.audit.Left)
	s.shuffled, s.seed = t.train.shuffled, t.train.seed+uint64(len(u.picks))
	return s
}

// suits is nil where the labels that an attempt before has given are for these records.
func (u *unlabelled) suits(left *checkpoint) error {
	if len(left.Before) != len(left.Picks) || u == nil && len(left.Picks) > 0 {
		return errForeign
	}
	if u == nil {
		return nil
	}
	rest := u.audit.Left
	for _, classes := range left.Picks {
		if int64(len(classes)) != rest {
			return errForeign
		}
		for _, c := range classes {
			if c < unsure || int(c) >= len(u.labels) {
				return errForeign
			}
			if c != unsure {
				rest--
			}
		}
	}
	return nil
}

// relabel gives records the labels that an attempt before has given them.
func (t *training) relabel(ctx context.Context, left *checkpoint) error {
	for i, classes := range left.Picks {
		if _, err := t.take(ctx, classes, left.Before[i]); err != nil {
			return err
		}
	}
	if len(left.Picks) > 0 {
		t.report.labels(t.unlabelled.audit)
	}
	return nil
}

// before are the last epochs before each round.
func (u *unlabelled) before() (epochs []int) {
	if u == nil {
		return nil
	}
	for _, r := range u.audit.Rounds {
		epochs = append(epochs, r.Epoch)
	}
	return epochs
}

// reopen makes room for so many more records in a cache that was sealed.
func (c *cache) reopen(more int64) error {
	c.undone, c.open = true, false // last holds none of them
	if c.memory != nil {
		if need := (c.records + more) * int64(c.row); int64(cap(c.memory)) < need {
			c.memory = append(make([]byte, 0, need), c.memory...)
		}
		return nil
	}
	if err := room(c.dir, more*int64(c.row)); err != nil {
		return err
	}
	c.out = bufio.NewWriterSize(io.NewOffsetWriter(c.file, c.records*int64(c.row)), 1<<20)
	return nil
}

// partition moves the rows from first on that pick takes before the others, both in
// their order, and says how many they are. What pick changes in a row that it takes
// is kept. The others lie in a file meanwhile.
func (c *cache) partition(ctx context.Context, first int64, pick func(at int64, row []byte) bool) (picked int64, err error) {
	if err := room(c.dir, (c.records-first)*int64(c.row)); err != nil {
		return 0, err
	}
	others, err := unnamed(c.dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, others.Close()) }()
	to, rest := bufio.NewWriterSize(c.writer(first), 1<<20), bufio.NewWriterSize(others, 1<<20)
	at := first
	err = c.each(ctx, first, func(row []byte) error {
		out := rest
		if pick(at, row) {
			out, picked = to, picked+1
		}
		at++
		_, err := out.Write(row)
		return err
	})
	if err = errors.Join(err, to.Flush(), rest.Flush()); err != nil {
		return picked, err
	}
	if _, err := others.Seek(0, io.SeekStart); err != nil {
		return picked, err
	}
	_, err = io.Copy(c.writer(first+picked), others)
	return picked, err
}

// writer writes over rows from first on. Of rows in memory those alone may be
// written that are not to be read any more.
func (c *cache) writer(first int64) io.Writer {
	at := first * int64(c.row)
	if c.memory != nil {
		return &memoryWriter{c.memory[at:]}
	}
	return io.NewOffsetWriter(c.file, at)
}

// memoryWriter writes into room that there is.
type memoryWriter struct{ room []byte }

func (w *memoryWriter) Write(b []byte) (int, error) {
	n := copy(w.room, b)
	if w.room = w.room[n:]; n < len(b) {
		return n, io.ErrShortWrite
	}
	return n, nil
}
