package tensorflow

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// A step of a small model is the dispatch of its operations, some 100 us: XLA compiles
// a loop of many into one program, in which a net of one unit takes 1 us a step. One
// program runs any number of batches, so the weights are the same however they come.
// loopAfter is how many batches run in the graph before XLA is asked, whose compiling
// takes as long as some thousand of them: a short stream is spared it.
var loopAfter int64 = 1000

const (
	// loopMost is how many batches one call takes at most.
	loopMost = 64
	// loopBytes bounds the records of a call.
	loopBytes = 1 << 20
	// loopOperations is how many floating-point operations a batch may have: 100 us of
	// them. What the loop does away with would be little of a longer step.
	loopOperations = 5e6
)

// looping says whether XLA runs the steps of a stream. It is decided once, by the
// model and its first batches, and kept with the weights.
type looping uint8

const (
	notYet looping = iota
	byLoop
	notAllowed // of what looks at the model alone
	notCompiled
	notAlike
)

// reasons are those that are told, after "as they come".
var reasons = map[looping]string{
	byLoop:      ": the first %d in the graph, then up to %d in one call of a loop that XLA has compiled",
	notCompiled: "; XLA cannot compile a loop of its steps",
	notAlike:    "; a loop that XLA has compiled computes another loss than the graph",
}

// Stepping implements framework.Trainer.
func (t *Trainer) Stepping() framework.Stepping {
	how := framework.Stepping{Batches: t.together(), Engine: kerasmodel.Graph, Reason: "the batches of a stream are trained on one by one, as they come"}
	st := t.stepping
	if st == nil {
		return how
	}
	why := reasons[st.looping]
	if st.looping == byLoop {
		how.Engine = kerasmodel.XLA
		why = fmt.Sprintf(why, loopAfter, how.Batches)
	}
	how.Reason += why
	return how
}

// together is how many batches a call takes as it is decided so far.
func (t *Trainer) together() int {
	if st := t.stepping; st != nil && st.looping == byLoop {
		return t.atOnce()
	}
	return 1
}

// atOnce is how many batches a call of the loop takes.
func (t *Trainer) atOnce() int {
	record := 1
	for _, c := range t.columns {
		record += c.room()
	}
	return min(loopMost, loopBytes/(record*t.batch()))
}

// loops reports whether a loop of steps may be tried.
func (t *Trainer) loops() bool {
	e := t.options.Export
	return t.loop != nil && t.assign != nil && t.stepping.weigh == nil && !t.holdsText() && !t.options.GPU &&
		!convolves(e) && operations(e, t.batch()) <= loopOperations && t.atOnce() > 1
}

// tryLoop trains on a batch in the graph, and decides whether XLA trains on those
// after it: where it compiles the loop, and has the same losses before and after the
// batch.
func (t *Trainer) tryLoop(ctx context.Context, s framework.Split, c call) ([]pipeline.Metrics, error) {
	st := t.stepping
	if st.looping = notAllowed; !t.loops() {
		return t.step(ctx, s, c)
	}
	values, err := t.read()
	if err != nil {
		return nil, err
	}
	var tried [2]pipeline.Metrics
	for i := range tried {
		got, err := t.runLoop(ctx, s, c)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			st.looping = notCompiled
			break
		}
		tried[i] = got[0]
	}
	if err := t.write(values); err != nil {
		return nil, err
	}
	all, err := t.step(ctx, s, c)
	if err != nil || st.looping == notCompiled {
		return all, err
	}
	after := tried[1]
	if t.evaluate != nil {
		b, err := t.stepBuffer(c.rows)
		if err != nil {
			return nil, err
		}
		if after, err = t.measured(ctx, t.evaluate, b, c); err != nil {
			return nil, err
		}
	}
	within := agreeWithin
	if t.random() {
		within = agreeAtRandom
	}
	if st.looping = notAlike; agree(all[0], tried[0], agreeWithin) && agree(after, tried[1], within) {
		st.looping = byLoop
	}
	return all, nil
}

// agree reports whether XLA computes what the graph does.
func agree(graph, compiled pipeline.Metrics, within float64) bool {
	for name, g := range graph {
		if x, ok := compiled[name]; !ok || apart(name, g, x, within) {
			return false
		}
	}
	return true
}

// runLoop calls the loop on the batches of c.
func (t *Trainer) runLoop(ctx context.Context, s framework.Split, c call) ([]pipeline.Metrics, error) {
	st := t.stepping
	if st.looped == nil {
		var err error
		if st.looped, err = newBuffer(t.columns, t.atOnce(), t.batch(), false); err != nil {
			return nil, err
		}
	}
	if err := st.looped.fill(ctx, t.columns, s, c, nil); err != nil {
		return nil, err
	}
	t.values = nil
	return t.runs(t.loop, st.looped, c.steps)
}

// loopSteps trains on batches by the loop. XLA checks no record: what the graph
// refuses becomes NaN. So a loss that has become that is asked for in the graph.
func (t *Trainer) loopSteps(ctx context.Context, s framework.Split, c call) ([]pipeline.Metrics, error) {
	all, err := t.runLoop(ctx, s, c)
	if err != nil {
		return nil, err
	}
	for i, m := range all {
		if !slices.ContainsFunc(slices.Collect(maps.Values(m)), math.IsNaN) || t.evaluate == nil {
			continue
		}
		b, err := t.stepBuffer(c.rows)
		if err != nil {
			return nil, err
		}
		one := call{pass: c.pass, first: c.first + int64(i*c.rows), steps: 1, rows: c.rows}
		if err := b.fill(ctx, t.columns, s, one, nil); err != nil {
			return nil, err
		}
		_, err = t.measured(ctx, t.evaluate, b, one)
		return all, err
	}
	return all, nil
}
