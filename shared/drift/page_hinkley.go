package drift

import "math"

// PageHinkley is the test of Page (Continuous inspection schemes, 1954): a drift is
// where the values' distance from their mean, summed up, has moved by Threshold from
// where it was least or most.
type PageHinkley struct {
	Least     float64 // values before the first drift
	Delta     float64 // that a value may lie off the mean
	Threshold float64
	Alpha     float64 // by which the sums fade with each value

	Mean          Mean
	Up, Down      float64
	Low, High     float64 // the least Up and the largest Down
	LowAt, HighAt float64 // values up to there
	Begun, Found  bool
}

// NewPageHinkley gives one with River's defaults.
func NewPageHinkley() *PageHinkley {
	return &PageHinkley{Least: 30, Delta: 0.005, Threshold: 50, Alpha: 1 - 0.0001}
}

// Update takes the next value, and reports whether a drift is found with it, and
// whether it is one to larger values.
func (d *PageHinkley) Update(x float64) (found, up bool) {
	if !d.Begun || d.Found {
		d.Mean, d.Up, d.Down, d.Low, d.High = Mean{}, 0, 0, math.Inf(1), -1
		d.Begun, d.Found = true, false
	}
	d.Mean.update(x)
	off := x - d.Mean.Value
	d.Up = d.Alpha*d.Up + off - d.Delta
	d.Down = d.Alpha*d.Down + off + d.Delta
	if d.Up < d.Low {
		d.Low, d.LowAt = d.Up, d.Mean.N
	}
	if d.Down > d.High {
		d.High, d.HighAt = d.Down, d.Mean.N
	}
	up = d.Up-d.Low > d.Threshold
	d.Found = d.Mean.N >= d.Least && (up || d.High-d.Down > d.Threshold)
	return d.Found, d.Found && up
}

// Recent is how many values came since the sum began to move.
func (d *PageHinkley) Recent() float64 {
	if d.Up-d.Low > d.Threshold {
		return d.Mean.N - d.LowAt
	}
	return d.Mean.N - d.HighAt
}
