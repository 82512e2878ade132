package files

import (
	"encoding/binary"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
)

// What the numbers of a column are that the file has as dates or times.
const (
	aTimestamp = "timestamps, sent as milliseconds since 1970 in UTC"
	aTime      = "times of day, sent as milliseconds since midnight"
	aDate      = "dates, sent as days since 1970"
	aDuration  = "durations, sent as milliseconds"
)

// missing is a number that is not there.
var missing = number{float: math.NaN()}

// integer is a whole number.
func integer(v int64) number {
	n := number{float: float64(v)}
	if v >= rounds || v <= -rounds {
		n.exact = v
	}
	return n
}

// unsigned adds a whole number. One beyond int64 is none: it would be rounded.
func (c *cell) unsigned(v uint64) {
	if v > math.MaxInt64 {
		c.addText(strconv.FormatUint(v, 10), aText)
		return
	}
	c.add(integer(int64(v)))
}

// milliseconds is an amount of time in milliseconds; what is finer is a
// fraction of one.
func milliseconds(v int64, unit time.Duration) number {
	if unit >= time.Millisecond {
		by := int64(unit / time.Millisecond)
		if v > math.MaxInt64/by || v < math.MinInt64/by {
			return number{float: float64(v) * float64(by)}
		}
		return integer(v * by)
	}
	per := int64(time.Millisecond / unit)
	if v%per == 0 {
		return integer(v / per)
	}
	return number{float: float64(v/per) + float64(v%per)/float64(per)}
}

// decimal is a number of so many digits after its point, rounded once to
// float64.
func decimal(unscaled *big.Int, scale int) number {
	if scale == 0 && unscaled.IsInt64() {
		return integer(unscaled.Int64())
	}
	const exactPower = 22 // up to which float64 holds powers of ten
	if unscaled.IsInt64() && scale > 0 && scale <= exactPower {
		if v := unscaled.Int64(); v < rounds && v > -rounds {
			return number{float: float64(v) / math.Pow10(scale)}
		}
	}
	f, _ := strconv.ParseFloat(unscaled.String()+"e"+strconv.Itoa(-scale), 64) // beyond its range it is infinite
	return number{float: f}
}

// half reads a float16, little-endian.
func half(b []byte) float64 {
	var wide [8]byte
	if len(b) != 2 || codec.Cast(wide[:], codec.Float64, b, codec.Float16) != nil {
		return math.NaN()
	}
	return float64At(wide[:])
}

// addText adds a text, alone or as one of an array.
func (c *cell) addText(text, kind string) {
	if len(c.numbers) > 0 || c.kind != "" {
		c.kind = anArray
	} else {
		c.text, c.kind = text, kind
	}
	c.texts = append(c.texts, text)
}

func float64At(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }
