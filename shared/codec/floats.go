package codec

import "fmt"

// Floats reads the elements of src, little-endian and of a numeric type, as
// float64.
func Floats(src []byte, from DType) ([]float64, error) {
	return AppendFloats(nil, src, from)
}

// AppendFloats adds the elements of src to dst, like Floats.
func AppendFloats(dst []float64, src []byte, from DType) ([]float64, error) {
	size := from.Size()
	if size == 0 || len(src)%size != 0 {
		return dst, fmt.Errorf("cannot read %d bytes of %s as numbers", len(src), from)
	}
	n, at := len(src)/size, len(dst)
	if room := cap(dst) - at; room < n {
		dst = append(make([]float64, 0, at+n), dst...)
	}
	dst = dst[:at+n]
	for done := 0; done < n; done += chunk { // readFloats goes through a buffer of one chunk
		end := min(done+chunk, n)
		readFloats(dst[at+done:at+end], src[done*size:], from)
	}
	return dst, nil
}
