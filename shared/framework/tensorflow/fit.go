package tensorflow

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"runtime"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Plan is what Keras' fit takes beside the data.
type Plan struct {
	BatchSize       int
	Epochs          int
	InitialEpoch    int
	StepsPerEpoch   int // 0: the whole split
	ClassWeight     map[int]float64
	Validation      Samples // nil or empty: none
	ValidationSteps int     // 0: the whole split
	ValidationFreq  int     // 0 is 1: every epoch
	Engine          pipeline.Engine
}

// FitReport tells how a training ran.
type FitReport struct {
	Engine  pipeline.Engine // Graph or XLA
	Reason  string          // the figures that chose it
	Threads Threads
	Steps   int64
	// Exhausted says that steps_per_epoch did not divide the batches of the
	// split, so that some epochs were shorter, as in Keras.
	Exhausted bool
}

// Fit trains as Keras' fit does on arrays, shuffling left to s, and reports
// each epoch as it ends. Where the engine is Auto it chooses one first; see
// choose.
func (t *Trainer) Fit(ctx context.Context, s Samples, p Plan, onEpoch func(pipeline.Epoch)) (FitReport, error) {
	if err := checkPlan(s, p); err != nil {
		return FitReport{}, err
	}
	weigh, err := t.weigher(p.ClassWeight)
	if err != nil {
		return FitReport{}, err
	}
	steps := batches(s.Len(), p.BatchSize)
	if p.StepsPerEpoch > 0 {
		steps = min(steps, p.StepsPerEpoch)
	}
	f := newFeeder(s, t.columns, p.BatchSize, steps, weigh)
	report := FitReport{Exhausted: p.StepsPerEpoch > 0 && batches(s.Len(), p.BatchSize)%p.StepsPerEpoch != 0}
	report.Steps = p.steps(s.Len())
	run, err := t.choose(ctx, f, p, &report)
	if err != nil {
		return report, err
	}
	err = t.fit(ctx, f, p, run, onEpoch)
	runtime.GC() // frees the buffers: Go does not see their size
	return report, err
}

func checkPlan(s Samples, p Plan) error {
	switch {
	case s.Len() == 0:
		return errors.New("the training split holds no record")
	case p.BatchSize < 1:
		return fmt.Errorf("batch size %d", p.BatchSize)
	case p.InitialEpoch >= p.Epochs:
		return fmt.Errorf("initial epoch %d leaves nothing of %d epochs", p.InitialEpoch, p.Epochs)
	}
	return nil
}

// fit runs the epochs.
func (t *Trainer) fit(ctx context.Context, f *feeder, p Plan, run func(*buffer, call) (pipeline.Metrics, error), onEpoch func(pipeline.Epoch)) error {
	var val *evaluation
	if p.Validation != nil && p.Validation.Len() > 0 {
		val = t.newEvaluation(p.Validation, p.BatchSize, p.ValidationSteps)
	}
	if err := t.clear(); err != nil {
		return err
	}
	began := time.Now()
	err := walk(ctx, f, p.calls(f.samples.Len(), f.most), func(c call, b *buffer) error {
		m, err := run(b, c)
		if err != nil {
			return fmt.Errorf("epoch %d: %w", c.epoch, err)
		}
		if !c.last {
			return nil
		}
		e := pipeline.Epoch{Epoch: c.epoch, Training: m}
		if val != nil && c.epoch%max(1, p.ValidationFreq) == 0 {
			if e.Validation, err = val.run(ctx, t); err != nil {
				return fmt.Errorf("epoch %d: validate: %w", c.epoch, err)
			}
		}
		e.Seconds = time.Since(began).Seconds()
		began = time.Now()
		onEpoch(e)
		return t.clear()
	})
	if err != nil || t.finalize == nil {
		return err
	}
	_, err = t.finalize.Call(nil)
	return err
}

// calls are those of all epochs, in order. Keras 3 walks arrays so: an epoch
// of steps_per_epoch goes on where the last one stopped, ends early at the end
// of the data, and the next then begins a new pass, shuffled anew.
func (p Plan) calls(total int64, most int) iter.Seq[call] {
	return func(yield func(call) bool) {
		all, pass, seen := batches(total, p.BatchSize), 0, 0
		for epoch := p.InitialEpoch + 1; epoch <= p.Epochs; epoch++ {
			count := all - seen
			if p.StepsPerEpoch > 0 {
				count = min(count, p.StepsPerEpoch)
			}
			for _, c := range cut(total, p.BatchSize, most, seen, count) {
				c.pass, c.epoch = pass, epoch
				if !yield(c) {
					return
				}
			}
			if seen += count; seen >= all {
				pass, seen = pass+1, 0
			}
		}
	}
}

// steps is how many batches all epochs take: each pass, of so many epochs, takes
// all of the split.
func (p Plan) steps(total int64) int64 {
	all, epochs := int64(batches(total, p.BatchSize)), int64(p.Epochs-p.InitialEpoch)
	if p.StepsPerEpoch <= 0 || int64(p.StepsPerEpoch) >= all {
		return epochs * all
	}
	each := int64(p.StepsPerEpoch)
	pass := (all + each - 1) / each
	return epochs/pass*all + epochs%pass*each
}

// weigher computes sample weights from the labels in a buffer as Keras'
// class_weight does: the class is the rounded label, or the index of its
// largest value; a class without a weight has 1. It is nil without weights.
func (t *Trainer) weigher(weights map[int]float64) (func(*buffer, int), error) {
	if len(weights) == 0 {
		return nil, nil
	}
	if t.weighted == nil || len(t.options.Labels) != 1 {
		return nil, pipeline.Invalidf("training_kwargs.class_weight", "this model cannot use class weights").
			WithHint("class_weight needs one output and a train_step that takes sample weights; leave it out")
	}
	at := len(t.columns) - 1
	label := t.columns[at]
	values := label.bytes / label.dtype.Size()
	var wide []byte
	return func(b *buffer, n int) {
		wide = append(wide[:0], make([]byte, n*values*8)...)
		if codec.Cast(wide, codec.Float64, b.dst[at][:n*label.bytes], label.dtype) != nil {
			return // every numeric type casts to float64
		}
		all := float64s(wide)
		for i := range n {
			w, ok := weights[Class(all[i*values:(i+1)*values])]
			if !ok {
				w = 1
			}
			binary.LittleEndian.PutUint32(b.w[4*i:], math.Float32bits(float32(w)))
		}
	}, nil
}

// Class reads one label: a rounded number, or the index of the largest of
// several. It is how Keras' class_weight reads them.
func Class(label []float64) int {
	if len(label) == 1 {
		return int(math.RoundToEven(label[0]))
	}
	best := 0
	for i, v := range label {
		if v > label[best] {
			best = i
		}
	}
	return best
}

// float64s reads little-endian bytes.
func float64s(b []byte) []float64 {
	out := make([]float64, len(b)/8)
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return out
}
