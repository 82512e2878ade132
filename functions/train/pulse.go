package train

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// stallTime is how long a model may train without a step that ends: a graph can
// loop. A deployment that states a deadline may take as long as that.
const stallTime = 30 * time.Minute

// pulse tells that the trainer works: it reads records, or an epoch has ended. What
// a library computes cannot be stopped, so a training without a pulse is given up
// while its call goes on, and its process is to end.
type pulse struct {
	stall time.Duration
	began time.Time
	last  atomic.Int64 // time.Duration since began, which no step of the clock changes; 0 while nothing is computed
	still chan struct{}
	once  sync.Once
}

func newPulse(c Config) *pulse {
	p := &pulse{stall: c.Stall, began: time.Now(), still: make(chan struct{})}
	if p.stall == 0 {
		p.stall = max(stallTime, time.Duration(c.Job.DeadlineSecs)*time.Second)
	}
	return p
}

// beat says that a step has ended. A nil pulse takes it, too.
func (p *pulse) beat() {
	if p != nil {
		p.last.Store(int64(time.Since(p.began)) + 1)
	}
}

// during does what the trainer computes. Else there is no pulse to be missed: the
// store or Kafka may be away for as long as they like.
func (p *pulse) during(do func() error) error {
	p.beat()
	defer p.last.Store(0)
	return do()
}

// watch closes still once there is no pulse, and returns at the end of ctx.
func (p *pulse) watch(ctx context.Context) {
	tick := time.NewTicker(max(p.stall/100, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if last := p.last.Load(); last != 0 && time.Since(p.began)-time.Duration(last) > p.stall {
				p.once.Do(func() { close(p.still) })
				return
			}
		}
	}
}

// stalled is what a training without a pulse comes to.
func (p *pulse) stalled() error {
	return &pipeline.Error{
		Op: "train", Kind: pipeline.Invalid, Reason: fmt.Sprintf("the model has made no step for %v: its graph loops without an end, as a rule", p.stall),
		Hint: "look at loops in train_step and in the layers; where a step does take that long, state a deadline (deadline_seconds of the deployment's resources) that is longer",
	}
}
