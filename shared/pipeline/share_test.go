package pipeline

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// Of 10,000 records a challenger gets its share within two points, by their keys
// as by their places, and each time the same ones.
func TestChallenged(t *testing.T) {
	const n = 10_000
	for _, percent := range []float64{0, 0.5, 10, 50, 99, 100} {
		for name, key := range map[string]func(int) []byte{
			"by key":   func(i int) []byte { return fmt.Append(nil, "user-", i) },
			"by place": func(int) []byte { return nil },
		} {
			got := 0
			for i := range n {
				c := Challenged(percent, key(i), i%3, int64(i))
				if c != Challenged(percent, key(i), i%3, int64(i)) || c && key(i) != nil && !Challenged(percent, key(i), 7, 0) {
					t.Fatalf("record %d goes two ways", i)
				}
				if c {
					got++
				}
			}
			if part := 100 * float64(got) / n; math.Abs(part-percent) > 2 || percent == 0 && got > 0 || percent == 100 && got < n {
				t.Errorf("%s: %g %% of the records, want %g", name, part, percent)
			}
		}
	}
}

func TestCheckShares(t *testing.T) {
	for _, c := range []struct {
		shares []Part
		want   string
	}{
		{nil, ""},
		{[]Part{{3, 90}, {5, 10}}, ""},
		{[]Part{{5, 10}, {3, 90}}, ""},
		{[]Part{{3, 100}}, "names 1 results, not 2"},
		{[]Part{{3, 80}, {5, 10}}, "sum to 90, not to 100"},
		{[]Part{{3, 110}, {5, -10}}, "cannot have"},
		{[]Part{{3, math.NaN()}, {5, 10}}, "sum to NaN"},
		{[]Part{{3, 50}, {3, 50}}, "is named twice"},
		{[]Part{{4, 90}, {5, 10}}, "neither is result 3"},
	} {
		got, err := CheckShares(c.shares, 3)
		switch {
		case c.want != "":
			if KindOf(err) != Invalid || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v: %v, want %s", c.shares, err, c.want)
			}
		case err != nil, len(c.shares) > 0 && got != (Part{5, 10}):
			t.Errorf("%v: %v, %v", c.shares, got, err)
		}
	}
}
