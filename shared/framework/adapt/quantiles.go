package adapt

import (
	"math"
	"slices"
	"sort"
)

// atOnce is how many values are summarized at once, as Keras does with what
// update_state gets: up to so many, the boundaries are those of one array.
const atOnce = 4 << 20

// Quantiles are the boundaries of bins that hold about as many values each, as
// Keras' Discretization finds them (summarize, merge_summaries and
// compress_summary of its source): in 4-byte floats where it has such.
type Quantiles struct {
	epsilon float64
	values  []float32
	summary summary
	met     int64
	unsound int64
}

// summary is boundaries and how many values each stands for.
type summary struct{ at, weight []float32 }

// NewQuantiles summarizes with a precision of epsilon.
func NewQuantiles(epsilon float64) *Quantiles { return &Quantiles{epsilon: epsilon} }

// Add takes values.
func (q *Quantiles) Add(values []float32) {
	for _, v := range values {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			q.unsound++
		}
	}
	q.met += int64(len(values))
	for len(values) > 0 {
		n := min(len(values), atOnce-len(q.values))
		q.values = append(q.values, values[:n]...)
		if values = values[n:]; len(q.values) == atOnce {
			q.settle()
		}
	}
}

// settle summarizes what is held back.
func (q *Quantiles) settle() {
	if len(q.values) == 0 {
		return
	}
	slices.Sort(q.values)
	s := summarize(q.values, q.epsilon)
	s.at, s.weight = append(s.at, q.summary.at...), append(s.weight, q.summary.weight...)
	sort.Stable(s)
	q.summary, q.values = s.compress(q.epsilon), q.values[:0]
}

// Boundaries are those between bins bins: fewer where there are few values.
func (q *Quantiles) Boundaries(bins int) ([]float32, error) {
	if q.unsound > 0 {
		return nil, NotFinite{q.unsound, q.met}
	}
	if q.met == 0 {
		return nil, ErrNothing
	}
	q.settle()
	at := q.summary.compress(1 / float64(bins)).at
	return at[:len(at)-1], nil
}

// summarize takes of sorted values those that lie evenly apart.
func summarize(sorted []float32, epsilon float64) summary {
	step := max(float64(len(sorted))/(1/epsilon), 1)
	var s summary
	for i := int(step - 1); i < len(sorted); i += int(step) {
		s.at, s.weight = append(s.at, sorted[i]), append(s.weight, float32(step))
	}
	return s
}

func (s summary) Len() int           { return len(s.at) }
func (s summary) Less(i, j int) bool { return s.at[i] < s.at[j] }
func (s summary) Swap(i, j int) {
	s.at[i], s.at[j] = s.at[j], s.at[i]
	s.weight[i], s.weight[j] = s.weight[j], s.weight[i]
}

// compress leaves as many boundaries as epsilon wants, interpolated by the share
// of the values below them.
func (s summary) compress(epsilon float64) summary {
	if float64(len(s.at))*epsilon < 1 {
		return s
	}
	sums := make([]float32, len(s.weight))
	total := float32(0)
	for i, w := range s.weight {
		total += w
		sums[i] = total
	}
	shares := make([]float64, len(sums))
	for i, w := range sums {
		shares[i] = float64(w / total)
	}
	var c summary
	before := 0.0
	for i := range int(math.Ceil(1 / epsilon)) { // as many as numpy.arange(0, 1, epsilon) has
		p := epsilon + float64(i)*epsilon
		sum := interpolate(p, shares, sums)
		c.at, c.weight = append(c.at, float32(interpolate(p, shares, s.at))), append(c.weight, float32(sum-before))
		before = sum
	}
	return c
}

// interpolate is numpy.interp of one point.
func interpolate(x float64, xs []float64, ys []float32) float64 {
	last := len(xs) - 1
	j := sort.Search(len(xs), func(i int) bool { return xs[i] > x }) - 1
	switch {
	case j < 0:
		return float64(ys[0])
	case j >= last:
		return float64(ys[last])
	case xs[j] == x:
		return float64(ys[j])
	}
	y := float64(ys[j])
	return (float64(ys[j+1])-y)/(xs[j+1]-xs[j])*(x-xs[j]) + y
}
