package train

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/kafkaml/kafkaml/shared/codec"
)

// misread watches whether the whole numbers of a tensor are the bytes of something
// else: of numbers whose highest byte comes first, or of floats. A tensor is sent in
// one way, so that a number which is neither settles it, and no more are looked at:
// in most streams from the first one on.
type misread struct {
	name      string
	dtype     codec.DType
	settled   bool    // they are what they are said to be
	count     int64   // of numbers that tell which they are: 0 does not
	low, high float64 // of all
	turned    float64 // the largest magnitude with the bytes in the other order
	ordered   bool    // the bytes are not in the other order
	whole     bool    // the bytes are not those of floats
	ups       int64   // numbers of a record that are larger than the one before, 0 aside
	downs     int64   // and smaller
}

func newMisread(name string, t codec.Tensor, raw bool) misread {
	return misread{
		name: name, dtype: t.DType, low: math.Inf(1), high: math.Inf(-1),
		settled: !raw || t.DType.Float() || t.DType.Size() < 2 || t.Fields != nil, // other formats and fields tell the type
	}
}

// add takes the numbers of a record.
func (m *misread) add(numbers []float64) {
	before := 0.0
	for _, x := range numbers {
		if m.settled {
			return
		}
		if m.low, m.high = min(m.low, x), max(m.high, x); x == 0 {
			continue
		}
		m.number(x)
		if before != 0 && x > before {
			m.ups++
		}
		if before != 0 && x < before {
			m.downs++
		}
		before = x
	}
}

func (m *misread) number(x float64) {
	v := uint64(int64(x)) // #nosec G115 -- the bytes count
	if x >= math.MaxInt64 {
		v = uint64(x)
	}
	var turned int64
	float, palindrome := 0.0, false
	switch m.dtype.Size() {
	case 2:
		of := bits.ReverseBytes16(uint16(v))                   // #nosec G115
		turned, palindrome = int64(int16(of)), of == uint16(v) // #nosec G115
	case 4:
		of := bits.ReverseBytes32(uint32(v))                   // #nosec G115
		turned, palindrome = int64(int32(of)), of == uint32(v) // #nosec G115
		float = float64(math.Float32frombits(uint32(v)))       // #nosec G115
	case 8:
		of := bits.ReverseBytes64(v)
		turned, palindrome = int64(of), of == v // #nosec G115
		float = math.Float64frombits(v)
	}
	const most, least = -129, 128 // what the largest and least number of a type become: they often stand for what there is not
	if !palindrome && turned != most && turned != least {
		m.count++
		m.turned = max(m.turned, math.Abs(float64(turned)))
		m.ordered = m.ordered || m.turned > m.small()
	}
	float = math.Abs(float)
	ordinary := float >= 1e-6 && float <= 1e6
	m.whole = m.whole || !ordinary
	m.settled = m.ordered && m.whole
}

// small is how large numbers with the bytes in the right order are at most, where those
// in the other order are told by being larger.
func (m *misread) small() float64 {
	if m.dtype.Size() == 2 {
		return math.MaxUint8
	}
	return math.MaxUint16
}

// times reports whether numbers that would do as floats are times in seconds that are
// padded with 0. As whole numbers all floats of 4 bytes from 1e-6 to 1e6 are such, of
// 1998 to 2009: what tells times is that they are in order within each record.
func (m *misread) times() bool {
	return m.dtype.Size() == 4 && m.low >= 0 && m.high <= math.MaxInt32 && min(m.ups, m.downs) == 0 && max(m.ups, m.downs) >= fewValues
}

// warning says what the numbers are likely to be; empty where they seem right. Numbers
// above 0 alone are not taken for floats: times of about the year 2000 would be.
func (m *misread) warning() string {
	switch size := m.dtype.Size(); {
	case m.settled || m.count < fewValues:
	case !m.whole && m.low <= 0 && m.high > 0 && !m.times():
		return fmt.Sprintf("%s: numbers from %.6g to %.6g are what floats become that are read as %s: if so, name the type that is sent, float%d",
			m.name, m.low, m.high, m.dtype, 8*size)
	case !m.ordered && max(m.high, -m.low) > m.small():
		return fmt.Sprintf("%s: numbers up to %.6g are what numbers up to %.6g become whose highest byte comes first: if so, send the lowest first (little-endian), as x.astype(\"<%c%d\").tobytes() does",
			m.name, max(m.high, -m.low), m.turned, m.dtype.String()[0], size)
	}
	return ""
}
