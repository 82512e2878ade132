// Package callbacks decides after each epoch what EarlyStopping and
// ReduceLROnPlateau of Keras 3 would: whether its weights are the best, whether
// the training ends, which learning rate comes next. It holds no weights.
package callbacks

import (
	"fmt"
	"math"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Callbacks are those of one training.
type Callbacks struct {
	stopping *stopping // nil: none
	plateau  *plateau
}

// New takes what a training was given; modes are those of Export.Monitors. A
// metric of the validation in a training that has none is an Invalid error: it
// would never be seen.
func New(s *pipeline.EarlyStopping, r *pipeline.ReduceLR, modes map[string]pipeline.MetricMode, validates bool) (*Callbacks, error) {
	if err := (pipeline.TrainingKwargs{EarlyStopping: s, ReduceLR: r}).CheckMonitors(validates); err != nil {
		return nil, err
	}
	c := &Callbacks{}
	if s != nil {
		c.stopping = &stopping{EarlyStopping: *s, monitor: newMonitor(s.Monitor, s.Mode, s.MinDelta, modes)}
	}
	if r != nil {
		c.plateau = &plateau{ReduceLR: *r, monitor: newMonitor(r.Monitor, r.Mode, r.MinDelta, modes)}
	}
	return c, nil
}

// Verdict is what becomes of a training after an epoch.
type Verdict struct {
	Best bool // the epoch is the best so far
	Stop bool // it was the last
}

// Epoch judges the epoch that has ended. rates are the learning rates of the
// training, as its variables hold them, which it may lower in place.
func (c *Callbacks) Epoch(e pipeline.Epoch, rates []float32) (v Verdict) {
	if c.stopping != nil {
		v = c.stopping.epoch(e)
	}
	if c.plateau != nil {
		c.plateau.epoch(e, rates)
	}
	return v
}

// Rates reports whether Epoch looks at the learning rates.
func (c *Callbacks) Rates() bool { return c.plateau != nil }

// Restores reports whether the best weights are wanted at the end.
func (c *Callbacks) Restores() bool { return c.stopping != nil && c.stopping.RestoreBest }

// Stopping tells how it went, nil where there is no early stopping.
func (c *Callbacks) Stopping() *pipeline.Stopping {
	if c.stopping == nil {
		return nil
	}
	return c.stopping.tell()
}

// State is what callbacks know after an epoch.
type State struct{ Stopping, Plateau Memory }

// Memory is what one of them knows.
type Memory struct {
	Seen      bool // Best is set
	Best      float64
	Wait      int
	BestEpoch int // of EarlyStopping
	Cooling   int // of ReduceLROnPlateau
}

// State gives what is known, for Resume.
func (c *Callbacks) State() (s State) {
	if c.stopping != nil {
		s.Stopping = Memory{Wait: c.stopping.wait, BestEpoch: c.stopping.bestEpoch}
		s.Stopping.Best, s.Stopping.Seen = c.stopping.known()
	}
	if c.plateau != nil {
		s.Plateau = Memory{Wait: c.plateau.wait, Cooling: c.plateau.cooling}
		s.Plateau.Best, s.Plateau.Seen = c.plateau.known()
	}
	return s
}

// Resume goes on from a state of the same callbacks.
func (c *Callbacks) Resume(s State) {
	if c.stopping != nil {
		c.stopping.wait, c.stopping.bestEpoch, c.stopping.best = s.Stopping.Wait, s.Stopping.BestEpoch, s.Stopping.best()
	}
	if c.plateau != nil {
		c.plateau.wait, c.plateau.cooling, c.plateau.best = s.Plateau.Wait, s.Plateau.Cooling, s.Plateau.best()
	}
}

func (m Memory) best() *float64 {
	if !m.Seen {
		return nil
	}
	return &m.Best
}

// monitor follows one metric.
type monitor struct {
	name  string
	delta float64 // below 0 where a low value is better, as Keras keeps it
	max   bool
	best  *float64 // nil: none yet
}

func newMonitor(name string, mode pipeline.MetricMode, delta float64, modes map[string]pipeline.MetricMode) monitor {
	if mode == pipeline.ModeAuto {
		mode = modes[name]
	}
	m := monitor{name: name, delta: math.Abs(delta), max: mode == pipeline.ModeMax}
	if !m.max {
		m.delta = -m.delta
	}
	return m
}

// of is the metric in an epoch, false where it was not measured.
func (m *monitor) of(e pipeline.Epoch) (float64, bool) {
	metrics, name := e.Training, m.name
	if rest, ok := strings.CutPrefix(name, pipeline.ValidationPrefix); ok {
		metrics, name = e.Validation, rest
	}
	v, ok := metrics[name]
	return v, ok
}

// known is the best so far, if there is one.
func (m *monitor) known() (best float64, ok bool) {
	if m.best == nil {
		return 0, false
	}
	return *m.best, true
}

// improves reports whether a value is better than another, of which nil is worse
// than all. Keras subtracts in double precision and compares in single.
func (m *monitor) improves(value float64, than *float64) bool {
	if than == nil {
		return true
	}
	a, b := float32(value-m.delta), float32(*than)
	if m.max {
		return a > b
	}
	return a < b
}

// stopping is EarlyStopping.
type stopping struct {
	pipeline.EarlyStopping
	monitor
	wait, bestEpoch, stopped, last int // epochs from 1
}

func (s *stopping) epoch(e pipeline.Epoch) (v Verdict) {
	s.last = e.Epoch
	value, ok := s.of(e)
	if !ok || e.Epoch-1 < s.StartFrom {
		return v
	}
	s.wait++
	if s.improves(value, s.best) {
		s.best, s.bestEpoch = &value, e.Epoch
		if s.Baseline == nil || s.improves(value, s.Baseline) {
			s.wait = 0
		}
		return Verdict{Best: true}
	}
	if s.wait >= s.Patience && e.Epoch > 1 {
		s.stopped = e.Epoch
	}
	return Verdict{Stop: s.stopped > 0}
}

func (s *stopping) tell() *pipeline.Stopping {
	t := &pipeline.Stopping{Monitor: s.Monitor, BestEpoch: s.bestEpoch, StoppedEpoch: s.stopped, Restored: s.RestoreBest && s.bestEpoch > 0}
	if s.best == nil {
		t.Reason = fmt.Sprintf("%s was not looked at in any of %d epochs", s.Monitor, s.last)
		return t
	}
	t.Best = pipeline.Metrics{s.Monitor: *s.best}
	t.Reason = fmt.Sprintf("trained all epochs; the best was %d, with a %s of %.6g", s.bestEpoch, s.Monitor, *s.best)
	if s.stopped > 0 {
		t.Reason = fmt.Sprintf("stopped after epoch %d: %s has not been better than its %.6g of epoch %d", s.stopped, s.Monitor, *s.best, s.bestEpoch)
		if s.Baseline != nil && !s.improves(*s.best, s.Baseline) {
			t.Reason += fmt.Sprintf(", nor than the baseline of %.6g", *s.Baseline)
		}
	}
	if t.Restored {
		t.Reason += "; the weights are those of the best epoch"
	}
	return t
}

// plateau is ReduceLROnPlateau.
type plateau struct {
	pipeline.ReduceLR
	monitor
	wait, cooling int // epochs
}

func (p *plateau) epoch(e pipeline.Epoch, rates []float32) {
	value, ok := p.of(e)
	if !ok {
		return
	}
	if p.cooling > 0 {
		p.cooling--
		p.wait = 0
	}
	if p.improves(value, p.best) {
		p.best, p.wait = &value, 0
		return
	}
	if p.cooling > 0 {
		return
	}
	if p.wait++; p.wait >= p.Patience && p.reduce(rates) {
		p.cooling, p.wait = p.Cooldown, 0
	}
}

// reduce lowers the rates that are above the lowest, and reports whether there
// was one.
func (p *plateau) reduce(rates []float32) (reduced bool) {
	for i, r := range rates {
		if r > float32(p.MinLR) {
			rates[i] = float32(max(float64(r)*p.Factor, p.MinLR))
			reduced = true
		}
	}
	return reduced
}
