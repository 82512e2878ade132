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
// report. Where both are to be tried, it is decided once XLA has compiled and the
// first pass over the records is done; see decide.
func (t *Trainer) choose(ctx context.Context, f *feeder, p framework.Plan, w framework.Watch, report *framework.FitReport) (*runner, error) {
	report.Engine = kerasmodel.Graph
	e := t.options.Export
	later := report.Steps - int64(batches(f.split.Len(), f.batch)) // those after the first pass
	alone := xlaAlone(e, p.BatchSize)
	switch {
	case p.Engine == kerasmodel.XLA && t.holdsText():
		return nil, pipeline.Invalidf("engine", "xla cannot run a model that takes or gives text").WithHint("leave the engine at auto")
	case p.Engine == kerasmodel.XLA && (t.xla == nil || f.weigh != nil):
		return nil, pipeline.Invalidf("engine", "xla cannot run this training").WithHint("leave class_weight out, or the engine at auto")
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
		return t.tryBoth(ctx, f, w, report)
	}
	report.Reason += "; " + t.threads.String()
	if t.halves != nil {
		report.Reason += ", each with half of a batch where layers convolve"
	}
	return t.ready(ctx, f, report)
}

// ready is the runner of the engine that was decided, which compiles where it is XLA.
func (t *Trainer) ready(ctx context.Context, f *feeder, report *framework.FitReport) (*runner, error) {
	r := t.runner(report.Engine, report.Reason, f)
	if r.engine == kerasmodel.XLA {
		return r, r.compile(ctx, f)
	}
	return r, nil
}

// chooseFrom is choose, but for a training that goes on: it stays with the engine
// that it began with, if that was decided.
func (t *Trainer) chooseFrom(ctx context.Context, c *checkpoint, f *feeder, p framework.Plan, w framework.Watch, report *framework.FitReport) (*runner, error) {
	if c == nil || c.Engine == pipeline.Auto {
		return t.choose(ctx, f, p, w, report)
	}
	if c.Engine == kerasmodel.XLA && (t.xla == nil || f.weigh != nil) {
		return nil, fmt.Errorf("%w: it was trained by XLA", framework.ErrForeign)
	}
	report.Engine, report.Reason = c.Engine, c.Reason
	return t.ready(ctx, f, report)
}

// runner runs the steps of calls: full batches on the engine; the short last
// batch, another shape to compile, stays in the graph, and so does the first
// pass over the records. Code that XLA compiles checks nothing: an id beyond a
// table is clamped, a class that there is not becomes NaN. The graph checks
// each record once, so that what it refuses is refused in every engine.
type runner struct {
	t        *Trainer
	engine   pipeline.Engine // Auto as long as it is not decided
	reason   string          // why this engine
	graph    *Function
	halves   *Function // what the graph runs in its place; nil: nothing
	batch    int
	compiled *compilation // nil where XLA is not asked
}

func (t *Trainer) runner(e pipeline.Engine, reason string, f *feeder) *runner {
	r := &runner{t: t, engine: e, reason: reason, graph: t.train, halves: t.halves, batch: f.batch}
	if f.weigh != nil {
		r.graph, r.halves = t.weighted, nil
	}
	return r
}

// steps runs one call.
func (r *runner) steps(b *buffer, c call) (pipeline.Metrics, error) {
	if r.engine == kerasmodel.XLA && c.pass > 0 && c.rows == r.batch {
		r.wait()
		return r.t.run(r.t.xla, b)
	}
	if r.halves != nil && c.rows > 1 {
		return r.t.run(r.halves, b)
	}
	return r.t.run(r.graph, b)
}

// compilation is XLA's, on another thread than the steps of the first pass.
type compilation struct {
	trial trial
	ended chan struct{}
	took  time.Duration
	err   error // why XLA cannot compile the model; nil: it can
}

// compile has XLA compile the loop of steps, by a call of no step on the first
// records: it takes all variables and gives them back as they are, at one moment, so
// that steps of the graph may run meanwhile. Fewer records than a batch are none of
// XLA's.
func (r *runner) compile(ctx context.Context, f *feeder) error {
	if f.split.Len() < int64(f.batch) {
		return nil
	}
	c := &compilation{ended: make(chan struct{})}
	b, err := newBuffer(f.cols, f.most, f.batch, false)
	if err != nil {
		return err
	}
	if err := b.fill(ctx, f.cols, f.split, call{steps: f.most, rows: f.batch}, nil); err != nil {
		return err
	}
	c.trial = trial{t: r.t, b: b, most: f.most, now: clockOf(r.t.threads)}
	r.compiled = c
	putInt32(b.steps, 0)
	go func() {
		defer close(c.ended)
		began := time.Now()
		_, c.err = r.t.xla.Call(r.t.xla.feeds(b))
		runtime.KeepAlive(b)
		c.took = time.Since(began)
	}()
	return nil
}

// wait waits for XLA, which cannot be stopped.
func (r *runner) wait() {
	if r.compiled != nil {
		<-r.compiled.ended
	}
}

// tryBoth begins a training whose engine is decided later, or, where variables cannot
// be set, at once.
func (t *Trainer) tryBoth(ctx context.Context, f *feeder, w framework.Watch, report *framework.FitReport) (*runner, error) {
	r := t.runner(pipeline.Auto, "", f)
	if err := r.compile(ctx, f); err != nil {
		return nil, err
	}
	if t.assign == nil || t.options.GPU {
		return r, r.decide(ctx, w, report, t.restore)
	}
	return r, nil
}

// due reports whether the engine is to be decided after a call, which ends an epoch:
// the first pass is done, and there are epochs to come.
func (r *runner) due(c call, p framework.Plan, records int64) bool {
	return r.engine == pipeline.Auto && c.epoch < p.Epochs && (c.pass > 0 || c.first+int64(c.records()) >= records)
}

// decideHere decides between two epochs, after which the variables are what they were.
func (r *runner) decideHere(ctx context.Context, w framework.Watch, report *framework.FitReport) error {
	now, err := r.t.read()
	if err != nil {
		return err
	}
	return r.decide(ctx, w, report, func() error { return r.t.write(now) })
}

// decide runs the first records in the graph and under XLA, turn by turn, from the
// initial variables, and puts the variables back. A model that XLA cannot compile stays
// in the graph.
func (r *runner) decide(ctx context.Context, w framework.Watch, report *framework.FitReport, back func() error) (err error) {
	if w.Stage != nil {
		w.Stage(pipeline.StageChoosingEngine)
		defer w.Stage(pipeline.StageTraining)
	}
	r.wait()
	c := r.compiled
	if c.err != nil {
		report.Reason = "XLA cannot compile this model"
	} else if report.Reason, err = c.trial.differ(); report.Reason == "" && err == nil {
		err = c.trial.judge(report, c.took)
	}
	if err != nil {
		return r.t.blame(ctx, r.t.train, c.trial.b, call{steps: c.trial.most, rows: r.batch}, err)
	}
	report.Reason += "; " + r.t.threads.String()
	r.engine, r.reason = report.Engine, report.Reason
	c.trial.b = nil
	return back()
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
