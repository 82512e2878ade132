package train

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// Bounds of what is read again of a stream.
const (
	mostReread   = 1_000_000 // records; of a longer stream its beginning
	rereadMemory = 32 << 20  // bytes of decoded records; what is more lies in a file
	rereadBytes  = 64 << 20  // of the records that are given, each of the two parts
)

// Reread reads the stream that c.Job describes again, as the training read it,
// and gives some of its records: samples of those that trained, and tests of
// those of the test split, of the validation split where there is none. Both are
// taken evenly from their split. What of the stream is no longer there, and what
// follows from that, is no error: Lacking says it.
func Reread(ctx context.Context, c Config, samples, tests int) (got framework.Reread, err error) {
	decoder, err := features.ForTraining(c.Job.InputFormat, c.Job.InputConfig, c.Job.Export, c.Schemas.Set())
	if err != nil {
		return got, err
	}
	whole, err := c.whatIsLeft(ctx, decoder, &got)
	if err != nil || len(c.Job.Ranges) == 0 {
		return got, err
	}
	scratch, err := os.MkdirTemp(c.Scratch, "kafkaml-reread-")
	if err != nil {
		return got, op("make a scratch folder", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	registry, err := schemas.New(c.Schemas)
	if err != nil {
		return got, err
	}
	c.Memory = rereadMemory
	t := &training{Config: c, report: &reporter{Config: c}, schemas: registry, scratch: scratch}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.read(ctx, decoder); err != nil {
		return got, err
	}
	if t.cache.records == 0 {
		got.Lacking = "nothing of its stream can be read"
		return got, nil
	}
	return got, t.choose(ctx, decoder, whole, samples, tests, &got)
}

// whatIsLeft cuts the ranges of the Job down to what the log still holds of them,
// none where there is nothing, and reports whether that is the whole stream.
func (c *Config) whatIsLeft(ctx context.Context, d *features.Decoder, got *framework.Reread) (whole bool, err error) {
	cluster, err := stream.Dial(ctx, c.Kafka)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	lost := func(why string) (bool, error) {
		c.Job.Ranges, got.Lacking = nil, why
		return false, nil
	}
	if err := cluster.SameTopics(ctx, c.Job.TopicIDs); err != nil {
		if pipeline.KindOf(err) == pipeline.Unavailable {
			return false, err
		}
		return lost("its topic was made anew since: nothing of its stream is left")
	}
	r, err := cluster.Available(ctx, c.Job.Ranges)
	switch {
	case pipeline.KindOf(err) == pipeline.Unavailable:
		return false, err
	case err != nil && (r.State != pipeline.PartlyExpired || d.Join() != nil):
		return lost("nothing of its stream can be read any more: " + r.Reason)
	case err != nil:
		got.Lacking = "a part of its stream is no longer in the log, so that the records that were kept back from training are not known"
		if c.Job.Ranges, err = held(ctx, cluster, c.Job.Ranges); err != nil {
			return false, err
		}
		if len(c.Job.Ranges) == 0 {
			return lost("nothing of its stream can be read any more: " + r.Reason)
		}
	}
	if total := pipeline.Records(c.Job.Ranges); total > mostReread && d.Join() == nil {
		got.Lacking = fmt.Sprintf("its stream has %d records, of which %d are read again, so that those that were kept back from training are not known", total, mostReread)
		for i := range c.Job.Ranges {
			c.Job.Ranges[i].Length = max(1, c.Job.Ranges[i].Length*mostReread/total)
		}
	}
	return got.Lacking == "", nil
}

// held cuts ranges down to what the log holds of them.
func held(ctx context.Context, cluster *stream.Cluster, ranges []pipeline.Range) (left []pipeline.Range, err error) {
	for _, r := range ranges {
		first, next, err := cluster.Readable(ctx, r.Topic)
		if pipeline.KindOf(err) == pipeline.Unavailable {
			return nil, err
		}
		from, to := max(r.Offset, first[r.Partition]), min(r.Offset+r.Length, next[r.Partition])
		if err == nil && from < to {
			left = append(left, pipeline.Range{Topic: r.Topic, Partition: r.Partition, Offset: from, Length: to - from})
		}
	}
	return left, nil
}

// choose takes the records from their splits.
func (t *training) choose(ctx context.Context, d *features.Decoder, whole bool, samples, tests int, got *framework.Reread) error {
	columns, err := columnsOf(t.Job.Export, d)
	if err != nil {
		return err
	}
	total := t.cache.records
	train, test, _ := total, int64(0), int64(0)
	if whole {
		if t.Job.ShuffleStream {
			if err := t.cache.shuffle(ctx, t.Job.StreamSeed); err != nil {
				return err
			}
		}
		if err := t.arrange(ctx); err != nil {
			return err
		}
		train, test, _ = pipeline.Split(total, t.Job.ValidationRate, t.Job.TestRate)
	}
	part := func(from, to int64) *split { return newSplit(t.cache, columns, from, to) }
	t.train, t.test, t.validation = part(0, train), part(train, train+test), part(train+test, total)
	if _, err := t.average(ctx, d); err != nil {
		return err
	}
	inputs := len(t.Job.Export.Inputs)
	if got.Samples, err = evenly(ctx, t.train, samples, inputs); err != nil {
		return err
	}
	over := t.test
	got.Split = "test"
	if over.Len() == 0 {
		over, got.Split = t.validation, "validation"
	}
	if over.Len() == 0 {
		got.Split = ""
		if got.Lacking == "" {
			got.Lacking = "no record was kept back from training"
		}
		return nil
	}
	got.Tests, err = evenly(ctx, over, tests, inputs)
	return err
}

// columnsOf are the columns that a trainer of the export reads: its types, and
// the stream's sizes where it leaves them open.
func columnsOf(e pipeline.Export, d *features.Decoder) (out []codec.Tensor, err error) {
	add := func(wants []pipeline.Tensor, have []codec.Tensor) error {
		for i, w := range wants {
			dtype, err := codec.ParseDType(w.DType)
			if err != nil {
				return err
			}
			c := codec.Tensor{Name: w.Name, DType: dtype, Shape: append([]int{}, w.Shape...)}
			for k, n := range w.Shape {
				switch {
				case n >= 0:
				case len(have[i].Shape) == len(w.Shape):
					c.Shape[k] = have[i].Shape[k]
				default:
					c.Shape = have[i].Shape
				}
			}
			if c.Elements() != have[i].Elements() {
				return fmt.Errorf("tensor %s: the model wants the shape %v, the stream has %v", w.Name, w.Shape, have[i].Shape)
			}
			out = append(out, c)
		}
		return nil
	}
	if err := add(e.Inputs, d.Inputs()); err != nil {
		return nil, err
	}
	return out, add(e.Labels, d.Labels())
}

// evenly takes at most n records of a split, as many as there is room for, from
// its beginning to its end at equal distances.
func evenly(ctx context.Context, s *split, n, inputs int) (out framework.Records, err error) {
	size := 0
	for _, c := range s.columns {
		size += c.Bytes()
		out.Inputs = append(out.Inputs, framework.Rows{DType: c.DType, Shape: c.Shape})
	}
	out.Len = int(min(int64(n), s.Len(), int64(rereadBytes/max(1, size))))
	row := make([][]byte, len(s.columns))
	for i, c := range s.columns {
		row[i] = make([]byte, c.Bytes())
		out.Inputs[i].Data = make([]byte, 0, c.Bytes()*out.Len)
	}
	for i := range int64(out.Len) {
		if err := s.Read(ctx, framework.Stored, i*s.Len()/int64(out.Len), 1, row); err != nil {
			return out, err
		}
		for k := range row {
			out.Inputs[k].Data = append(out.Inputs[k].Data, row[k]...)
		}
	}
	out.Inputs, out.Labels = out.Inputs[:inputs], out.Inputs[inputs:]
	return out, nil
}
