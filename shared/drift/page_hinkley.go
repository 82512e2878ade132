package drift

import "math"

// PageHinkley is the test of Page (Continuous inspection schemes, 1954): a drift is
// where the values' distance from their mean, summed up, has moved by Threshold from
// where it was least or most.
type PageHinkley struct {
	Each      float64 // records of a value
	Least     float64 // records before the first drift
	Delta     float64 // that a record may lie off the mean
	Threshold float64
	Alpha     float64 // by which the sums fade with each value

	Mean          Mean
	Up, Down      float64
	Low, High     float64 // the least Up and the largest Down
	LowAt, HighAt float64 // values up to there
	Begun, Found  bool
}

// NewPageHinkley gives one with River's defaults, for values each of which is the mean of
// so many records: it sums up as if each of them had come alone.
func NewPageHinkley(each int) *PageHinkley {
	n := float64(max(1, each))
	return &PageHinkley{Each: n, Least: 30, Delta: 0.005, Threshold: 50, Alpha: math.Pow(1-0.0001, n)}
}

// Update takes the next value, and reports whether a drift is found with it, and
// whether it is one to larger values.
func (d *PageHinkley) Update(x float64) (found, up bool) {
	if !d.Begun || d.Found {
		d.Mean, d.Up, d.Down, d.Low, d.High = Mean{}, 0, 0, math.Inf(1), -1
		d.Begun, d.Found = true, false
	}
	d.Mean.update(x)
	each := max(1, d.Each) // 0 where an earlier version kept it
	off := x - d.Mean.Value
	d.Up = d.Alpha*d.Up + each*(off-d.Delta)
	d.Down = d.Alpha*d.Down + each*(off+d.Delta)
	if d.Up < d.Low {
		d.Low, d.LowAt = d.Up, d.Mean.N
	}
	if d.Down > d.High {
		d.High, d.HighAt = d.Down, d.Mean.N
	}
	up = d.Up-d.Low > d.Threshold
	d.Found = d.Mean.N*each >= d.Least && (up || d.High-d.Down > d.Threshold)
	return d.Found, d.Found && up
}

// Recent is how many values came since the sum began to move.
func (d *PageHinkley) Recent() float64 {
	if d.Up-d.Low > d.Threshold {
		return d.Mean.N - d.LowAt
	}
	return d.Mean.N - d.HighAt
}
