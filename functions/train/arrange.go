package train

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// streamSplit is the stream of random numbers of a split, see streamShuffle.
const streamSplit = streamShuffle + 1

// arrange puts the records of a stream that is not split by time into the order
// of the splits: those that train, test and validate, each in the order of the
// stream. Which they are is a function of the seed, the number of records and, by
// label, their classes. A stream of time is in that order.
func (t *training) arrange(ctx context.Context) error {
	total := t.cache.records
	train, test, validation := pipeline.Split(total, t.Job.ValidationRate, t.Job.TestRate)
	if t.Job.Split == pipeline.SplitTime || test+validation == 0 {
		return nil
	}
	random := source(uint64(t.Job.StreamSeed), streamSplit)
	whole := draw{pipeline.Share{Train: train, Test: test, Validation: validation}, random}
	if t.Job.Split == pipeline.SplitRandom {
		return t.cache.arrange(ctx, whole.Share, func([]byte) (part, error) { return whole.next(), nil })
	}
	if err := t.Job.Export.CheckSplit(t.Job.Split); err != nil {
		return err
	}
	label := newClasses(t.cache.fields[len(t.cache.fields)-1])
	if err := t.cache.each(ctx, 0, label.count); err != nil {
		return err
	}
	shares := pipeline.SplitClasses(label.counts, t.Job.ValidationRate, t.Job.TestRate)
	return t.cache.arrange(ctx, whole.Share, func(row []byte) (part, error) {
		class, err := label.of(row)
		if err != nil {
			return trains, err
		}
		of := draw{shares[class], random}
		p := of.next()
		shares[class] = of.Share
		return p, nil
	})
}

// part is a split.
type part int

// The splits in their order in the cache.
const (
	trains part = iota
	tests
	validates
)

// draw chooses, record by record, so many for each split that all choices are
// equally likely (Knuth's selection sampling): Share is what is still to be
// chosen.
type draw struct {
	pipeline.Share
	random *rand.Rand
}

func (d *draw) next() part {
	switch at := d.random.Int64N(d.Train + d.Test + d.Validation); {
	case at < d.Test:
		d.Test--
		return tests
	case at < d.Test+d.Validation:
		d.Validation--
		return validates
	}
	d.Train--
	return trains
}

// classes numbers the classes of labels in the order in which they come.
type classes struct {
	label   field
	known   map[float64]int
	counts  []int64
	scratch []float64
}

func newClasses(label field) *classes { return &classes{label: label, known: map[float64]int{}} }

// count takes the label of a row into the counts.
func (c *classes) count(row []byte) error {
	value, err := c.value(row)
	if err != nil {
		return err
	}
	class, ok := c.known[value]
	if !ok {
		class = len(c.known)
		c.known[value], c.counts = class, append(c.counts, 0)
	}
	if c.counts[class]++; len(c.known) > pipeline.MaxClasses {
		return refuseSplit(fmt.Sprintf("label %q has more than %d different values", c.label.Name, pipeline.MaxClasses))
	}
	return nil
}

func (c *classes) of(row []byte) (int, error) {
	value, err := c.value(row)
	return c.known[value], err
}

// value is the class of a row: a whole number, or the place of the one in a
// one-hot label.
func (c *classes) value(row []byte) (value float64, err error) {
	c.scratch, err = codec.AppendFloats(c.scratch[:0], row[c.label.at:c.label.at+c.label.bytes], c.label.DType)
	if err != nil {
		return 0, err
	}
	if len(c.scratch) > 1 {
		return float64(framework.Class(c.scratch)), nil
	}
	if value = c.scratch[0]; value != float64(int64(value)) {
		return 0, refuseSplit(fmt.Sprintf("label %q has the value %v, which is no class", c.label.Name, value))
	}
	return value, nil
}

func refuseSplit(why string) error {
	return pipeline.Invalidf("split", "the stream cannot be split by label: %s", why).WithHint("split it by time, or random")
}

// each gives the rows of the cache from first on to do, in their order.
func (c *cache) each(ctx context.Context, first int64, do func(row []byte) error) error {
	most := max(1, readBytes/max(1, c.row))
	buf := make([]byte, most*c.row)
	for at := first; at < c.records; at += int64(most) {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := int(min(int64(most), c.records-at))
		rows, err := c.rows(at, n, buf)
		if err != nil {
			return err
		}
		for i := range n {
			if err := do(rows[i*c.row : (i+1)*c.row]); err != nil {
				return err
			}
		}
	}
	return nil
}

// arrange rewrites the cache, split by split: in memory into as much again, in a
// file into another one.
func (c *cache) arrange(ctx context.Context, s pipeline.Share, of func(row []byte) (part, error)) error {
	begins := [...]int64{trains: 0, tests: s.Train * int64(c.row), validates: (s.Train + s.Test) * int64(c.row)}
	if c.memory != nil {
		arranged := make([]byte, len(c.memory))
		err := c.each(ctx, 0, func(row []byte) error {
			p, err := of(row)
			begins[p] += int64(copy(arranged[begins[p]:], row))
			return err
		})
		c.memory = arranged
		return err
	}
	f, err := unnamed(c.dir)
	if err != nil {
		return err
	}
	if err := c.arrangeInto(ctx, f, begins[:], of); err != nil {
		return errors.Join(err, f.Close())
	}
	old := c.file
	c.file = f
	return old.Close() // the text stays where it is
}

func (c *cache) arrangeInto(ctx context.Context, f *os.File, begins []int64, of func(row []byte) (part, error)) error {
	var out []*bufio.Writer
	for _, at := range begins {
		out = append(out, bufio.NewWriterSize(io.NewOffsetWriter(f, at), 1<<20))
	}
	err := c.each(ctx, 0, func(row []byte) error {
		p, err := of(row)
		if err == nil {
			_, err = out[p].Write(row)
		}
		return err
	})
	for _, w := range out {
		err = errors.Join(err, w.Flush())
	}
	return err
}
