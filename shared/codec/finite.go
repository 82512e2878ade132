package codec

import (
	"encoding/binary"
	"math"
)

// NotFinite reports whether an array, little-endian, holds NaN or Infinity.
func NotFinite(t DType, data []byte) (nan, inf bool) {
	le := binary.LittleEndian
	switch t {
	case Float64:
		const exponent = 0x7ff << 52
		for ; len(data) >= 8; data = data[8:] {
			if v := le.Uint64(data); v&exponent == exponent {
				number := math.Float64frombits(v)
				nan, inf = nan || math.IsNaN(number), inf || math.IsInf(number, 0)
			}
		}
	case Float32:
		const exponent = 0xff << 23
		for ; len(data) >= 4; data = data[4:] {
			if v := le.Uint32(data); v&exponent == exponent {
				number := float64(math.Float32frombits(v))
				nan, inf = nan || math.IsNaN(number), inf || math.IsInf(number, 0)
			}
		}
	case Float16, BFloat16:
		exponent := uint16(0x1f << 10)
		if t == BFloat16 {
			exponent = 0xff << 7
		}
		for ; len(data) >= 2; data = data[2:] {
			if v := le.Uint16(data); v&exponent == exponent {
				fraction := v&^(exponent|1<<15) != 0
				nan, inf = nan || fraction, inf || !fraction
			}
		}
	}
	return nan, inf
}

// LargestInteger is the largest amount in an array of int32, uint32, int64 or
// uint64, little-endian; 0 for another type.
func LargestInteger(t DType, data []byte) (largest float64) {
	le := binary.LittleEndian
	var most uint64
	switch t {
	case Int64:
		for ; len(data) >= 8; data = data[8:] {
			v := int64(le.Uint64(data))
			most = max(most, uint64(max(v, -v)))
		}
	case Uint64:
		for ; len(data) >= 8; data = data[8:] {
			most = max(most, le.Uint64(data))
		}
	case Int32:
		for ; len(data) >= 4; data = data[4:] {
			v := int64(int32(le.Uint32(data)))
			most = max(most, uint64(max(v, -v)))
		}
	case Uint32:
		for ; len(data) >= 4; data = data[4:] {
			most = max(most, uint64(le.Uint32(data)))
		}
	}
	return float64(most)
}
