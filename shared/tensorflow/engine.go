package tensorflow

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// What it takes for a measurement to be worth its time, and for its outcome to
// be kept. The margins are wide so that noise does not change the engine, and
// with it the last bits of the weights, between two runs.
const (
	measureFor = 60 * time.Millisecond // of steps, for one figure

	threadsFrom   = 4 * time.Second // of training left, to try more threads
	threadsMargin = 1.15            // how much faster they must be

	// XLA compiles for a second or more. It does away with the dispatch of
	// operations, so it pays early where steps are short, and on long steps
	// (convolutions) it mostly loses: there only a long training may try it.
	compileFrom     = 1500 * time.Millisecond
	compileFromLong = 60 * time.Second
	longStep        = 2 * time.Millisecond
	compileMargin   = 1.3

	// xlaFlops is what XLA's matrix products reach on one core, in operations
	// a second; Eigen's, which the graph uses, reach some times more.
	xlaFlops = 10e9
)

// runner runs the steps of one call.
type runner = func(*buffer, call) (pipeline.Metrics, error)

// choose decides what runs the steps, the plain graph or XLA, and on how many
// threads, and fills report. What it tries it tries on the first records and
// on throw-away state: the variables are restored afterwards, so that the
// choice leaves no trace but the engine's own rounding.
func (t *Trainer) choose(ctx context.Context, f *feeder, p Plan, report *FitReport) (runner, error) {
	report.Engine, report.Reason = pipeline.Graph, "pinned by the deployment"
	switch {
	case p.Engine == pipeline.XLA && (t.xla == nil || f.weigh != nil):
		return nil, pipeline.Invalidf("engine", "xla cannot run this training").WithHint("leave class_weight out, or the engine at auto")
	case p.Engine == pipeline.XLA:
		report.Engine = pipeline.XLA
	case p.Engine == pipeline.Graph:
	case f.samples.Len() < int64(f.batch):
		report.Reason = "less than one batch of records: nothing to choose"
	default:
		if err := t.measureAll(ctx, f, report); err != nil {
			return nil, err
		}
	}
	report.Threads = t.threads
	return t.runner(report.Engine, f), nil
}

// runner runs full batches on the engine; the short last batch, another shape
// to compile, stays in the graph.
func (t *Trainer) runner(e pipeline.Engine, f *feeder) runner {
	graph := t.graph(f.weigh != nil)
	return func(b *buffer, c call) (pipeline.Metrics, error) {
		if e == pipeline.XLA && c.rows == f.batch {
			return t.run(t.xla, b)
		}
		return t.run(graph, b)
	}
}

// graph is the signature of the plain graph.
func (s *session) graph(weighted bool) *Function {
	if weighted {
		return s.weighted
	}
	return s.train
}

// trial measures engines on the first records of a training.
type trial struct {
	t      *Trainer
	b      *buffer
	most   int // steps a call
	rows   int // records a step
	report *FitReport
	step   time.Duration // of the best so far
}

func (t *Trainer) measureAll(ctx context.Context, f *feeder, report *FitReport) error {
	b, err := f.take(ctx, f.batch)
	if err != nil {
		return err
	}
	defer func() { f.free[f.batch] <- b }()
	first := call{pass: 0, steps: f.most, rows: f.batch}
	if err := b.fill(ctx, f.cols, f.samples, first, f.weigh); err != nil {
		return err
	}
	tr := &trial{t: t, b: b, most: f.most, rows: f.batch, report: report}
	if err := tr.graph(f.weigh != nil); err != nil {
		return err
	}
	if t.xla != nil && f.weigh == nil {
		tr.compiled()
	}
	if err := t.model.restoreVariables(t.dir); err != nil {
		return fmt.Errorf("restore the initial variables: %w", err)
	}
	return t.clear()
}

// left is how long the training would take at the best step so far.
func (tr *trial) left() time.Duration { return time.Duration(tr.report.Steps) * tr.step }

// graph measures the plain graph, on one thread and, in a second session, on
// all cores, and keeps the faster session.
func (tr *trial) graph(weighted bool) error {
	one := tr.t.session
	_, step, err := tr.measure(one.graph(weighted))
	if err != nil {
		return err
	}
	tr.step = step
	tr.report.Reason = fmt.Sprintf("graph %s a step on 1 thread", round(step))
	cores := runtime.GOMAXPROCS(0)
	if tr.t.options.Threads != nil || cores == 1 || tr.left() < threadsFrom {
		return nil
	}
	all, err := tr.t.open(Threads{IntraOp: cores, InterOp: 1})
	if err != nil {
		return err
	}
	_, many, err := tr.measure(all.graph(weighted))
	if err != nil {
		return errors.Join(err, all.model.Close())
	}
	tr.report.Reason += fmt.Sprintf(", %s on %d", round(many), cores)
	if float64(many)*threadsMargin >= float64(step) {
		return all.model.Close()
	}
	tr.t.session, tr.step = all, many
	return one.model.Close()
}

// compiled measures XLA where the training is long enough to repay it. A model
// that XLA cannot compile stays in the graph.
func (tr *trial) compiled() {
	from := compileFrom
	if tr.step > longStep {
		from = compileFromLong
	}
	if products := tr.products(); !tr.t.options.GPU && products*compileMargin > tr.step.Seconds() {
		tr.report.Reason += "; XLA not tried: its matrix products alone would take longer"
		return
	}
	if tr.left() < from {
		tr.report.Reason += fmt.Sprintf("; about %s of training would not repay compiling", round(tr.left()))
		return
	}
	compile, step, err := tr.measure(tr.t.xla)
	if err != nil {
		tr.report.Reason += "; XLA cannot compile this model"
		return
	}
	tr.report.Reason += fmt.Sprintf("; xla %s a step after %s of compiling", round(step), round(compile))
	if float64(step)*compileMargin < float64(tr.step) {
		tr.step, tr.report.Engine = step, pipeline.XLA
	}
}

// products is about how long, in seconds, XLA takes for a step's matrix
// products at least: each weight takes part in a multiplication and an
// addition forward and two of each backward, for each record.
func (tr *trial) products() float64 {
	return 6 * float64(tr.t.options.Export.TrainableParameters) * float64(tr.rows) / xlaFlops
}

// measure runs f on the first records: how long its first step took, with all
// preparation, and how long a step takes from then on in calls of full length.
func (tr *trial) measure(f *Function) (first, step time.Duration, err error) {
	run := func(steps int) (time.Duration, error) {
		putInt32(tr.b.steps, steps)
		began := time.Now()
		_, err := tr.t.run(f, tr.b)
		return time.Since(began), err
	}
	if first, err = run(1); err != nil {
		return 0, 0, err
	}
	one, err := run(1)
	if err != nil || tr.most == 1 {
		return first, one, err
	}
	n, took := 1, time.Duration(0)
	for n < tr.most && took-one < measureFor {
		n = min(2*n, tr.most)
		if took, err = run(n); err != nil {
			return 0, 0, err
		}
	}
	if n < tr.most { // what a call costs beside its steps is spread over all of them
		step = (took - one) / time.Duration(n-1)
		return first, step + max(0, one-step)/time.Duration(tr.most), nil
	}
	calls := 1
	for ; took < measureFor; calls++ {
		again, err := run(n)
		if err != nil {
			return 0, 0, err
		}
		took += again
	}
	return first, took / time.Duration(calls*n), nil
}

func round(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	case d > time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(100 * time.Nanosecond)
}
