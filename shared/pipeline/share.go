package pipeline

import (
	"encoding/binary"
	"hash/fnv"
	"math"
)

// Part is what part of the records of an inference a result predicts.
type Part struct {
	Result  int64   `json:"result" required:"true" minimum:"1" example:"1"`
	Percent float64 `json:"percent" required:"true" minimum:"0" maximum:"100" example:"90"`
}

// CheckShares gives what a challenger of a result is to predict by shares, nothing
// where there are none. Shares are those of two results, one of them the one that
// is served, and make up 100.
func CheckShares(shares []Part, served int64) (challenger Part, err error) {
	if len(shares) == 0 {
		return Part{}, nil
	}
	if len(shares) != 2 {
		return Part{}, Invalidf("shares", "names %d results, not 2", len(shares)).WithHint("the one that is served and a challenger, such as %d=90,5=10", served)
	}
	sum := shares[0].Percent + shares[1].Percent
	at := -1
	for i, s := range shares {
		if s.Percent < 0 || s.Percent > 100 {
			return Part{}, Invalidf("shares", "result %d cannot have %g %%", s.Result, s.Percent).WithHint("give each from 0 to 100")
		}
		if s.Result == served {
			at = i
		}
	}
	switch {
	case math.IsNaN(sum) || math.Abs(sum-100) > 1e-9:
		return Part{}, Invalidf("shares", "sum to %g, not to 100", sum).WithHint("give result %d what is left: %g", shares[0].Result, 100-shares[1].Percent)
	case shares[0].Result == shares[1].Result:
		return Part{}, Invalidf("shares", "result %d is named twice", shares[0].Result)
	case at < 0:
		return Part{}, Invalidf("shares", "neither is result %d, which is served", served).WithHint("name it, or serve another one: result")
	}
	return shares[1-at], nil
}

// Challenged reports whether a record is among those that a challenger predicts of
// so many percent. It is decided by the record's key, so that the records of one
// go one way, or by its place where it has none: the same each time.
func Challenged(percent float64, key []byte, partition int, offset int64) bool {
	if percent <= 0 {
		return false
	}
	h := fnv.New64a()
	if key == nil {
		key = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(partition)), uint64(offset)) // #nosec G115 -- neither is negative
	}
	_, _ = h.Write(key) // never fails
	n := h.Sum64()
	n ^= n >> 33 // FNV leaves short keys close together: the finalizer of MurmurHash3
	n *= 0xff51afd7ed558ccd
	n ^= n >> 33
	n *= 0xc4ceb9fe1a85ec53
	n ^= n >> 33
	return float64(n>>11)/(1<<53) < percent/100
}
