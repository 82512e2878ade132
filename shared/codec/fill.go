package codec

import "math"

// FillNaN puts what stands for a missing number in the place of each NaN of an
// array of floats, by element; fill has one for each.
func FillNaN(data []byte, t DType, fill []float64) error {
	if nan, _ := NotFinite(t, data); !nan {
		return nil
	}
	numbers, err := Floats(data, t)
	if err != nil {
		return err
	}
	for i, v := range numbers {
		if !math.IsNaN(v) {
			continue
		}
		f := real64(fill[i%len(fill)])
		if err := f.Put(data[i*t.Size():], t); err != nil {
			return err
		}
	}
	return nil
}
