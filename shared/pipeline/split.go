package pipeline

import (
	"math"
	"math/big"
	"strconv"
)

// Split divides a stream of total records, in this order: floor(testRate *
// total) test after those that train, floor(validationRate * total) validate at
// the end, and all others, what rounding leaves over among them, train.
//
// The rates are taken as the decimals that were written: of 100 records with a
// validation rate of 0.29 29 validate, though the nearest double would give 28.
// Rates that CheckRates refuses give no meaningful split.
func Split(total int64, validationRate, testRate float64) (train, test, validation int64) {
	test, validation = floor(decimal(testRate), total), floor(decimal(validationRate), total)
	return total - test - validation, test, validation
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

// CheckRates refuses rates that keep records back from a model that cannot be
// evaluated on them.
func (e Export) CheckRates(validationRate, testRate float64) error {
	field := "validation_rate"
	if validationRate == 0 {
		field = "test_rate"
	}
	if !e.Untested || validationRate+testRate == 0 {
		return nil
	}
	return Invalidf(field, "the model has its own train_step and no test_step, so it cannot be evaluated").
		WithHint("send the stream with a validation_rate and a test_rate of 0, or give the model a test_step")
}
