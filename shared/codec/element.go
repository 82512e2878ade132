package codec

import (
	"encoding/binary"
	"math"
)

// putFloat writes v as one element, and reports whether it fits.
func putFloat(dst []byte, to DType, v float64) bool {
	le := binary.LittleEndian
	switch to {
	case String:
		return false
	case Float32:
		le.PutUint32(dst, math.Float32bits(float32(v)))
	case Float64:
		le.PutUint64(dst, math.Float64bits(v))
	case Float16:
		le.PutUint16(dst, float16Of(v))
	case BFloat16:
		le.PutUint16(dst, bfloat16Of(v))
	case Uint64:
		if v != math.Trunc(v) || v < 0 || v >= 1<<64 {
			return false
		}
		le.PutUint64(dst, uint64(v))
	default:
		if v != math.Trunc(v) || v < -1<<63 || v >= 1<<63 { // NaN is unequal to itself
			return false
		}
		return putInteger(dst, to, int64(v))
	}
	return true
}

// putInteger writes v as one element, and reports whether it fits.
func putInteger(dst []byte, to DType, v int64) bool {
	le := binary.LittleEndian
	switch to {
	case Int8:
		dst[0] = byte(v)
		return v == int64(int8(v))
	case Uint8:
		dst[0] = byte(v)
		return v == int64(uint8(v))
	case Bool:
		dst[0] = byte(v)
		return v == 0 || v == 1
	case Int16:
		le.PutUint16(dst, uint16(v))
		return v == int64(int16(v))
	case Uint16:
		le.PutUint16(dst, uint16(v))
		return v == int64(uint16(v))
	case Int32:
		le.PutUint32(dst, uint32(v))
		return v == int64(int32(v))
	case Uint32:
		le.PutUint32(dst, uint32(v))
		return v == int64(uint32(v))
	case Int64:
		le.PutUint64(dst, uint64(v))
		return true
	case Uint64:
		le.PutUint64(dst, uint64(v))
		return v >= 0
	case String:
		return false
	}
	return putFloat(dst, to, float64(v))
}

func truth(b bool) byte {
	if b {
		return 1
	}
	return 0
}
