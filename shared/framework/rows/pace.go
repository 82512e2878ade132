package rows

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	defaultMaxBatch = 2048
	// FirstLimit is where Limit starts: a batch that no model makes slow or
	// large.
	FirstLimit = 64
	// growBelow is how long a full batch may take for Limit to double: below
	// it a larger batch still saves more by the record than it adds latency.
	growBelow = time.Millisecond
	// batchBytes bounds the input tensors of one batch, and so what a Limit of
	// large records is.
	batchBytes = 32 << 20
)

// Pace bounds the calls of a predictor: how many are under way, and how many
// records each should have.
type Pace struct {
	slots chan int // the numbers of the calls that are not under way
	max   int
	limit atomic.Int64
}

// NewPace lets calls have at most most records, 2,048 where that is 0, and as
// many be under way as there are processors.
func NewPace(most int) *Pace {
	if most <= 0 {
		most = defaultMaxBatch
	}
	p := &Pace{slots: make(chan int, runtime.GOMAXPROCS(0)), max: most}
	for i := range cap(p.slots) {
		p.slots <- i
	}
	return p
}

// Calls is how many may be under way.
func (p *Pace) Calls() int { return cap(p.slots) }

// Enter waits until a call may begin and gives it a number below Calls, which
// no other call has until Leave.
func (p *Pace) Enter(ctx context.Context) (call int, err error) {
	select {
	case call = <-p.slots:
		return call, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Leave ends a call.
func (p *Pace) Leave(call int) { p.slots <- call }

// Limit is how many records a batch should hold at most: it starts low and
// doubles while a full batch is quick, so that a large model neither holds up
// a record behind a long batch nor fills the memory with activations.
func (p *Pace) Limit() int { return int(p.limit.Load()) }

// Start sets the limit for records whose inputs have so many bytes each.
func (p *Pace) Start(record int) {
	p.max = max(1, min(p.max, batchBytes/max(1, record)))
	p.limit.Store(int64(min(FirstLimit, p.max)))
}

// Learn raises the limit where a full batch of n records was quick.
func (p *Pace) Learn(n int, took time.Duration) {
	limit := p.limit.Load()
	if int64(n) >= limit && took < growBelow && limit < int64(p.max) {
		p.limit.CompareAndSwap(limit, min(2*limit, int64(p.max)))
	}
}

// Lower takes the limit below a batch of n records that was too slow or too
// large.
func (p *Pace) Lower(n int) {
	if limit := p.limit.Load(); int64(n) <= limit {
		p.limit.CompareAndSwap(limit, max(1, int64(n)/2))
	}
}
