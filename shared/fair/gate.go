// Package fair shares out what there is little of among those who ask for it:
// those who hold least come first, and nobody can take all of it for as long as
// they like by asking often.
package fair

import (
	"context"
	"fmt"
	"sync"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Gate lets so many in at once. Those who wait take turns by who they are, and
// there is a place more for somebody who has none while one other has all of them.
type Gate struct {
	what   string // "models are being built"
	places int    // beside the one that is kept
	most   int    // of one, that wait

	mu      sync.Mutex
	inside  map[string]int
	taken   int
	waiting []*visit // in the order in which they came
	queued  map[string]int
}

// visit is one who waits.
type visit struct {
	who string
	in  chan struct{} // closed once it is let in
}

// NewGate is a gate of so many places, and one that is kept for somebody who has
// none. Of each most may wait. what says what is done inside, for those who are
// turned away: "models are being built".
func NewGate(what string, places, most int) *Gate {
	return &Gate{what: what, places: places, most: most, inside: map[string]int{}, queued: map[string]int{}}
}

// Enter waits until who is let in, or ctx ends; leave is to be called at the end.
// An error says how many wait.
func (g *Gate) Enter(ctx context.Context, who string) (leave func(), err error) {
	g.mu.Lock()
	if g.queued[who] >= g.most {
		defer g.mu.Unlock()
		return nil, g.full(fmt.Sprintf("%d of yours wait already", g.queued[who]), nil)
	}
	v := &visit{who: who, in: make(chan struct{})}
	g.waiting, g.queued[who] = append(g.waiting, v), g.queued[who]+1
	g.admit()
	g.mu.Unlock()
	select {
	case <-v.in:
	case <-ctx.Done():
		if ahead, waits := g.giveUp(v); waits {
			return nil, g.full(fmt.Sprintf("%d others were to come first", ahead), ctx.Err())
		}
	}
	return sync.OnceFunc(func() { g.exit(v) }), nil
}

// Waiting is how many wait.
func (g *Gate) Waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting)
}

// admit lets in whom there is room for. The caller holds the lock.
func (g *Gate) admit() {
	for {
		at := g.next()
		if at < 0 {
			return
		}
		v := g.waiting[at]
		g.leaveQueue(at)
		g.inside[v.who]++
		g.taken++
		close(v.in)
	}
}

// next is the place in the queue of who comes next: who has fewest inside, and of
// several the first. It is -1 where there is no room.
func (g *Gate) next() int {
	best := -1
	for i, v := range g.waiting {
		if best < 0 || g.inside[v.who] < g.inside[g.waiting[best].who] {
			best = i
		}
	}
	switch {
	case best < 0 || g.taken < g.places:
		return best
	case g.taken == g.places && g.inside[g.waiting[best].who] == 0:
		return best // the place that is kept
	}
	return -1
}

// leaveQueue takes a place out of the queue. The caller holds the lock.
func (g *Gate) leaveQueue(at int) {
	who := g.waiting[at].who
	g.waiting = append(g.waiting[:at:at], g.waiting[at+1:]...)
	if g.queued[who]--; g.queued[who] == 0 {
		delete(g.queued, who)
	}
}

// giveUp takes one out of the queue who waits no longer, and reports how many were
// ahead; waits is false for one who has been let in meanwhile.
func (g *Gate) giveUp(v *visit) (ahead int, waits bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.waiting {
		if g.waiting[i] == v {
			g.leaveQueue(i)
			return i, true
		}
	}
	return 0, false
}

func (g *Gate) exit(v *visit) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.taken--
	if g.inside[v.who]--; g.inside[v.who] == 0 {
		delete(g.inside, v.who)
	}
	g.admit()
}

func (g *Gate) full(who string, err error) error {
	return &pipeline.Error{
		Op: "wait", Kind: pipeline.Unavailable, Reason: fmt.Sprintf("other %s: %s", g.what, who),
		Hint: "try again in a minute", Err: err,
	}
}
