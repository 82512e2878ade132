package train

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// looping is TensorFlow with a training step that ends when the test does.
type looping struct {
	tensorflow.Framework
	until chan struct{}
}

func (l looping) OpenTrainer(o framework.TrainerOptions) (framework.Trainer, error) {
	t, err := l.Framework.OpenTrainer(o)
	return &loopingTrainer{t, l.until}, err
}

type loopingTrainer struct {
	framework.Trainer
	until chan struct{}
}

// Fit reads records once, and computes without an end, whatever ctx says.
func (l *loopingTrainer) Fit(ctx context.Context, s framework.Split, _ framework.Plan, _ framework.Watch) (framework.FitReport, error) {
	dst := make([][]byte, len(l.Columns()))
	for i, c := range l.Columns() {
		dst[i] = make([]byte, c.Bytes())
	}
	if err := s.Read(ctx, 0, 0, 1, dst); err != nil {
		return framework.FitReport{}, err
	}
	<-l.until
	return framework.FitReport{}, errors.New("the test has ended")
}

// A model whose step never ends fails, and frees its slot: the process does not
// wait for the call. Told to end, it ends, too.
func TestAttackATrainingThatLoops(t *testing.T) {
	r := newRig(t)
	r.send(t, 40)
	until := make(chan struct{})
	t.Cleanup(func() { close(until) })
	r.Frameworks = framework.Frameworks{looping{until: until}}
	r.Stall = 300 * time.Millisecond
	if err := Run(t.Context(), r.Config); err == nil || !strings.Contains(err.Error(), "made no step for 300ms") {
		t.Errorf("the training ended with %v", err)
	}
	r.mu.Lock()
	if !slices.Equal(r.ends, []string{eventing.TrainingFailed}) || !strings.Contains(r.outcome.Reason, "made no step") || !strings.Contains(r.outcome.Hint, "deadline_seconds") {
		t.Errorf("told %v: %+v", r.ends, r.outcome)
	}
	r.mu.Unlock()
}

// The pulse is that of steps: what waits for Kafka or the store has none, and a
// deployment may state that its steps take longer.
func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		still := func(p *pulse) bool {
			select {
			case <-p.still:
				return true
			default:
				return false
			}
		}
		p := newPulse(Config{})
		long := newPulse(Config{Job: pipeline.TrainingJob{DeadlineSecs: 7200}})
		go p.watch(ctx)
		go long.watch(ctx)
		time.Sleep(10 * stallTime) // nothing is computed
		_ = p.during(func() error {
			for range 10 {
				time.Sleep(stallTime - time.Minute)
				p.beat()
			}
			return nil
		})
		time.Sleep(10 * stallTime)
		if still(p) {
			t.Fatal("a pulse is missed where there is one, or none is due")
		}
		p.beat()
		long.beat()
		time.Sleep(2 * stallTime)
		if !still(p) || still(long) {
			t.Errorf("after twice the time: %v, with a deadline of two hours: %v", still(p), still(long))
		}
	})
}
