package local

import (
	"maps"
	"slices"
)

// fairQueue lets people take turns: who has fewest Jobs that run comes first, and
// of several whoever has waited longest for a turn. What one of them asked for is
// in rounds.
type fairQueue struct {
	turns []string // people with waiting Jobs, the next first
	of    map[string]*rounds
	n     int
}

func (q *fairQueue) len() int { return q.n }

func (q *fairQueue) push(j *localJob) {
	if q.of == nil {
		q.of = map[string]*rounds{}
	}
	if q.of[j.Owner] == nil {
		q.of[j.Owner] = &rounds{}
		q.turns = append(q.turns, j.Owner)
	}
	q.of[j.Owner].push(j)
	q.n++
}

// next is who comes next where running are the Jobs that people have running; ok
// is false where nobody waits.
func (q *fairQueue) next(running map[string]int) (who string, ok bool) {
	for i, candidate := range q.turns {
		if i == 0 || running[candidate] < running[who] {
			who = candidate
		}
	}
	return who, len(q.turns) > 0
}

// pop takes out the next Job of somebody who has one.
func (q *fairQueue) pop(who string) *localJob {
	j := q.of[who].pop()
	q.n--
	q.turns = slices.DeleteFunc(q.turns, func(t string) bool { return t == who })
	if len(q.of[who].turns) > 0 {
		q.turns = append(q.turns, who)
	} else {
		delete(q.of, who)
	}
	return j
}

func (q *fairQueue) remove(j *localJob) {
	r := q.of[j.Owner]
	if r == nil || !r.remove(j) {
		return
	}
	q.n--
	if len(r.turns) == 0 {
		delete(q.of, j.Owner)
		q.turns = slices.DeleteFunc(q.turns, func(t string) bool { return t == j.Owner })
	}
}

// order names the waiting Jobs as they would begin if no other came and none of
// those that run ended first.
func (q *fairQueue) order(running map[string]int) []string {
	c := fairQueue{turns: slices.Clone(q.turns), of: make(map[string]*rounds, len(q.of))}
	for who, r := range q.of {
		c.of[who] = &rounds{turns: slices.Clone(r.turns), jobs: maps.Clone(r.jobs)}
	}
	running = maps.Clone(running)
	names := make([]string, 0, q.n)
	for who, ok := c.next(running); ok; who, ok = c.next(running) {
		names = append(names, c.pop(who).Name)
		running[who]++
	}
	return names
}

// rounds let the deployments of one person take turns, so that a large one does not
// delay the next; the Jobs of one deployment are first in, first out.
type rounds struct {
	turns []int64 // deployments with waiting Jobs, the next first
	jobs  map[int64][]*localJob
}

func (r *rounds) push(j *localJob) {
	if r.jobs == nil {
		r.jobs = map[int64][]*localJob{}
	}
	d := j.Spec.Deployment
	if len(r.jobs[d]) == 0 {
		r.turns = append(r.turns, d)
	}
	r.jobs[d] = append(r.jobs[d], j)
}

func (r *rounds) pop() *localJob {
	d := r.turns[0]
	j := r.jobs[d][0]
	r.turns = r.turns[1:]
	if r.jobs[d] = r.jobs[d][1:]; len(r.jobs[d]) > 0 {
		r.turns = append(r.turns, d)
	} else {
		delete(r.jobs, d)
	}
	return j
}

// remove reports whether j waited.
func (r *rounds) remove(j *localJob) bool {
	d := j.Spec.Deployment
	i := slices.Index(r.jobs[d], j)
	if i < 0 {
		return false
	}
	if r.jobs[d] = slices.Delete(r.jobs[d], i, i+1); len(r.jobs[d]) == 0 {
		delete(r.jobs, d)
		r.turns = slices.DeleteFunc(r.turns, func(t int64) bool { return t == d })
	}
	return true
}
