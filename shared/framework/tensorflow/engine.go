package tensorflow

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
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

	// xlaConvolved is how many operations a second XLA reaches on a core where
	// layers convolve: 15 times fewer than the graph, which a step that it would
	// compute for longer than xlaLongest cannot make good. Matrix products it
	// computes as fast as the graph does.
	xlaConvolved = 10e9
	xlaLongest   = 200 * time.Microsecond

	// worthCompiling is from how many steps on XLA's compilation is repaid, 0.3 s
	// to a second or more: what XLA does away with is the dispatch of operations,
	// 100 to 200 us a step.
	worthCompiling = 6_000
	compileMargin  = 1.2 // how much faster than the graph it must be
	hopeless       = 2   // how much slower it is where nothing more is measured

	measureFor   = 10 * time.Millisecond // of steps, for one figure
	measureTurns = 3                     // figures, of which the least counts
)

// operations estimates the floating-point operations of a step: forward, and
// twice as many backward.
func operations(e pipeline.Export, batch int) float64 {
	forward := max(e.Operations, 2*e.TrainableParameters)
	return 3 * float64(forward) * float64(batch)
}

// ThreadsFor are the threads that steps of batch records of a model run
// fastest on: the caller's, since a call that is one small step may be shorter than
// another thread takes to wake, or for large steps all cores.
func ThreadsFor(e pipeline.Export, batch int) Threads {
	if operations(e, batch) > manyOperations {
		cores := runtime.GOMAXPROCS(0)
		return Threads{IntraOp: cores, InterOp: min(atOnce, cores)}
	}
	return Threads{IntraOp: 1, InterOp: -1}
}

// xlaAlone estimates how long XLA would take for what it computes slowly of a
// step, whatever else it saves: 0 where no layer convolves, as far as the layers
// tell.
func xlaAlone(e pipeline.Export, batch int) time.Duration {
	if !convolves(e) {
		return 0
	}
	return time.Duration(operations(e, batch) / xlaConvolved * float64(time.Second))
}

// convolves reports whether a layer convolves.
func convolves(e pipeline.Export) bool {
	return slices.ContainsFunc(e.Layers, func(l pipeline.Layer) bool { return strings.Contains(l.Class, "Conv") })
}

// choose decides what runs the steps, the plain graph or XLA, and fills
// report.
func (t *Trainer) choose(ctx context.Context, f *feeder, p framework.Plan, w framework.Watch, report *framework.FitReport) (runner, error) {
	report.Engine = kerasmodel.Graph
	e := t.options.Export
	later := report.Steps - int64(batches(f.split.Len(), f.batch)) // those after the first pass
	alone := xlaAlone(e, p.BatchSize)
	switch {
	case p.Engine == kerasmodel.XLA && t.holdsText():
		return runner{}, pipeline.Invalidf("engine", "xla cannot run a model that takes or gives text").WithHint("leave the engine at auto")
	case p.Engine == kerasmodel.XLA && (t.xla == nil || f.weigh != nil):
		return runner{}, pipeline.Invalidf("engine", "xla cannot run this training").WithHint("leave class_weight out, or the engine at auto")
	case p.Engine == kerasmodel.XLA && later <= 0:
		report.Reason = "xla would begin with the second pass over the records: the first one runs in the graph, which checks each"
	case p.Engine == kerasmodel.XLA:
		report.Engine, report.Reason = kerasmodel.XLA, "pinned by the deployment; the first pass over the records runs in the graph, which checks each"
	case p.Engine == kerasmodel.Graph:
		report.Reason = "pinned by the deployment"
	case t.holdsText():
		report.Reason = "text runs in the graph"
	case f.weigh == nil && later < worthCompiling:
		report.Reason = fmt.Sprintf("%d steps after the first pass would not repay compiling", max(0, later))
	case t.xla == nil || f.weigh != nil:
		report.Reason = "class weights run in the graph"
	case f.split.Len() < int64(f.batch):
		report.Reason = "less than one batch of records"
	case alone > xlaLongest && !t.options.GPU:
		report.Reason = fmt.Sprintf("XLA would take %s a step for its convolutions alone", round(alone))
	default:
		if err := t.measure(ctx, f, w, report); err != nil {
			return runner{}, err
		}
	}
	report.Reason += "; " + t.threads.String()
	return t.runner(report.Engine, report.Reason, f), nil
}

// chooseFrom is choose, but for a training that goes on: it stays with the engine
// that it began with.
func (t *Trainer) chooseFrom(ctx context.Context, c *checkpoint, f *feeder, p framework.Plan, w framework.Watch, report *framework.FitReport) (runner, error) {
	if c == nil {
		return t.choose(ctx, f, p, w, report)
	}
	if c.Engine == kerasmodel.XLA && (t.xla == nil || f.weigh != nil) {
		return runner{}, fmt.Errorf("%w: it was trained by XLA", framework.ErrForeign)
	}
	report.Engine, report.Reason = c.Engine, c.Reason
	return t.runner(c.Engine, c.Reason, f), nil
}

// runner runs the steps of calls: full batches on the engine; the short last
// batch, another shape to compile, stays in the graph, and so does the first
// pass over the records. Code that XLA compiles checks nothing: an id beyond a
// table is clamped, a class that there is not becomes NaN. The graph checks
// each record once, so that what it refuses is refused in every engine.
type runner struct {
	t      *Trainer
	engine pipeline.Engine
	reason string // why this engine
	graph  *Function
	batch  int
}

func (t *Trainer) runner(e pipeline.Engine, reason string, f *feeder) runner {
	r := runner{t: t, engine: e, reason: reason, graph: t.train, batch: f.batch}
	if f.weigh != nil {
		r.graph = t.weighted
	}
	return r
}

// steps runs one call.
func (r *runner) steps(b *buffer, c call) (pipeline.Metrics, error) {
	if r.engine == kerasmodel.XLA && c.pass > 0 && c.rows == r.batch {
		return r.t.run(r.t.xla, b)
	}
	return r.t.run(r.graph, b)
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
	tr := &trial{t: t, b: b, most: f.most, now: clockOf(t.threads)}
	compile, err := tr.compile()
	if err != nil { // of the graph: its own
		return t.blame(ctx, t.train, b, call{steps: f.most, rows: f.batch}, err)
	}
	if compile == 0 {
		report.Reason = "XLA cannot compile this model"
		return t.restore()
	}
	if report.Reason, err = tr.differ(); report.Reason == "" && err == nil {
		err = tr.judge(report, compile)
	}
	if err != nil {
		return t.blame(ctx, t.train, b, call{steps: f.most, rows: f.batch}, err)
	}
	return t.restore()
}

// restore sets all variables back to those of the export or of the ancestor, and
// what layers have learned before the training.
func (t *Trainer) restore() error {
	if err := t.model.restoreVariables(t.dir); err != nil {
		return fmt.Errorf("restore the initial variables: %w", err)
	}
	for _, s := range t.settings {
		if err := s.run(t.options.Export); err != nil {
			return err
		}
	}
	if t.inherited != nil {
		if err := t.write(t.inherited); err != nil {
			return err
		}
	}
	return t.clear()
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
