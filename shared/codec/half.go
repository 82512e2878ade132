package codec

import "math"

// float16To32 widens an IEEE 754 binary16, exactly.
func float16To32(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exponent, fraction := uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch {
	case exponent == 0x1f: // infinity or NaN
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	case exponent != 0:
		return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
	}
	subnormal := float32(fraction) * (1.0 / (1 << 24)) // fraction units of 2^-24; exact
	return math.Float32frombits(sign | math.Float32bits(subnormal))
}

// float16Of rounds to the nearest binary16, ties to even, and overflows to
// infinity, as NumPy does.
func float16Of(f float64) uint16 {
	sign := uint16(math.Float64bits(f) >> 48 & 0x8000)
	magnitude := math.Abs(f)
	switch {
	case math.IsNaN(f):
		return sign | 0x7e00
	case magnitude >= 65520: // halfway from the largest value to the next power of two
		return sign | 0x7c00
	case magnitude < 0x1p-14: // subnormal: units of 2^-24
		return sign | uint16(math.RoundToEven(magnitude*0x1p24))
	}
	_, e := math.Frexp(magnitude) // magnitude = m * 2^e, 0.5 <= m < 1
	units := uint16(math.RoundToEven(math.Ldexp(magnitude, 11-e)))
	return sign | (uint16(e+13)<<10 + units) // the carry of a rounding up goes into the exponent
}

// bfloat16To32 widens a bfloat16, the upper half of a float32, exactly.
func bfloat16To32(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// bfloat16Of rounds to the nearest bfloat16, ties to even.
func bfloat16Of(f float64) uint16 {
	bits := math.Float32bits(float32(f))
	if f != f {
		return uint16(bits>>16) | 0x40 // stay a NaN
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}
