package local

import "slices"

// fairQueue lets deployments take turns; the Jobs of one deployment are first in,
// first out.
type fairQueue struct {
	turns []int64 // deployments with waiting Jobs, the next first
	jobs  map[int64][]*localJob
	n     int
}

func (q *fairQueue) len() int { return q.n }

func (q *fairQueue) push(j *localJob) {
	if q.jobs == nil {
		q.jobs = map[int64][]*localJob{}
	}
	d := j.Spec.Deployment
	if len(q.jobs[d]) == 0 {
		q.turns = append(q.turns, d)
	}
	q.jobs[d] = append(q.jobs[d], j)
	q.n++
}

// pop returns nil if nothing waits.
func (q *fairQueue) pop() *localJob {
	if q.n == 0 {
		return nil
	}
	d := q.turns[0]
	j := q.jobs[d][0]
	q.turns = q.turns[1:]
	if q.jobs[d] = q.jobs[d][1:]; len(q.jobs[d]) > 0 {
		q.turns = append(q.turns, d)
	} else {
		delete(q.jobs, d)
	}
	q.n--
	return j
}

func (q *fairQueue) remove(j *localJob) {
	d := j.Spec.Deployment
	i := slices.Index(q.jobs[d], j)
	if i < 0 {
		return
	}
	q.n--
	if q.jobs[d] = slices.Delete(q.jobs[d], i, i+1); len(q.jobs[d]) == 0 {
		delete(q.jobs, d)
		q.turns = slices.DeleteFunc(q.turns, func(t int64) bool { return t == d })
	}
}
