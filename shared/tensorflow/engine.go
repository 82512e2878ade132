package tensorflow

import (
	"context"
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
	compileFrom     = 3 * time.Second
	compileFromLong = 60 * time.Second
	longStep        = 2 * time.Millisecond
	compileMargin   = 1.3
)

// runner runs the steps of one call.
type runner = func(*buffer, call) (pipeline.Metrics, error)

// choose decides what runs the steps, the plain graph or XLA, and on how many
// threads, and fills report. What it tries it tries on the first records and
// on throw-away state: the variables are restored afterwards, so that the
// choice leaves no trace but the engine's own rounding.
func (t *Trainer) choose(ctx context.Context, f *feeder, p Plan, report *FitReport) (runner, error) {
	report.Engine = pipeline.Graph
	graph := t.train
	if f.weigh != nil {
		graph = t.weighted
	}
	pinned := p.Engine == pipeline.Graph || p.Engine == pipeline.XLA
	switch {
	case p.Engine == pipeline.XLA && (t.xla == nil || f.weigh != nil):
		return nil, pipeline.Invalidf("engine", "xla cannot run this training").WithHint("leave class_weight out, or the engine at auto")
	case p.Engine == pipeline.XLA:
		report.Engine, report.Reason = pipeline.XLA, "pinned by the deployment"
	case pinned:
		report.Reason = "pinned by the deployment"
	case f.samples.Len() < int64(f.batch):
		report.Reason = "less than one batch of records: nothing to choose"
	default:
		if err := t.measureAll(ctx, f, report); err != nil {
			return nil, err
		}
		if f.weigh == nil {
			graph = t.train // of the session that was kept
		} else {
			graph = t.weighted
		}
	}
	report.Threads = t.threads
	return t.runner(report.Engine, graph, f.batch), nil
}

// runner runs full batches on the engine; the short last batch, another shape
// to compile, stays in the graph.
func (t *Trainer) runner(e pipeline.Engine, graph *Function, batch int) runner {
	return func(b *buffer, c call) (pipeline.Metrics, error) {
		if e == pipeline.XLA && c.rows == batch {
			return t.run(t.xla, b)
		}
		return t.run(graph, b)
	}
}

// trial measures engines on the first records of a training.
type trial struct {
	t      *Trainer
	b      *buffer
	most   int
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
	tr := &trial{t: t, b: b, most: f.most, report: report}
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
	name := func(t *Trainer) *Function {
		if weighted {
			return t.weighted
		}
		return t.train
	}
	_, step, err := tr.measure(name(tr.t))
	if err != nil {
		return err
	}
	tr.step = step
	tr.report.Reason = fmt.Sprintf("graph %s a step on %s threads", round(step), tr.t.threads)
	cores := runtime.GOMAXPROCS(0)
	if tr.t.options.Threads != nil || cores == 1 || tr.left() < threadsFrom {
		return nil
	}
	one := tr.t.threads
	if err := tr.t.open(Threads{IntraOp: cores, InterOp: 1}); err != nil {
		return err
	}
	_, many, err := tr.measure(name(tr.t))
	if err != nil {
		return err
	}
	tr.report.Reason += fmt.Sprintf(", %s on %s", round(many), tr.t.threads)
	if float64(many)*threadsMargin < float64(step) {
		tr.step = many
		return nil
	}
	return tr.t.open(one)
}

// compiled measures XLA where the training is long enough to repay it. A model
// that XLA cannot compile stays in the graph.
func (tr *trial) compiled() {
	from := compileFrom
	if tr.step > longStep {
		from = compileFromLong
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

// measure runs f on the first records: how long its first step took, with all
// preparation, and how long a step takes from then on.
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
	var total time.Duration
	for n, done := 1, 0; total < measureFor; n = min(2*n, tr.most) {
		took, err := run(n)
		if err != nil {
			return 0, 0, err
		}
		if n < tr.most && took < measureFor { // still short calls: their overhead would count
			continue
		}
		total, done = total+took, done+n
		step = total / time.Duration(done)
	}
	return first, step, nil
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
