package train

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	outliers     = 7    // values that may lie far from all others
	farFromOther = 1000 // times as large
	fewValues    = 20   // of which nothing is said
	beyond       = 1e30 // what no data holds
)

// stat is what there is to say of a column.
type stat struct {
	pipeline.Column
	count   int64 // of finite values
	sum     float64
	largest [outliers + 1]float64 // magnitudes, ascending; 0 where there are fewer
	vast    int64                 // values beyond what data holds
	stands  float64               // the magnitude of the first of them
	several bool                  // others of them have another
}

func named(name string) stat {
	return stat{Column: pipeline.Column{Name: name, Minimum: math.Inf(1), Maximum: math.Inf(-1)}}
}

// number takes one value and says whether it is NaN or infinite, as 1.
func (s *stat) number(x float64) (missing, infinite int64) {
	if !(math.Abs(x) <= beyond) { // false for NaN, as wanted
		if missing, infinite = s.odd(x); missing+infinite > 0 {
			return missing, infinite
		}
	}
	s.count++
	s.sum += x
	if x < s.Minimum {
		s.Minimum = x
	}
	if x > s.Maximum {
		s.Maximum = x
	}
	if m := math.Abs(x); m > s.largest[0] {
		s.keep(m)
	}
	return 0, 0
}

// odd takes a value that is NaN, infinite or vast, and says which of the former, as 1.
func (s *stat) odd(x float64) (missing, infinite int64) {
	switch m := math.Abs(x); {
	case math.IsNaN(x):
		return 1, 0
	case m > math.MaxFloat64:
		return 0, 1
	case s.vast == 0:
		s.stands = m
	case m != s.stands:
		s.several = true
	}
	s.vast++
	return 0, 0
}

// bytes takes the values of a record of bytes, of which none is missing.
func (s *stat) bytes(b []byte) {
	s.count += int64(len(b))
	s.sum += float64(sumOf(b))
	if s.Minimum == 0 && s.Maximum == math.MaxUint8 { // no byte goes beyond
		return
	}
	if len(b) == 0 {
		return
	}
	least, most := b[0], b[0]
	for _, x := range b {
		if x < least {
			least = x
		}
		if x > most {
			most = x
		}
	}
	s.Minimum, s.Maximum = min(s.Minimum, float64(least)), max(s.Maximum, float64(most))
}

// sumOf adds bytes up, eight at a time in lanes of 16 bits.
func sumOf(b []byte) (sum uint64) {
	const lanes, turns = 0x00ff00ff00ff00ff, 64 // a lane takes 128 bytes of 255
	for len(b) >= 8 {
		n := min(len(b)/8, turns)
		var lane uint64
		for i := range n {
			x := binary.LittleEndian.Uint64(b[8*i:])
			lane += x&lanes + x>>8&lanes
		}
		sum += lane&0xffff + lane>>16&0xffff + lane>>32&0xffff + lane>>48
		b = b[8*n:]
	}
	for _, x := range b {
		sum += uint64(x)
	}
	return sum
}

// keep takes a magnitude into the largest.
func (s *stat) keep(m float64) {
	i := 0
	for ; i < outliers && s.largest[i+1] < m; i++ {
		s.largest[i] = s.largest[i+1]
	}
	s.largest[i] = m
}

// column is what is shown of s.
func (s *stat) column() pipeline.Column {
	c := s.Column
	if s.count == 0 {
		c.Minimum, c.Maximum = 0, 0
		return c
	}
	c.Mean = s.sum / float64(s.count)
	if math.IsInf(c.Mean, 0) { // the sum is too large for a number
		c.Mean = 0
	}
	return c
}

// far says how many values of s are far larger than all others, and how large
// the largest of those is.
func (s *stat) far() (n int, rest float64) {
	if s.count < fewValues {
		return 0, 0
	}
	for i := outliers; i > 0; i-- {
		if rest = s.largest[i-1]; rest > 0 && s.largest[i] >= farFromOther*rest {
			return outliers - i + 1, rest
		}
	}
	return 0, 0
}

// most is the largest magnitude.
func (s *stat) most() float64 { return max(math.Abs(s.Minimum), math.Abs(s.Maximum)) }

// swapped is the first of the stats of a tensor whose values are such as floats become
// whose bytes are read in the other order: all of them next to 0, or up to what no data
// holds. It is -1 where there is none. One and the same value beside others is what
// stands for a missing one.
func swapped(all []stat) int {
	const leastNormal = 0x1p-126 // of 4-byte floats
	others := int64(0)
	for i := range all {
		others += all[i].count - all[i].vast
	}
	return slices.IndexFunc(all, func(s stat) bool {
		return s.count > 0 && s.most() > 0 && (s.most() < leastNormal || s.several || s.vast > 0 && others < fewValues)
	})
}

// rounded reports whether all values are so large that a 4-byte float has not
// even whole numbers there, as times in milliseconds are.
func rounded(s *stat) bool {
	return s.count > 0 && ulp(s.Minimum) > 1 && ulp(s.Maximum) > 1 && s.Minimum > 0 == (s.Maximum > 0)
}

// ulp is the distance of a 4-byte float to the next.
func ulp(x float64) float64 {
	f := float32(math.Abs(x))
	return float64(math.Nextafter32(f, math.MaxFloat32) - f)
}

// numbers takes the values of a record as one column. It is number in a loop
// that keeps what it needs at hand: tensors may be large.
func (s *stat) numbers(all []float64) {
	var missing, infinite, count int64
	least, most, sum, low := s.Minimum, s.Maximum, 0.0, s.largest[0]
	for _, x := range all {
		m := math.Abs(x)
		if !(m <= beyond) { // false for NaN, as wanted
			if isMissing, isInfinite := s.odd(x); isMissing+isInfinite > 0 {
				missing, infinite = missing|isMissing, infinite|isInfinite
				continue
			}
		}
		count++
		sum += x
		if x < least {
			least = x
		}
		if x > most {
			most = x
		}
		if m > low {
			s.keep(m)
			low = s.largest[0]
		}
	}
	s.Minimum, s.Maximum = least, most
	s.count, s.sum = s.count+count, s.sum+sum
	s.Missing, s.Infinite = s.Missing+missing, s.Infinite+infinite
}
