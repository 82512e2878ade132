package codec

import (
	"encoding/binary"
	"fmt"
	"math"
)

// chunk is how many elements pass through an intermediate at a time: small
// enough to stay in the first-level cache.
const chunk = 256

// Cast converts src, elements of type from, into dst, elements of type to,
// little-endian on both sides. The lengths must agree. A fraction, a NaN or a
// number out of range is refused where to is an integer or bool; to a float it
// is rounded to the nearest, ties to even. It does not allocate.
func Cast(dst []byte, to DType, src []byte, from DType) error {
	ts, fs := to.Size(), from.Size()
	if ts == 0 || fs == 0 {
		return fmt.Errorf("cannot cast %s to %s", from, to)
	}
	if len(src)%fs != 0 || len(dst) != len(src)/fs*ts {
		return fmt.Errorf("cannot cast %d bytes of %s into %d bytes of %s", len(src), from, len(dst), to)
	}
	switch {
	case from == to:
		copy(dst, src)
		return nil
	case from == Uint8 && to == Float32:
		uint8ToFloat32(dst, src)
		return nil
	case from == Float64 && to == Float32:
		float64ToFloat32(dst, src)
		return nil
	case to.Float() || from.Float() || from == Uint64:
		return castFloats(dst, to, src, from)
	}
	return castIntegers(dst, to, src, from)
}

// floatOfByte are the bits of the 4-byte float of each byte.
var floatOfByte = func() (bits [256]uint32) {
	for i := range bits {
		bits[i] = math.Float32bits(float32(i))
	}
	return bits
}()

// uint8ToFloat32 casts eight bytes at a time: each batch of a training by pictures
// goes through it.
func uint8ToFloat32(dst, src []byte) {
	bits, le := &floatOfByte, binary.LittleEndian
	for len(src) >= 8 && len(dst) >= 32 {
		x := le.Uint64(src)
		le.PutUint64(dst, uint64(bits[byte(x)])|uint64(bits[byte(x>>8)])<<32)
		le.PutUint64(dst[8:], uint64(bits[byte(x>>16)])|uint64(bits[byte(x>>24)])<<32)
		le.PutUint64(dst[16:], uint64(bits[byte(x>>32)])|uint64(bits[byte(x>>40)])<<32)
		le.PutUint64(dst[24:], uint64(bits[byte(x>>48)])|uint64(bits[byte(x>>56)])<<32)
		src, dst = src[8:], dst[32:]
	}
	for i, v := range src {
		le.PutUint32(dst[4*i:4*i+4], bits[v])
	}
}

func float64ToFloat32(dst, src []byte) {
	for i := 0; i+8 <= len(src); i += 8 {
		v := math.Float64frombits(binary.LittleEndian.Uint64(src[i:]))
		binary.LittleEndian.PutUint32(dst[i/2:], math.Float32bits(float32(v)))
	}
}

// castFloats goes through float64. An integer above 2^53 loses its last bits,
// which only a uint64 source that is to become another integer would notice:
// those are read exactly by uint64ToInteger.
func castFloats(dst []byte, to DType, src []byte, from DType) error {
	if from == Uint64 && !to.Float() {
		return uint64ToInteger(dst, to, src)
	}
	var buf [chunk]float64
	ts, fs := to.Size(), from.Size()
	for at, total := 0, len(src)/fs; at < total; at += chunk {
		n := min(chunk, total-at)
		readFloats(buf[:n], src[at*fs:], from)
		if i := writeFloats(dst[at*ts:], to, buf[:n]); i >= 0 {
			return misfit(buf[i], at+i, to)
		}
	}
	return nil
}

func castIntegers(dst []byte, to DType, src []byte, from DType) error {
	var buf [chunk]int64
	ts, fs := to.Size(), from.Size()
	for at, total := 0, len(src)/fs; at < total; at += chunk {
		n := min(chunk, total-at)
		readIntegers(buf[:n], src[at*fs:], from)
		for i, v := range buf[:n] {
			if !putInteger(dst[(at+i)*ts:], to, v) {
				return misfit(v, at+i, to)
			}
		}
	}
	return nil
}

func uint64ToInteger(dst []byte, to DType, src []byte) error {
	for i, ts := 0, to.Size(); i < len(src)/8; i++ {
		v := binary.LittleEndian.Uint64(src[8*i:])
		if v > math.MaxInt64 || !putInteger(dst[i*ts:], to, int64(v)) {
			return misfit(v, i, to)
		}
	}
	return nil
}

func misfit(v any, element int, to DType) error {
	return fmt.Errorf("value %v of element %d does not fit %s", v, element, to)
}

func readFloats(dst []float64, src []byte, from DType) {
	le := binary.LittleEndian
	switch from {
	case Float16:
		for i := range dst {
			dst[i] = float64(float16To32(le.Uint16(src[2*i:])))
		}
	case BFloat16:
		for i := range dst {
			dst[i] = float64(bfloat16To32(le.Uint16(src[2*i:])))
		}
	case Float32:
		for i := range dst {
			dst[i] = float64(math.Float32frombits(le.Uint32(src[4*i:])))
		}
	case Float64:
		for i := range dst {
			dst[i] = math.Float64frombits(le.Uint64(src[8*i:]))
		}
	case Uint64:
		for i := range dst {
			dst[i] = float64(le.Uint64(src[8*i:]))
		}
	default:
		var buf [chunk]int64
		readIntegers(buf[:len(dst)], src, from)
		for i := range dst {
			dst[i] = float64(buf[i])
		}
	}
}

func readIntegers(dst []int64, src []byte, from DType) {
	le := binary.LittleEndian
	switch from {
	case Int8:
		for i := range dst {
			dst[i] = int64(int8(src[i]))
		}
	case Uint8:
		for i := range dst {
			dst[i] = int64(src[i])
		}
	case Bool:
		for i := range dst {
			dst[i] = int64(truth(src[i] != 0))
		}
	case Int16:
		for i := range dst {
			dst[i] = int64(int16(le.Uint16(src[2*i:])))
		}
	case Uint16:
		for i := range dst {
			dst[i] = int64(le.Uint16(src[2*i:]))
		}
	case Int32:
		for i := range dst {
			dst[i] = int64(int32(le.Uint32(src[4*i:])))
		}
	case Uint32:
		for i := range dst {
			dst[i] = int64(le.Uint32(src[4*i:]))
		}
	case Int64:
		for i := range dst {
			dst[i] = int64(le.Uint64(src[8*i:]))
		}
	}
}

// writeFloats gives the index of the first value that does not fit, -1 when
// all do.
func writeFloats(dst []byte, to DType, src []float64) int {
	if to == Float32 { // what nearly every model takes
		for i, v := range src {
			binary.LittleEndian.PutUint32(dst[4*i:4*i+4], math.Float32bits(float32(v)))
		}
		return -1
	}
	size := to.Size()
	for i, v := range src {
		if !putFloat(dst[i*size:], to, v) {
			return i
		}
	}
	return -1
}
