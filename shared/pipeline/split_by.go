package pipeline

import (
	"cmp"
	"math/big"
	"slices"
)

// SplitBy is how the records of a stream are chosen that are kept back from
// training. How many there are is the same by each.
type SplitBy string

// The ways to split. The zero value is SplitTime.
const (
	SplitTime   SplitBy = ""       // those that come last: test, then validation
	SplitRandom SplitBy = "random" // at random, by the stream's seed
	SplitLabel  SplitBy = "label"  // at random, of each class its share
)

// Enum lists the values that are written; SplitTime is left out.
func (SplitBy) Enum() []any { return []any{SplitRandom, SplitLabel} }

// ParseSplit reads the name of a way to split; "time" and the empty name are
// SplitTime.
func ParseSplit(field, name string) (SplitBy, error) {
	switch name {
	case "", "time":
		return SplitTime, nil
	case string(SplitRandom), string(SplitLabel):
		return SplitBy(name), nil
	}
	return SplitTime, Invalidf(field, "%q is not a way to split a stream", name).WithHint("use time, random or label")
}

// MaxClasses bounds the classes that a stream can be split by, and those that
// labels are counted by.
const MaxClasses = 1000

// CheckSplit refuses a split by the label of a model whose labels are no
// classes.
func (e Export) CheckSplit(by SplitBy) error {
	if by != SplitLabel {
		return nil
	}
	const hint = "split the stream by time, or random"
	switch {
	case len(e.Labels) == 0:
		return Invalidf("split", "the model trains without labels, so a stream cannot be split by them").WithHint(hint)
	case len(e.Labels) > 1:
		return Invalidf("split", "the model has %d labels, and a stream is split by one", len(e.Labels)).WithHint(hint)
	case e.Classes > MaxClasses:
		return Invalidf("split", "the model tells %d classes apart, and a stream can be split by %d", e.Classes, MaxClasses).WithHint(hint)
	case e.Labels[0].Elements() != 1 && e.Task != Classification:
		return Invalidf("split", "label %q is of several numbers, and the model is no classifier", e.Labels[0].Name).WithHint(hint)
	}
	return nil
}

// Share is what each split takes of a class.
type Share struct{ Train, Test, Validation int64 }

// SplitClasses divides the records of each class, of which counts tells how many
// there are: of each its share, by the largest remainders so that the sums are
// those of Split, and, while other classes have more, none without a record that
// trains.
func SplitClasses(counts []int64, validationRate, testRate float64) []Share {
	var total int64
	for _, n := range counts {
		total += n
	}
	_, test, validation := Split(total, validationRate, testRate)
	left := slices.Clone(counts)
	tests := divide(counts, left, decimal(testRate), test)
	validations := divide(counts, left, decimal(validationRate), validation)
	shares := make([]Share, len(counts))
	for i := range counts {
		shares[i] = Share{Train: left[i], Test: tests[i], Validation: validations[i]}
	}
	return shares
}

// divide takes sum records, of each class about rate, from what is left of it.
func divide(counts, left []int64, rate *big.Rat, sum int64) []int64 {
	taken := make([]int64, len(counts))
	rest := make([]*big.Rat, len(counts))
	order := make([]int, len(counts))
	for i, n := range counts {
		exact := new(big.Rat).Mul(rate, new(big.Rat).SetInt64(n))
		taken[i] = min(floor(rate, n), left[i])
		rest[i] = exact.Sub(exact, new(big.Rat).SetInt64(taken[i]))
		left[i] -= taken[i]
		sum -= taken[i]
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Or(rest[b].Cmp(rest[a]), cmp.Compare(a, b)) })
	for _, least := range []int64{1, 0} { // what stays to train
		for moved := true; sum > 0 && moved; {
			moved = false
			for _, i := range order {
				if sum > 0 && left[i] > least {
					taken[i]++
					left[i]--
					sum--
					moved = true
				}
			}
		}
	}
	return taken
}
