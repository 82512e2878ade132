package codec

import (
	"math"
	"testing"
)

func TestNotFiniteFindsWhatItIsNamedFor(t *testing.T) {
	for _, dtype := range []DType{Float16, BFloat16, Float32, Float64} {
		for _, n := range []int{1, 2, 3, 300} {
			for name, odd := range map[string]float64{"none": -2.5, "NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)} {
				for _, at := range []int{0, n / 2, n - 1} {
					values := make([]float64, n)
					for i := range values {
						values[i] = 1.5 - float64(i%7)
					}
					values[at] = odd
					nan, inf := NotFinite(dtype, arrayOf(t, dtype, values...))
					if nan != math.IsNaN(odd) || inf != math.IsInf(odd, 0) {
						t.Errorf("%s, %d numbers, %s at %d: %v, %v", dtype, n, name, at, nan, inf)
					}
				}
			}
		}
	}
	if nan, inf := NotFinite(Int64, []byte{255, 255, 255, 255, 255, 255, 255, 127}); nan || inf {
		t.Error("a whole number is not finite")
	}
	if nan, inf := NotFinite(Float32, arrayOf(t, Float32, math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32)); nan || inf {
		t.Error("the largest number is not finite")
	}
}

func TestLargestInteger(t *testing.T) {
	for dtype, values := range map[DType][]float64{Int32: {3, -7, 2}, Int64: {-7, 1}, Uint32: {7, 0}, Uint64: {2, 7}} {
		if got := LargestInteger(dtype, arrayOf(t, dtype, values...)); got != 7 {
			t.Errorf("%s: %v", dtype, got)
		}
	}
}
