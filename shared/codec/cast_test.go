package codec

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
)

var numbersOfAnyType = []DType{Float16, BFloat16, Float32, Float64, Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64, Bool}

// arrayOf makes an array of a type from floats that fit it.
func arrayOf(t testing.TB, dtype DType, values ...float64) []byte {
	t.Helper()
	b := make([]byte, len(values)*dtype.Size())
	for i, v := range values {
		if !putFloat(b[i*dtype.Size():], dtype, v) {
			t.Fatalf("%v does not fit %s", v, dtype)
		}
	}
	return b
}

// floatsOf reads an array back.
func floatsOf(dtype DType, b []byte) []float64 {
	out := make([]float64, len(b)/dtype.Size())
	for at := 0; at < len(out); at += chunk {
		n := min(chunk, len(out)-at)
		readFloats(out[at:at+n], b[at*dtype.Size():], dtype)
	}
	return out
}

func TestCastBetweenAllTypes(t *testing.T) {
	for _, from := range numbersOfAnyType {
		for _, to := range numbersOfAnyType {
			values := make([]float64, 600) // more than two chunks
			for i := range values {
				values[i] = float64(i % 2)
				if from != Bool && to != Bool {
					values[i] = float64(i % 100)
				}
			}
			src := arrayOf(t, from, values...)
			dst := make([]byte, len(values)*to.Size())
			if err := Cast(dst, to, src, from); err != nil {
				t.Errorf("%s to %s: %v", from, to, err)
				continue
			}
			for i, got := range floatsOf(to, dst) {
				if got != values[i] {
					t.Errorf("%s to %s: element %d is %v, want %v", from, to, i, got, values[i])
					break
				}
			}
		}
	}
}

func TestCastKeepsLargeIntegers(t *testing.T) {
	const large = 1<<62 + 1
	src := binary.LittleEndian.AppendUint64(nil, large)
	for _, c := range [][2]DType{{Int64, Uint64}, {Uint64, Int64}, {Uint64, Uint64}} {
		dst := make([]byte, 8)
		if err := Cast(dst, c[1], src, c[0]); err != nil {
			t.Fatal(err)
		}
		if got := binary.LittleEndian.Uint64(dst); got != large {
			t.Errorf("%s to %s: %d", c[0], c[1], got)
		}
	}
}

func TestCastRefuses(t *testing.T) {
	tests := map[string]struct {
		to, from DType
		value    float64
	}{
		"a fraction as a class":   {Int32, Float32, 2.5},
		"NaN as an integer":       {Int32, Float32, math.NaN()},
		"infinity as an integer":  {Int64, Float64, math.Inf(1)},
		"beyond int32":            {Int32, Float64, 1 << 31},
		"beyond int64":            {Int64, Float64, 1 << 63},
		"negative as unsigned":    {Uint8, Int8, -1},
		"negative as uint64":      {Uint64, Int64, -1},
		"negative float, uint64":  {Uint64, Float32, -1},
		"beyond a byte":           {Uint8, Int32, 256},
		"two as bool":             {Bool, Uint8, 2},
		"beyond int64, from uint": {Int64, Uint64, 1 << 63},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := Cast(make([]byte, test.to.Size()), test.to, arrayOf(t, test.from, test.value), test.from)
			if err == nil || !strings.Contains(err.Error(), "element 0") {
				t.Errorf("got %v", err)
			}
		})
	}
	if Cast(make([]byte, 7), Float32, make([]byte, 2), Uint8) == nil || Cast(make([]byte, 4), Float32, make([]byte, 3), Int16) == nil {
		t.Error("lengths that disagree are taken")
	}
	if Cast(nil, String, nil, Uint8) == nil {
		t.Error("strings are cast")
	}
}

func TestFloat16(t *testing.T) {
	tests := map[float64]uint16{ // from IEEE 754-2019 and NumPy
		0: 0, 1: 0x3c00, -2: 0xc000, 65504: 0x7bff, 65519: 0x7bff, 65520: 0x7c00, math.Inf(-1): 0xfc00,
		0x1p-14: 0x0400, 0x1p-24: 0x0001, 0x1p-25: 0x0000, 0x1.8p-25: 0x0001, 1.0 / 3: 0x3555, 2049: 0x6800, 2051: 0x6802,
	}
	for f, want := range tests {
		if got := float16Of(f); got != want {
			t.Errorf("%v: got %#04x, want %#04x", f, got, want)
		}
	}
	for h := range 1 << 16 { // every value comes back, NaN as a NaN
		f := float16To32(uint16(h))
		if f != f {
			if b := float16Of(float64(f)); b&0x7c00 != 0x7c00 || b&0x3ff == 0 {
				t.Errorf("%#04x: NaN became %#04x", h, b)
			}
		} else if got := float16Of(float64(f)); got != uint16(h) {
			t.Fatalf("%#04x: back as %#04x", h, got)
		}
	}
}

func TestBFloat16(t *testing.T) {
	for f, want := range map[float64]uint16{0: 0, 1: 0x3f80, -1.5: 0xbfc0, 1.00390625: 0x3f80, 1.01171875: 0x3f82, math.Inf(1): 0x7f80} {
		if got := bfloat16Of(f); got != want {
			t.Errorf("%v: got %#04x, want %#04x", f, got, want)
		}
	}
	for h := range 1 << 16 {
		f := bfloat16To32(uint16(h))
		if f == f && bfloat16Of(float64(f)) != uint16(h) {
			t.Fatalf("%#04x: back as %#04x", h, bfloat16Of(float64(f)))
		}
	}
}

func TestParseDType(t *testing.T) {
	for name, want := range map[string]DType{"half": Float16, "float": Float32, "double": Float64, "bool_": Bool, "uint8": Uint8, "bfloat16": BFloat16, "string": String} {
		if got, err := ParseDType(name); got != want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "int", "Float32", "complex64"} {
		if _, err := ParseDType(name); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
}

func BenchmarkCastUint8ToFloat32(b *testing.B) {
	src, dst := make([]byte, 784), make([]byte, 4*784)
	b.SetBytes(784)
	for b.Loop() {
		if err := Cast(dst, Float32, src, Uint8); err != nil {
			b.Fatal(err)
		}
	}
}

func TestCastOfEveryByte(t *testing.T) {
	for n := range 300 { // with rests of all lengths
		src := make([]byte, n)
		for i := range src {
			src[i] = byte(i * 11) // each value of a byte comes once in 256
		}
		dst := make([]byte, 4*n)
		if err := Cast(dst, Float32, src, Uint8); err != nil {
			t.Fatal(err)
		}
		for i, got := range floatsOf(Float32, dst) {
			if got != float64(src[i]) {
				t.Fatalf("element %d of %d is %v, want %d", i, n, got, src[i])
			}
		}
	}
}
