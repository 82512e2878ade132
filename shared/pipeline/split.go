package pipeline

import (
	"math"
	"math/big"
	"strconv"
)

// Split divides a stream of total records: the first
// floor((1 - validationRate - testRate) * total) train, floor(testRate * total)
// after them test, the rest validates.
//
// The rates are taken as the decimals that were written: of 10 records with a
// validation rate of 0.9 one trains, though the nearest doubles of 0.1 and 0.9
// would leave none. Rates that CheckRates refuses give no meaningful split.
func Split(total int64, validationRate, testRate float64) (train, test, validation int64) {
	v, t := decimal(validationRate), decimal(testRate)
	rest := new(big.Rat).SetInt64(1)
	rest.Sub(rest, v).Sub(rest, t)
	train, test = floor(rest, total), floor(t, total)
	return train, test, total - train - test
}

// CheckRates refuses rates that do not split a stream.
func CheckRates(validationRate, testRate float64) error {
	for _, r := range []struct {
		field string
		rate  float64
	}{{"validation_rate", validationRate}, {"test_rate", testRate}} {
		if math.IsNaN(r.rate) || r.rate < 0 || r.rate >= 1 {
			return Invalidf(r.field, "must be at least 0 and below 1, not %v", r.rate)
		}
	}
	if sum := new(big.Rat).Add(decimal(validationRate), decimal(testRate)); sum.Cmp(big.NewRat(1, 1)) >= 0 {
		return Invalidf("validation_rate", "%v for validation and %v for testing leave nothing to train on", validationRate, testRate).
			WithHint("the two rates must sum to less than 1")
	}
	return nil
}

// decimal is the shortest decimal that reads back as rate, exactly.
func decimal(rate float64) *big.Rat {
	r, ok := new(big.Rat).SetString(strconv.FormatFloat(rate, 'g', -1, 64))
	if !ok { // NaN or an infinity
		return new(big.Rat)
	}
	return r
}

// floor is floor(rate * total).
func floor(rate *big.Rat, total int64) int64 {
	product := new(big.Rat).Mul(rate, new(big.Rat).SetInt64(total))
	return new(big.Int).Div(product.Num(), product.Denom()).Int64()
}
