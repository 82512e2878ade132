package drift

import "math"

// DDM is the drift detection method of Gama, Medas, Castillo and Rodrigues (Learning
// with drift detection, 2004), for values that are 1 where the model was wrong and 0
// where it was right, or the rate of that among some records: a drift is where the rate of errors lies Threshold standard
// deviations above its least.
type DDM struct {
	Each      float64 // records of a value
	Warm      float64 // records that are not judged
	Threshold float64

	Rate    Mean
	Least   float64 // rate with its standard deviation
	LeastAt float64 // values up to there
	Bound   float64 // that follows from it
	Found   bool
}

// NewDDM gives one with River's defaults, for values each of which is of so many
// records: all of them make a rate sure.
func NewDDM(each int) *DDM {
	return &DDM{Each: float64(max(1, each)), Warm: 30, Threshold: 3, Least: math.Inf(1)}
}

// Update takes the next value, and reports whether a drift is found with it, each of
// which is one to larger values.
func (d *DDM) Update(x float64) (found, up bool) {
	if d.Found {
		d.Rate, d.Least, d.LeastAt, d.Bound, d.Found = Mean{}, math.Inf(1), 0, 0, false
	}
	d.Rate.update(x)
	p, n := d.Rate.Value, d.Rate.N*max(1, d.Each) // 0 where an earlier version kept it
	deviation := math.Sqrt(p * (1 - p) / n)
	if n <= d.Warm {
		return false, false
	}
	if p+deviation <= d.Least {
		d.Least, d.LeastAt, d.Bound = p+deviation, d.Rate.N, p+d.Threshold*deviation
	}
	d.Found = p+deviation > d.Bound
	return d.Found, d.Found
}
