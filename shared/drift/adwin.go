package drift

import "math"

// ADWIN is the adaptive window of Bifet and Gavalda (Learning from time-changing data
// with adaptive windowing, 2007): the last values, in an exponential histogram, from
// which the oldest are dropped while two parts of it differ in their means by more
// than chance allows. A drift is where some are dropped. Its memory grows with the
// logarithm of the window.
type ADWIN struct {
	Delta  float64 // confidence: smaller finds less
	Clock  int     // it looks for a drift every so many values
	Most   int     // buckets of a size
	Shares float64 // values that a part must have at least
	Grace  float64 // values before the first drift

	Rows            [][]Bucket // Rows[i] has buckets of 2^i values, the oldest first
	Width           float64
	Total, Variance float64 // of the window; the variance times Width
	Ticks           int
	Recent          float64 // values that the last drift has left in the window
}

// Bucket is the sum of some values, and their variance times their number.
type Bucket struct{ Total, Variance float64 }

// adwinClock is after how many records River's looks for a drift.
const adwinClock = 32

// NewADWIN gives one with River's defaults, that looks as often where each value is the
// mean of so many records, in River's words with clock=32/each.
func NewADWIN(each int) *ADWIN {
	return &ADWIN{Delta: 0.002, Clock: max(1, adwinClock/max(1, each)), Most: 5, Shares: 5, Grace: 10}
}

// Update takes the next value, and reports whether a drift is found with it, and
// whether it is one to larger values.
func (d *ADWIN) Update(x float64) (found, up bool) {
	d.insert(x)
	d.Ticks++
	if d.Ticks%d.Clock != 0 || d.Width <= d.Grace {
		return false, false
	}
	before := d.Total / d.Width
	for d.cut() {
		found = true
	}
	if found {
		up = d.Total/d.Width > before
		*d = ADWIN{Delta: d.Delta, Clock: d.Clock, Most: d.Most, Shares: d.Shares, Grace: d.Grace, Recent: d.Width}
	}
	return found, up
}

// insert adds a value, and joins buckets where there are too many of a size.
func (d *ADWIN) insert(x float64) {
	if len(d.Rows) == 0 {
		d.Rows = append(d.Rows, nil)
	}
	d.Rows[0] = append(d.Rows[0], Bucket{Total: x})
	d.Width++
	if d.Width > 1 {
		off := x - d.Total/(d.Width-1)
		d.Variance += (d.Width - 1) * off * off / d.Width
	}
	d.Total += x
	for i := 0; i < len(d.Rows) && len(d.Rows[i]) > d.Most; i++ {
		if i+1 == len(d.Rows) {
			d.Rows = append(d.Rows, nil)
		}
		a, b, n := d.Rows[i][0], d.Rows[i][1], size(i)
		d.Rows[i+1] = append(d.Rows[i+1], Bucket{a.Total + b.Total, a.Variance + b.Variance + between(n, a.Total/n, n, b.Total/n)})
		d.Rows[i] = append(d.Rows[i][:0], d.Rows[i][2:]...)
	}
}

// size is how many values a bucket of a row holds.
func size(row int) float64 { return math.Ldexp(1, row) }

// between is what two groups add to the variance of all by the distance of their means.
func between(n, mean, m, other float64) float64 {
	return n * m * (mean - other) * (mean - other) / (n + m)
}

// cut drops the oldest bucket where the window falls into two parts that differ.
func (d *ADWIN) cut() bool {
	n, sum := 0.0, 0.0
	for i := len(d.Rows) - 1; i >= 0; i-- {
		for k, b := range d.Rows[i] {
			if i == 0 && k == len(d.Rows[0])-1 {
				return false
			}
			n, sum = n+size(i), sum+b.Total
			rest := d.Width - n
			if n >= d.Shares && rest >= d.Shares && d.differ(n, rest, sum/n-(d.Total-sum)/rest) {
				d.drop()
				return true
			}
		}
	}
	return false
}

// differ reports whether the means of two parts of the window, n and m values, lie
// further apart than chance allows.
func (d *ADWIN) differ(n, m, distance float64) bool {
	confidence := math.Log(2 * math.Log(d.Width) / d.Delta)
	parts := 1/(n-d.Shares+1) + 1/(m-d.Shares+1)
	return math.Abs(distance) > math.Sqrt(2*parts*d.Variance/d.Width*confidence)+2.0/3*confidence*parts
}

// drop forgets the oldest bucket.
func (d *ADWIN) drop() {
	last := len(d.Rows) - 1
	b, n := d.Rows[last][0], size(last)
	d.Width -= n
	d.Total -= b.Total
	d.Variance -= b.Variance + between(n, b.Total/n, d.Width, d.Total/d.Width)
	if d.Rows[last] = d.Rows[last][1:]; len(d.Rows[last]) == 0 {
		d.Rows = d.Rows[:last]
	}
}
