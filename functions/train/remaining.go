package train

import "time"

// Of all steps, rolling is the part, 1 by this, that the time left is told from:
// the last ones, since steps may get slower or faster. Between two marks lies at
// least the part 1 by markEvery.
const (
	rolling   = 10
	markEvery = 512
)

// remaining tells how long a training still takes from how long its last steps
// took, what lies between them (validation) included. It waits for the first call
// of the library, which takes longer than others, and forgets the first pass over the
// records once there is another: that one runs in the graph, whatever the engine.
type remaining struct {
	now   func() time.Time
	marks []mark
	pass  int       // of the marks
	since time.Time // when it stopped taking steps
}

type mark struct {
	at   time.Time
	done int64
}

// pause hears that no steps are taken for a while, such as while an engine is chosen:
// that comes once, and is no part of what they take.
func (r *remaining) pause() { r.since = r.now() }

// resume hears that steps are taken again.
func (r *remaining) resume() {
	if r.since.IsZero() {
		return
	}
	paused := r.now().Sub(r.since)
	for i := range r.marks {
		r.marks[i].at = r.marks[i].at.Add(paused)
	}
	r.since = time.Time{}
}

// step hears that some of all steps are done, the last of them in a pass, and gives
// the time left; 0: not known yet.
func (r *remaining) step(pass int, done, of int64) time.Duration {
	now := mark{r.now(), done}
	n := len(r.marks)
	switch {
	case n == 0:
	case done < r.marks[n-1].done: // it began again
		r.marks, n = nil, 0
	case pass > 0 && r.pass == 0:
		r.marks, n = r.marks[n-1:], 1
	}
	r.pass = pass
	if n == 0 || done-r.marks[n-1].done >= of/markEvery {
		r.marks = append(r.marks, now)
	}
	for len(r.marks) > 2 && done-r.marks[1].done >= of/rolling {
		r.marks = r.marks[1:]
	}
	first := r.marks[0]
	if done == first.done {
		return 0
	}
	return time.Duration(float64(now.at.Sub(first.at)) / float64(done-first.done) * float64(of-done))
}
