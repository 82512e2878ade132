package adapt

import "math"

// Moments are means and variances of columns, in 8-byte floats whatever the
// values' type: Keras adds up in the type of the array that it is given, of which
// 8 bytes are the more exact.
type Moments struct {
	rows       int64
	mean, sum2 []float64 // sum2: of the squares of what lies off the mean
	part       []float64 // means of what is added
	unsound    int64
}

// NewMoments counts columns columns.
func NewMoments(columns int) *Moments {
	return &Moments{mean: make([]float64, columns), sum2: make([]float64, columns), part: make([]float64, columns)}
}

// Add takes rows, row-major. Each part is summed by itself, then joined to what
// there is, which loses less than one long sum.
func (m *Moments) Add(values []float64) {
	k := len(m.mean)
	if k == 0 || len(values) < k {
		return
	}
	n := len(values) / k
	clear(m.part)
	for row := values; len(row) >= k; row = row[k:] {
		for j, x := range row[:k] {
			m.part[j] += x
		}
	}
	m.rows += int64(n)
	weight := float64(n) / float64(m.rows)
	for j := range m.part {
		if x := m.part[j]; math.IsNaN(x) || math.IsInf(x, 0) {
			m.count(values, j)
		}
		m.part[j] /= float64(n)
		off := m.part[j] - m.mean[j]
		m.mean[j] += off * weight
		m.sum2[j] += off * off * weight * float64(m.rows-int64(n))
	}
	for row := values; len(row) >= k; row = row[k:] {
		for j, x := range row[:k] {
			d := x - m.part[j]
			m.sum2[j] += d * d
		}
	}
}

// count counts the values of column j that are no finite numbers.
func (m *Moments) count(values []float64, j int) {
	for i := j; i < len(values); i += len(m.mean) {
		if math.IsNaN(values[i]) || math.IsInf(values[i], 0) {
			m.unsound++
		}
	}
}

// Sum gives means and variances, of the whole and not of a sample.
func (m *Moments) Sum() (mean, variance []float64, err error) {
	if m.unsound > 0 {
		return nil, nil, NotFinite{m.unsound, m.rows * int64(len(m.mean))}
	}
	if m.rows == 0 {
		return nil, nil, ErrNothing
	}
	variance = make([]float64, len(m.sum2))
	for j, s := range m.sum2 {
		variance[j] = s / float64(m.rows)
	}
	return m.mean, variance, nil
}
