package train

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	reportEvery = 250 * time.Millisecond // at most four events a second
	reportTime  = 2 * time.Minute        // to deliver one
	leftEvery   = 10 * time.Second       // between two that tell the time left within an epoch
)

// reporter tells progress in the background: what came up since the last
// event goes into the next one.
type reporter struct {
	Config
	within   context.Context // the trace of what is told
	sending  sync.Mutex      // held while an event is on its way
	mu       sync.Mutex
	pending  pipeline.Progress
	adopted  int // number of the last adoption that was to be told
	leftTold time.Time
	wake     chan struct{} // holds one token while something is pending
	done     chan struct{}
	ended    chan struct{}
}

func newReporter(ctx context.Context, c Config) *reporter {
	r := &reporter{Config: c, within: context.WithoutCancel(ctx), wake: make(chan struct{}, 1), done: make(chan struct{}), ended: make(chan struct{})}
	go r.run()
	return r
}

// change edits what is to be told next.
func (r *reporter) change(edit func(*pipeline.Progress)) {
	r.mu.Lock()
	edit(&r.pending)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *reporter) stage(s pipeline.Stage) { r.change(func(p *pipeline.Progress) { p.Stage = s }) }

func (r *reporter) total(epochs int) {
	r.change(func(p *pipeline.Progress) { p.EpochsTotal = epochs })
}

// left tells how long the training still takes, with what is told next, or some
// time after it was told last.
func (r *reporter) left(d time.Duration) {
	r.mu.Lock()
	r.pending.SecondsLeft = d.Seconds()
	due := time.Since(r.leftTold) > leftEvery
	r.mu.Unlock()
	if due {
		r.change(func(*pipeline.Progress) { r.leftTold = time.Now() })
	}
}

func (r *reporter) records(n int64) { r.change(func(p *pipeline.Progress) { p.Records = n }) }

// waits tells by what the training is kept from going on; nil: by nothing any more.
func (r *reporter) waits(why *pipeline.Rejection) {
	r.change(func(p *pipeline.Progress) { p.Waiting = why })
}

func (r *reporter) epoch(e pipeline.Epoch) {
	r.change(func(p *pipeline.Progress) { p.Epochs = append(p.Epochs, e) })
}

func (r *reporter) labels(l pipeline.PseudoLabels) {
	r.change(func(p *pipeline.Progress) { p.PseudoLabels = &l })
}

func (r *reporter) drifts(found ...pipeline.Drift) {
	r.change(func(p *pipeline.Progress) { p.Drifts, _ = pipeline.AddDrifts(p.Drifts, found) })
}

func (r *reporter) adoptions(all ...pipeline.Adoption) {
	if new := pipeline.LastAdoption(all); new > r.adopted {
		r.adopted = new
		r.change(func(p *pipeline.Progress) { p.Adoptions, _ = pipeline.AddAdoptions(p.Adoptions, all) })
	}
}

// run sends until close, then what is left.
func (r *reporter) run() {
	defer close(r.ended)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-r.done:
			r.flush()
			return
		case <-pause.C:
		}
		select {
		case <-r.done:
			r.flush()
			return
		case <-r.wake:
			_ = r.send() // logged, and told again
			pause.Reset(reportEvery)
		}
	}
}

// flush sends what is pending, if anything is.
func (r *reporter) flush() {
	select {
	case <-r.wake:
		_ = r.send() // logged: what follows is the outcome
	default:
	}
}

// errOver says that nothing more is wanted of the attempt: it was ended, as others
// did better.
var errOver = errors.New("the attempt is over")

// verdict tells at once what is pending and gives errOver where the attempt is to
// end. Where nobody answers it goes on: who is away ends it later.
func (r *reporter) verdict() error {
	if err := r.send(); pipeline.KindOf(err) == pipeline.Invalid {
		return fmt.Errorf("%w: %w", errOver, err)
	}
	return nil
}

// send delivers what is pending. Epochs, drifts and adoptions that could not be
// told are told again with the next event: the registry knows each by its number, or place.
func (r *reporter) send() error {
	r.sending.Lock()
	defer r.sending.Unlock()
	r.mu.Lock()
	p := r.pending
	r.pending.Epochs, r.pending.Drifts, r.pending.Adoptions = nil, nil, nil
	r.mu.Unlock()
	p.Result, p.Attempt, p.Verifies = r.Job.Result, r.Job.Attempt, r.Job.Receipt != nil
	ctx, cancel := context.WithTimeout(r.within, reportTime)
	defer cancel()
	err := r.Emitter.Emit(ctx, eventing.New(eventing.TrainingProgressed, r.source(), r.subject(), p))
	if err != nil {
		r.Log.WarnContext(ctx, "progress was not told", "result", p.Result, "attempt", p.Attempt, "error", err)
		if pipeline.KindOf(err) != pipeline.Invalid { // else it is refused each time
			r.change(func(next *pipeline.Progress) {
				next.Epochs = append(p.Epochs, next.Epochs...)
				next.Drifts, _ = pipeline.AddDrifts(p.Drifts, next.Drifts)
				next.Adoptions, _ = pipeline.AddAdoptions(p.Adoptions, next.Adoptions)
			})
		}
	}
	return err
}

// close waits until all progress is told.
func (r *reporter) close() {
	close(r.done)
	<-r.ended
}

// outcome tells the end. Its id is that of the attempt, so that telling it
// twice is telling it once.
func (r *reporter) outcome(ctx context.Context, typ string, o any) error {
	e := eventing.New(typ, r.source(), r.subject(), o)
	of := "outcome"
	if r.Job.Receipt != nil {
		of = "verification"
	}
	e.SetID(fmt.Sprintf("%s-%d-%d", of, r.Job.Result, r.Job.Attempt))
	if err := r.Emitter.Emit(ctx, e); err != nil {
		return op("tell the outcome", err)
	}
	return nil
}

func (r *reporter) source() string { return "/kafkaml/train" }

func (r *reporter) subject() string { return fmt.Sprint(r.Job.Result) }
