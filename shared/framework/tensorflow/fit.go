package tensorflow

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Fit trains as Keras' fit does on arrays, shuffling left to s, and reports
// each epoch as it ends. Where the engine is Auto it chooses one first; see
// choose.
func (t *Trainer) Fit(ctx context.Context, s framework.Split, p framework.Plan, w framework.Watch) (framework.FitReport, error) {
	if err := checkPlan(s, p); err != nil {
		return framework.FitReport{}, err
	}
	if len(t.options.Export.Adapt) > 0 && !t.adapted {
		return framework.FitReport{}, fmt.Errorf("layer %s is to be adapted before training", t.options.Export.Adapt[0].Layer)
	}
	weigh, err := t.weigher(p.ClassWeight)
	if err != nil {
		return framework.FitReport{}, err
	}
	if err := t.begin(p); err != nil {
		return framework.FitReport{}, err
	}
	t.values = nil
	f := newFeeder(s, t.columns, p.BatchSize, stepsAtOnce(p, s.Len()), trainedBytes, weigh)
	w.Epoch = once(w.Epoch)
	report := framework.FitReport{Exhausted: p.StepsPerEpoch > 0 && batches(s.Len(), p.BatchSize)%p.StepsPerEpoch != 0}
	report.Steps = stepsOf(p, s.Len())
	if t.options.GPU && !t.model.hasGPU() {
		report.Warnings = append(report.Warnings, "GPUs were asked for, but TensorFlow finds none here: it trained on the CPU")
	}
	from, err := openCheckpoint(p)
	if err != nil {
		return report, err
	}
	run, err := t.chooseFrom(ctx, from, f, p, w, &report)
	if err != nil {
		return report, err
	}
	defer run.wait()
	if t.savesSoon(report.Steps) {
		t.model.saveAhead(t.weights.fetches)
	}
	report.Stopping, err = t.fit(ctx, f, p, run, from, w, &report)
	if run.engine == pipeline.Auto {
		report.Reason = "it ended before XLA could be tried; " + t.threads.String()
	}
	if errors.Is(err, errUnsound) {
		err = t.again(ctx, s, p, weigh, w, &report, err)
	}
	runtime.GC() // frees the buffers: Go does not see their size
	return report, err
}

// savesSoon reports whether preparing to save would take a good part of a training, and
// the variables are small enough to be written twice.
func (t *Trainer) savesSoon(steps int64) bool {
	const few, small = 1000, 4 << 20
	info, err := os.Stat(filepath.Join(t.dir, "variables", "variables.data-00000-of-00001"))
	return err == nil && steps <= few && info.Size() <= small
}

// begin keeps what another fit begins with, for an engine that may have to set it
// back.
func (t *Trainer) begin(p framework.Plan) (err error) {
	again := t.fitted
	if t.fitted = true; !again || p.Engine == kerasmodel.Graph {
		return nil
	}
	if t.assign == nil {
		return errNotSettable("unsupervised")
	}
	t.inherited, err = t.read()
	return err
}

// stepsAtOnce is the most batches that one call can have any use of.
func stepsAtOnce(p framework.Plan, total int64) int {
	steps := batches(total, p.BatchSize)
	if p.StepsPerEpoch > 0 {
		steps = min(steps, p.StepsPerEpoch)
	}
	return steps
}

func checkPlan(s framework.Split, p framework.Plan) error {
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

// fit runs the epochs and tells what early stopping made of them.
func (t *Trainer) fit(ctx context.Context, f *feeder, p framework.Plan, run *runner, from *checkpoint, w framework.Watch, report *framework.FitReport) (*pipeline.Stopping, error) {
	steering, err := t.steer(p)
	if err != nil {
		return nil, err
	}
	var val *evaluation
	if p.Validation != nil && p.Validation.Len() > 0 {
		val = t.newEvaluation(p.Validation, p.BatchSize, p.ValidationSteps)
	}
	if err := t.clear(); err != nil {
		return nil, err
	}
	began, sound := time.Now(), soundness{}
	begin := p.InitialEpoch
	if from != nil {
		if err := t.resume(from, steering, sound); err != nil {
			return nil, err
		}
		begin = from.Epoch
	} else if p.LearningRate != 0 {
		if err := t.setRate(p.LearningRate); err != nil {
			return nil, err
		}
	}
	done, of := stepsOf(until(p, begin), f.split.Len()), stepsOf(p, f.split.Len())
	step := func(c call) {
		if done += int64(c.steps); w.Steps != nil {
			w.Steps(c.pass, done, of)
		}
	}
	err = walk(ctx, f, callsOf(p, begin, f.split.Len(), f.most), func(c call, b *buffer) error {
		m, err := run.steps(b, c)
		if err != nil {
			return fmt.Errorf("epoch %d: %w", c.epoch, t.blame(ctx, run.graph, b, c, err))
		}
		if !c.last {
			step(c)
			return nil
		}
		if err := sound.check(m, c, run.engine); err != nil {
			return err
		}
		e := pipeline.Epoch{Epoch: c.epoch, Training: m}
		if val != nil && c.epoch%max(1, p.ValidationFreq) == 0 {
			if e.Validation, err = val.run(ctx, t); err != nil {
				return fmt.Errorf("epoch %d: validate: %w", c.epoch, err)
			}
		}
		stop, err := steering.epoch(&e)
		if err != nil {
			return fmt.Errorf("epoch %d: %w", c.epoch, err)
		}
		e.Seconds = time.Since(began).Seconds()
		began = time.Now()
		if w.Epoch != nil {
			w.Epoch(e)
		}
		step(c)
		if stop {
			return errStopped
		}
		if run.due(c, p, f.split.Len()) {
			if err := run.decideHere(ctx, w, report); err != nil {
				return err
			}
			began = time.Now()
		}
		if w.Checkpoint != nil && c.epoch < p.Epochs {
			w.Checkpoint(c.epoch, func() ([]byte, error) { return t.state(c.epoch, run.engine, run.reason, steering, sound) })
		}
		if c.epoch == p.Epochs {
			return nil // what measures next sets the metrics back
		}
		return t.clear()
	})
	if err != nil && !errors.Is(err, errStopped) {
		return nil, err
	}
	if t.finalize != nil {
		if _, err := t.finalize.Call(nil); err != nil {
			return nil, err
		}
	}
	return steering.Stopping(), steering.end()
}

// until is a plan that ends with an epoch.
func until(p framework.Plan, epoch int) framework.Plan {
	p.Epochs = epoch
	return p
}

// callsOf are those of the epochs after one, in order. Keras 3 walks arrays so: an epoch
// of steps_per_epoch goes on where the last one stopped, ends early at the end
// of the data, and the next then begins a new pass, shuffled anew.
func callsOf(p framework.Plan, after int, total int64, most int) iter.Seq[call] {
	return func(yield func(call) bool) {
		all, pass, seen := batches(total, p.BatchSize), 0, 0
		for epoch := p.InitialEpoch + 1; epoch <= p.Epochs; epoch++ {
			count := all - seen
			if p.StepsPerEpoch > 0 {
				count = min(count, p.StepsPerEpoch)
			}
			var calls []call
			if epoch > after {
				calls = cut(total, p.BatchSize, most, seen, count)
			}
			for _, c := range calls {
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

// stepsOf is how many batches all epochs take: each pass, of so many epochs, takes
// all of the split.
func stepsOf(p framework.Plan, total int64) int64 {
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
	var all []float64
	return func(b *buffer, n int) {
		all, _ = codec.AppendFloats(all[:0], b.dst[at][:n*label.bytes], label.dtype) // a column is numeric
		for i := range n {
			w, ok := weights[framework.Class(all[i*values:(i+1)*values])]
			if !ok {
				w = 1
			}
			binary.LittleEndian.PutUint32(b.w[4*i:], math.Float32bits(float32(w)))
		}
	}, nil
}
