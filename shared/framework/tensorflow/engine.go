package tensorflow

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The choice of threads and engine changes the rounding of sums, and with it
// the last bits of the weights. So that the same training gives the same
// weights on the same machine, what is tried follows from the model and the
// plan alone, by figures that were measured; only XLA against the graph, where
// both were tried, is decided by the clock, and with a wide margin.
const (
	// manyOperations is how many floating-point operations a step must have
	// for all cores to work on one: below it, handing work over costs more
	// than it saves. A dense network of 20 M ran a step in 0.39 ms on one
	// thread and 0.9 ms on two; a convolutional one of 470 M in 7.0 and 4.8.
	manyOperations = 100e6

	// atOnce is how many operations of a large step run side by side: the
	// gradients by a layer's weights and by its inputs wait for nothing of each
	// other. The convolutional step took 6.2 ms with one at a time, 5.2 with two,
	// no less with three.
	atOnce = 2

	// xlaOperations is how many matrix operations a second XLA reaches on a
	// core: some times fewer than Eigen's, which the graph uses. What XLA
	// does away with is the dispatch of operations, 100 to 200 us a step: a
	// step that it would compute for longer is not for it.
	xlaOperations = 10e9
	xlaLongest    = 200 * time.Microsecond

	// worthCompiling is from how many steps on XLA's compilation, a second or
	// more, is repaid.
	worthCompiling = 15_000
	compileMargin  = 1.3 // how much faster than the graph it must be

	measureFor   = 40 * time.Millisecond // of steps, for one figure
	measureTurns = 3                     // figures, of which the least counts
)

// operations estimates the floating-point operations of a step: forward, and
// twice as many backward.
func operations(e pipeline.Export, batch int) float64 {
	forward := max(e.Operations, 2*e.TrainableParameters)
	return 3 * float64(forward) * float64(batch)
}

// ThreadsFor are the threads that steps of batch records of a model run
// fastest on: one, or for large steps all cores.
func ThreadsFor(e pipeline.Export, batch int) Threads {
	if operations(e, batch) > manyOperations {
		cores := runtime.GOMAXPROCS(0)
		return Threads{IntraOp: cores, InterOp: min(atOnce, cores)}
	}
	return Threads{IntraOp: 1, InterOp: 1}
}

// runner runs the steps of one call.
type runner = func(*buffer, call) (pipeline.Metrics, error)

// choose decides what runs the steps, the plain graph or XLA, and fills
// report.
func (t *Trainer) choose(ctx context.Context, f *feeder, p framework.Plan, w framework.Watch, report *framework.FitReport) (runner, error) {
	report.Engine = kerasmodel.Graph
	e := t.options.Export
	alone := time.Duration(operations(e, p.BatchSize) / xlaOperations * float64(time.Second))
	switch {
	case p.Engine == kerasmodel.XLA && (t.xla == nil || f.weigh != nil):
		return nil, pipeline.Invalidf("engine", "xla cannot run this training").WithHint("leave class_weight out, or the engine at auto")
	case p.Engine == kerasmodel.XLA:
		report.Engine, report.Reason = kerasmodel.XLA, "pinned by the deployment"
	case p.Engine == kerasmodel.Graph:
		report.Reason = "pinned by the deployment"
	case t.xla == nil || f.weigh != nil:
		report.Reason = "class weights run in the graph"
	case f.split.Len() < int64(f.batch):
		report.Reason = "less than one batch of records"
	case report.Steps < worthCompiling:
		report.Reason = fmt.Sprintf("%d steps would not repay compiling", report.Steps)
	case alone > xlaLongest && !t.options.GPU:
		report.Reason = fmt.Sprintf("XLA would take %s a step for its matrix products alone", round(alone))
	default:
		if err := t.measure(ctx, f, w, report); err != nil {
			return nil, err
		}
	}
	report.Reason += "; " + t.threads.String()
	return t.runner(report.Engine, f), nil
}

// runner runs full batches on the engine; the short last batch, another shape
// to compile, stays in the graph.
func (t *Trainer) runner(e pipeline.Engine, f *feeder) runner {
	graph := t.train
	if f.weigh != nil {
		graph = t.weighted
	}
	return func(b *buffer, c call) (pipeline.Metrics, error) {
		if e == kerasmodel.XLA && c.rows == f.batch {
			return t.run(t.xla, b)
		}
		return t.run(graph, b)
	}
}

// measure runs the first records in the graph and under XLA, turn by turn, on
// throw-away state: the variables are restored afterwards. A model that XLA
// cannot compile stays in the graph.
func (t *Trainer) measure(ctx context.Context, f *feeder, w framework.Watch, report *framework.FitReport) error {
	if w.Stage != nil {
		w.Stage(pipeline.StageChoosingEngine)
		defer w.Stage(pipeline.StageTraining)
	}
	b, err := f.take(ctx, f.batch)
	if err != nil {
		return err
	}
	defer func() { f.free[f.batch] <- b }()
	if err := b.fill(ctx, f.cols, f.split, call{steps: f.most, rows: f.batch}, nil); err != nil {
		return err
	}
	tr := &trial{t: t, b: b, most: f.most}
	if _, err := tr.run(t.train, 1); err != nil {
		return err
	}
	compile, err := tr.run(t.xla, 1)
	if err != nil {
		report.Reason = "XLA cannot compile this model"
		return t.restore()
	}
	graph, compiled, err := tr.compare()
	if err != nil {
		return err
	}
	report.Reason = fmt.Sprintf("%d steps; graph %s a step; xla %s a step after %s of compiling", report.Steps, round(graph), round(compiled), round(compile))
	if float64(compiled)*compileMargin < float64(graph) {
		report.Engine = kerasmodel.XLA
	}
	return t.restore()
}

// restore sets all variables back to those of the export.
func (t *Trainer) restore() error {
	if err := t.model.restoreVariables(t.dir); err != nil {
		return fmt.Errorf("restore the initial variables: %w", err)
	}
	return t.clear()
}

// trial measures engines on the first records of a training.
type trial struct {
	t    *Trainer
	b    *buffer
	most int // steps a call
}

// run times one call of steps.
func (tr *trial) run(f *Function, steps int) (time.Duration, error) {
	putInt32(tr.b.steps, steps)
	began := time.Now()
	_, err := tr.t.run(f, tr.b)
	return time.Since(began), err
}

// compare gives the least time of a step of each engine over some turns: what
// else runs on the machine only ever adds.
func (tr *trial) compare() (graph, compiled time.Duration, err error) {
	for turn := range measureTurns {
		g, err := tr.step(tr.t.train)
		if err != nil {
			return 0, 0, err
		}
		x, err := tr.step(tr.t.xla)
		if err != nil {
			return 0, 0, err
		}
		if turn == 0 {
			graph, compiled = g, x
		}
		graph, compiled = min(graph, g), min(compiled, x)
	}
	return graph, compiled, nil
}

// step is how long a step takes in calls of full length.
func (tr *trial) step(f *Function) (time.Duration, error) {
	one, err := tr.run(f, 1)
	if err != nil || tr.most == 1 {
		return one, err
	}
	n, took := 1, time.Duration(0)
	for n < tr.most && took-one < measureFor {
		n = min(2*n, tr.most)
		if took, err = tr.run(f, n); err != nil {
			return 0, err
		}
	}
	if n < tr.most { // what a call costs beside its steps is spread over all of them
		step := (took - one) / time.Duration(n-1)
		return step + max(0, one-step)/time.Duration(tr.most), nil
	}
	calls := 1
	for ; took < measureFor; calls++ {
		again, err := tr.run(f, n)
		if err != nil {
			return 0, err
		}
		took += again
	}
	return took / time.Duration(calls*n), nil
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
