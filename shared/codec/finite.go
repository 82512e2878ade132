package codec

import (
	"encoding/binary"
	"math"
)

// NotFinite reports whether an array, little-endian, holds NaN or Infinity.
func NotFinite(t DType, data []byte) (nan, inf bool) {
	if !t.Float() || (t == Float32 || t == Float64) && finite(t, data) {
		return false, false
	}
	var buf [chunk]float64
	size := t.Size()
	for ; len(data) >= size; data = data[min(len(data), chunk*size):] {
		numbers := buf[:min(chunk, len(data)/size)]
		readFloats(numbers, data, t)
		for _, v := range numbers {
			nan, inf = nan || v != v, inf || math.IsInf(v, 0)
		}
	}
	return nan, inf
}

// finite reports whether no number of an array has an exponent of ones, which
// NaN and Infinity have: adding one to it then carries into the sign's bit.
func finite(t DType, data []byte) bool {
	exponents, ones := uint64(0x7f800000_7f800000), uint64(0x00800000_00800000) // two numbers at a time
	signs := uint64(0x80000000_80000000)
	if t == Float64 {
		exponents, ones, signs = 0x7ff<<52, 1<<52, 1<<63
	}
	var carried uint64
	le := binary.LittleEndian
	for ; len(data) >= 32; data = data[32:] {
		carried |= (le.Uint64(data)&exponents + ones) | (le.Uint64(data[8:])&exponents + ones) |
			(le.Uint64(data[16:])&exponents + ones) | (le.Uint64(data[24:])&exponents + ones)
	}
	for ; len(data) >= 8; data = data[8:] {
		carried |= le.Uint64(data)&exponents + ones
	}
	if len(data) >= 4 { // the last of an odd number of float32
		carried |= uint64(le.Uint32(data))&exponents + ones&0xffffffff
	}
	return carried&signs == 0
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
