package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	// comparedRecords is how many of the last records of the stream each engine
	// predicts before it may serve.
	comparedRecords = 256
	// comparedTime is how long an engine is timed for, the first run apart, which
	// is the only one where it took longer than onceTime. Where there are fewer runs
	// than comparedRuns in it, since they are long or others had the processor, it is
	// timed for up to longestTime.
	comparedTime = 3 * time.Millisecond
	comparedRuns = 5
	longestTime  = 25 * time.Millisecond
	onceTime     = time.Second
	// slowerBy is how much slower than the framework another engine may be and
	// still serve, since it opens faster and in a fraction of the memory.
	slowerBy = 1.5
)

// tolerated is the largest relative difference between two engines, by the type
// of an output: the rounding of a float32 that was summed up in another order.
func tolerated(d codec.DType) float64 {
	if d == codec.Float16 {
		return 1e-2
	}
	return 1e-5
}

// chooseServing finds what may serve the model that was saved in dir. An engine
// beside the framework itself must predict as the framework does; of one that
// does not, nothing is left in dir.
func (t *training) chooseServing(ctx context.Context, dir string) error {
	own := t.framework.Kind()
	s := &pipeline.Serving{Engine: own.Name, Engines: []string{own.Name}, Reason: t.Job.Export.NoONNX}
	t.outcome.Serving = s
	for _, f := range t.Frameworks.Servers(own) {
		served := f.Kind().Bundle.Served
		if !served.In(dir) {
			continue
		}
		c, err := t.compare(ctx, f, dir)
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			s.Reason = fmt.Sprintf("%s cannot serve it: %v", f.Kind().Name, err)
			t.Log.WarnContext(ctx, "a model is not served by an engine", "result", t.Job.Result, "engine", f.Kind().Name, "error", err)
			if err := removeBlobs(served, own.Bundle.Served, dir); err != nil {
				return op("save the trained model", err)
			}
			continue
		}
		s.Engines = append(s.Engines, f.Kind().Name)
		s.Reason = c.String()
		if c.other <= slowerBy*c.own {
			s.Engine = f.Kind().Name
		}
	}
	if s.Reason == "" {
		s.Reason = "the model was registered by an earlier version, which made no other form of it"
	}
	if s.Engine != own.Name {
		return nil // it has just predicted by what was saved
	}
	if err := t.tryServing(ctx, dir); err != nil {
		return &pipeline.Error{
			Op: "save the trained model", Kind: pipeline.Internal, Err: err,
			Reason: fmt.Sprintf("%s cannot serve what was saved: %v", own.Name, err), Hint: "no inference could use the model; look at the log of the training",
		}
	}
	return nil
}

// triedRecords is how many of the last records of the stream are predicted by a
// model as it was saved.
const triedRecords = 3

// tryServing opens what was saved in dir with the framework, as an inference will,
// and predicts some records.
func (t *training) tryServing(ctx context.Context, dir string) (err error) {
	columns := t.inputs()
	p, err := t.framework.OpenPredictor(framework.PredictorOptions{Dir: dir, Export: t.Job.Export, Stored: columns})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	batch, err := p.NewBatch(columns)
	if err != nil {
		return err
	}
	total := t.cache.records
	last := newSplit(t.cache, t.trainer.Columns(), max(0, total-triedRecords), total)
	for i := range last.Len() {
		record := make([][]byte, len(last.columns))
		for k, c := range last.columns {
			record[k] = make([]byte, c.Bytes()) // of text none
		}
		if err := last.Read(ctx, framework.Stored, i, 1, record); err != nil {
			return err
		}
		row := batch.Next()
		for k, c := range columns {
			if c.DType == codec.String {
				row[k] = record[k]
			} else {
				copy(row[k], record[k])
			}
		}
	}
	return batch.Predict(ctx, 0, batch.Len())
}

// inputs are the columns of the model's inputs, by the names that it is served by.
func (t *training) inputs() []codec.Tensor {
	columns := slices.Clone(t.trainer.Columns()[:len(t.Job.Export.Inputs)])
	for i := range columns {
		columns[i].Name = t.Job.Export.Inputs[i].Name
	}
	return columns
}

// removeBlobs removes from dir what an engine alone would serve.
func removeBlobs(blobs, kept framework.Blobs, dir string) (err error) {
	for _, b := range blobs {
		if !slices.ContainsFunc(kept, func(k framework.Blob) bool { return k.Name == b.Name }) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, b.Path)))
		}
	}
	return err
}

// comparison is what two engines make of the same records.
type comparison struct {
	name, ownName string
	records       int64
	own, other    float64 // seconds a record
	difference    float64 // the largest, relative
}

func (c comparison) String() string {
	return fmt.Sprintf("%s %s a record, %s %s, in batches; the largest relative difference over %d records is %.1g",
		c.name, duration(c.other), c.ownName, duration(c.own), c.records, c.difference)
}

// duration writes seconds in a unit that suits them.
func duration(seconds float64) string {
	switch {
	case seconds < 1e-6:
		return fmt.Sprintf("%.0f ns", seconds*1e9)
	case seconds < 1e-3:
		return fmt.Sprintf("%.1f us", seconds*1e6)
	}
	return fmt.Sprintf("%.1f ms", seconds*1e3)
}

// compare predicts the last records of the stream by the framework and by f, which
// opens what was saved in dir. A difference that is not tolerated is an error.
func (t *training) compare(ctx context.Context, f framework.Framework, dir string) (c comparison, err error) {
	columns := t.inputs()
	n := len(columns)
	p, err := f.OpenPredictor(framework.PredictorOptions{Dir: dir, Export: t.Job.Export, Stored: columns})
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	total := t.cache.records
	last := newSplit(t.cache, t.trainer.Columns(), max(0, total-comparedRecords), total)
	c = comparison{name: f.Kind().Name, ownName: t.framework.Kind().Name, records: last.Len()}
	batch, err := p.NewBatch(columns)
	if err != nil {
		return c, err
	}
	var other time.Duration // that the first run of f takes
	began := time.Now()
	err = t.trainer.Predict(ctx, last, func(own framework.Predicted) error {
		for from := 0; from < own.Records; from += p.Limit() {
			to := min(from+p.Limit(), own.Records)
			if err := gather(batch, own.Columns[:n], columns, from, to); err != nil {
				return err
			}
			at := time.Now()
			if err := batch.Predict(ctx, 0, to-from); err != nil {
				return err
			}
			other += time.Since(at)
			d, err := apart(own.Outputs, batch.Outputs(), from, to)
			if err != nil {
				return err
			}
			c.difference = max(c.difference, d)
		}
		return nil
	})
	if err != nil {
		return c, err
	}
	own := time.Since(began) - other
	if c.other, err = perRecord(other, last.Len(), int64(batch.Len()), func() error { return batch.Predict(ctx, 0, batch.Len()) }); err != nil {
		return c, err
	}
	c.own, err = perRecord(own, last.Len(), last.Len(), func() error {
		return t.trainer.Predict(ctx, last, func(framework.Predicted) error { return nil })
	})
	return c, err
}

// gather puts the records [from, to) of columns into a batch.
func gather(b framework.Batch, columns [][]byte, layout []codec.Tensor, from, to int) error {
	b.Reset()
	for i := from; i < to; i++ {
		row := b.Next()
		for k, l := range layout {
			if l.DType == codec.String {
				return fmt.Errorf("input %q is text", l.Name)
			}
			copy(row[k], columns[k][i*l.Bytes():(i+1)*l.Bytes()])
		}
	}
	return nil
}

// perRecord is the seconds that a record takes in the quickest of some runs, each
// of so many records, or in the first one, of all records.
func perRecord(first time.Duration, all, records int64, run func() error) (float64, error) {
	if first > onceTime {
		return first.Seconds() / float64(max(1, all)), nil
	}
	best := time.Duration(math.MaxInt64)
	for began, runs := time.Now(), 1; ; runs++ {
		at := time.Now()
		if err := run(); err != nil {
			return 0, err
		}
		best = min(best, time.Since(at))
		if took := time.Since(began); took > longestTime || took > comparedTime && runs >= comparedRuns {
			return best.Seconds() / float64(max(1, records)), nil
		}
	}
}

// apart is the largest difference between the records [from, to) of own and
// those of other, which begin there; an error where it is not tolerated. The
// difference of a value is relative to its size, or to the root mean square of
// its output in these records where that is larger: what is left of two large
// terms is as inexact as they were.
func apart(own, other []framework.Output, from, to int) (most float64, err error) {
	for i, o := range own {
		if o.DType == codec.String {
			return 0, fmt.Errorf("output %q is text", o.Name)
		}
		a, err := codec.Floats(o.Data[from*o.Size:to*o.Size], o.DType)
		if err != nil {
			return 0, err
		}
		b, err := codec.Floats(other[i].Data[:(to-from)*other[i].Size], other[i].DType)
		if err != nil {
			return 0, err
		}
		if len(a) != len(b) {
			return 0, fmt.Errorf("output %q has %d elements, %d are due", o.Name, len(b)/(to-from), len(a)/(to-from))
		}
		scale := rootMeanSquare(a)
		for k := range a {
			if a[k] == b[k] || math.IsNaN(a[k]) && math.IsNaN(b[k]) {
				continue
			}
			d := math.Abs(a[k]-b[k]) / max(math.Abs(a[k]), scale)
			if most = max(most, d); !(d <= tolerated(o.DType)) { // NaN is not
				return 0, fmt.Errorf("output %q differs: %g in place of %g, relatively %.1g where %.0g is allowed", o.Name, b[k], a[k], d, tolerated(o.DType))
			}
		}
	}
	return most, nil
}

func rootMeanSquare(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v * v
	}
	return math.Sqrt(sum / float64(max(1, len(values))))
}
