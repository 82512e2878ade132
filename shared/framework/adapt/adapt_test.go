package adapt

import (
	"errors"
	"math"
	"slices"
	"testing"
)

func TestMoments(t *testing.T) {
	m := NewMoments(2)
	m.Add([]float64{1e9 + 1, 2, 1e9 + 2, 2})
	m.Add([]float64{1e9 + 6, 5})
	mean, variance, err := m.Sum()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{1e9 + 3, 3} {
		if math.Abs(mean[i]-want) > 1e-6 {
			t.Errorf("mean[%d] = %v, want %v", i, mean[i], want)
		}
	}
	for i, want := range []float64{14. / 3, 2} {
		if math.Abs(variance[i]-want) > 1e-6 {
			t.Errorf("variance[%d] = %v, want %v", i, variance[i], want)
		}
	}
	var unsound NotFinite
	m.Add([]float64{math.NaN(), 1, math.Inf(1), 1})
	if _, _, err := m.Sum(); !errors.As(err, &unsound) || unsound.Values != 2 {
		t.Errorf("got %v", err)
	}
	if _, _, err := NewMoments(1).Sum(); !errors.Is(err, ErrNothing) {
		t.Errorf("got %v", err)
	}
}

// TestQuantiles has numbers of Keras 3.15.1: Discretization(num_bins, epsilon).adapt.
func TestQuantiles(t *testing.T) {
	ramp := make([]float32, 1000)
	for i := range ramp {
		ramp[i] = float32((i * 7919) % 1000)
	}
	cases := []struct {
		name    string
		values  []float32
		bins    int
		epsilon float64
		want    []float32
	}{
		{"more values than buckets", ramp, 4, 0.01, []float32{248.999755859375, 498.99981689453125, 748.9999389648438}},
		{"a step that is no whole number", ramp[:250], 5, 0.01, []float32{196.00003051757812, 395.0001525878906, 601.0000610351562, 800.0}},
		{"a coarse summary", ramp, 3, 0.1, []float32{332.3333740234375, 665.6666870117188}},
		{"fewer values than bins", []float32{3, 1, 2}, 10, 0.01, []float32{1, 2}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			q := NewQuantiles(c.epsilon)
			q.Add(c.values[:1])
			q.Add(c.values[1:])
			got, err := q.Boundaries(c.bins)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
		})
	}
	q := NewQuantiles(0.01)
	q.Add([]float32{1, float32(math.NaN())})
	if _, err := q.Boundaries(2); !errors.As(err, &NotFinite{}) {
		t.Errorf("got %v", err)
	}
}

func TestWords(t *testing.T) {
	w := NewWords[string](5)
	for _, word := range []string{"b", "a", "b", "", "c", "a", "b", "d"} {
		AddText(w, []byte(word))
	}
	kept, met, err := w.Vocabulary(3, "")
	want := []Count[string]{{"b", 3, 0}, {"a", 2, 0}, {"d", 1, 0}}
	if err != nil || met != 4 || !slices.Equal(kept, want) {
		t.Errorf("kept %v of %d, %v, want %v", kept, met, err, want)
	}
	n := NewWords[int64](2)
	n.Add(7, 2, 1)
	n.Add(-7, 2, 2)
	n.Add(7, 1, 1)
	if kept, _, err := n.Vocabulary(0); err != nil || !slices.Equal(kept, []Count[int64]{{7, 3, 2}, {-7, 2, 2}}) {
		t.Errorf("kept %v, %v", kept, err)
	}
	full := NewWords[int64](2)
	for i := range int64(3) {
		full.Add(i, 1, 0)
	}
	if _, _, err := full.Vocabulary(1); !errors.Is(err, TooMany{2}) {
		t.Errorf("got %v", err)
	}
	if _, _, err := NewWords[string](9).Vocabulary(0); !errors.Is(err, ErrNothing) {
		t.Errorf("got %v", err)
	}
}
