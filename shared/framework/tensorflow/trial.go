package tensorflow

import (
	"fmt"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// trial measures engines on the first records of a training.
type trial struct {
	t    *Trainer
	b    *buffer
	most int // steps a call
	now  func() time.Duration
}

// clockOf is what steps on so many threads are timed by: on one, the time of the
// processor that the process has had, which others on the machine do not
// lengthen; on more, the time that passes.
func clockOf(t Threads) func() time.Duration {
	var at unix.Timespec
	if t.IntraOp == 1 && unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &at) == nil {
		return func() time.Duration {
			_ = unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &at) // it went well before
			return time.Duration(at.Nano())
		}
	}
	began := time.Now()
	return func() time.Duration { return time.Since(began) }
}

// run times one call of steps.
func (tr *trial) run(f *Function, steps int) (time.Duration, error) {
	putInt32(tr.b.steps, steps)
	began := tr.now()
	_, err := tr.t.run(f, tr.b)
	return tr.now() - began, err
}

// judge takes the engine that is faster by the margin.
func (tr *trial) judge(report *framework.FitReport, compile time.Duration) error {
	graph, compiled, err := tr.compare()
	if err != nil {
		return err
	}
	report.Reason = fmt.Sprintf("%d steps; graph %s a step; xla %s a step after %s of compiling", report.Steps, round(graph), round(compiled), round(compile))
	if float64(compiled)*compileMargin < float64(graph) {
		report.Engine = kerasmodel.XLA
	}
	return nil
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
		if compiled > hopeless*graph {
			break
		}
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

// How far XLA's numbers may be from the graph's over the same few steps: sums
// are rounded in another order, and in half precision by more; what a model
// draws at random it may draw otherwise.
const (
	agreeSteps    = 16
	agreeWithin   = 0.02
	agreeAtRandom = 0.5
)

// differ says in what XLA's numbers are not the graph's, from the same
// variables over the same records; empty where they agree.
func (tr *trial) differ() (string, error) {
	steps := min(agreeSteps, tr.most)
	graph, err := tr.metrics(tr.t.train, steps)
	if err != nil {
		return "", err
	}
	compiled, err := tr.metrics(tr.t.xla, steps)
	if err != nil {
		return "", err
	}
	within := agreeWithin
	if tr.t.random() {
		within = agreeAtRandom
	}
	for name, g := range graph {
		if x := compiled[name]; apart(name, g, x, within) {
			return fmt.Sprintf("XLA computes another %s over the first %d steps: %.6g, the graph %.6g", name, steps, x, g), nil
		}
	}
	return "", nil
}

// apart reports whether XLA's value of a metric is further from the graph's than within
// allows.
func apart(name string, graph, compiled, within float64) bool {
	return finite(graph) != finite(compiled) ||
		lossLike(name) && finite(graph) && math.Abs(graph-compiled) > within*max(math.Abs(graph), math.Abs(compiled), 1e-3)
}

// metrics are those of steps from the initial variables on.
func (tr *trial) metrics(f *Function, steps int) (pipeline.Metrics, error) {
	if err := tr.t.restore(); err != nil {
		return nil, err
	}
	putInt32(tr.b.steps, steps)
	return tr.t.run(f, tr.b)
}
