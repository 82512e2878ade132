package files

import (
	"math/big"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	arrays "github.com/apache/arrow-go/v18/arrow/array"
)

// arrowAbout says what the numbers of a type are, where that does not go without
// saying.
func arrowAbout(t arrow.DataType) string {
	switch t := t.(type) {
	case *arrow.TimestampType:
		return aTimestamp
	case *arrow.Date32Type, *arrow.Date64Type:
		return aDate
	case *arrow.Time32Type, *arrow.Time64Type:
		return aTime
	case *arrow.DurationType:
		return aDuration
	case *arrow.DictionaryType:
		return arrowAbout(t.ValueType)
	}
	return ""
}

// arrow reads a value that is not null.
func (c *cell) arrow(from arrow.Array, i int) {
	switch a := from.(type) {
	case *arrays.Float64:
		c.add(number{float: a.Value(i)})
	case *arrays.Float32:
		c.add(number{float: float64(a.Value(i))})
	case *arrays.Float16:
		c.add(number{float: float64(a.Value(i).Float32())})
	case *arrays.Boolean:
		c.add(number{float: truth(a.Value(i))})
	case *arrays.Uint64:
		c.unsigned(a.Value(i))
	case *arrays.Null:
		c.add(missing)
	case *arrays.Dictionary:
		c.arrowItem(a.Dictionary(), a.GetValueIndex(i))
	case *arrays.RunEndEncoded:
		c.arrowItem(a.Values(), a.GetPhysicalIndex(i))
	case arrays.ExtensionArray:
		c.arrow(a.Storage(), i)
	case arrays.ListLike:
		c.arrowList(a, i)
	default:
		if !c.arrowInteger(from, i) && !c.arrowTime(from, i) && !c.arrowDecimal(from, i) && !c.arrowText(from, i) {
			c.kind = anObject
		}
	}
}

// arrowItem reads a value that may be null.
func (c *cell) arrowItem(from arrow.Array, i int) {
	if from.IsNull(i) {
		c.add(missing)
		return
	}
	c.arrow(from, i)
}

func (c *cell) arrowList(a arrays.ListLike, i int) {
	if _, isMap := a.(*arrays.Map); isMap {
		c.kind = anObject
		return
	}
	from, to := a.ValueOffsets(i)
	for j := from; j < to && c.kind != anObject; j++ {
		c.arrowItem(a.ListValues(), int(j))
	}
	if c.kind == aText || c.kind == aBytes { // an array of one
		c.kind = anArray
	}
}

func (c *cell) arrowInteger(from arrow.Array, i int) bool {
	var v int64
	switch a := from.(type) {
	case *arrays.Int8:
		v = int64(a.Value(i))
	case *arrays.Int16:
		v = int64(a.Value(i))
	case *arrays.Int32:
		v = int64(a.Value(i))
	case *arrays.Int64:
		v = a.Value(i)
	case *arrays.Uint8:
		v = int64(a.Value(i))
	case *arrays.Uint16:
		v = int64(a.Value(i))
	case *arrays.Uint32:
		v = int64(a.Value(i))
	case *arrays.Date32:
		v = int64(a.Value(i))
	case *arrays.Date64:
		const day = 86_400_000
		v = int64(a.Value(i)) / day
	default:
		return false
	}
	c.add(integer(v))
	return true
}

func (c *cell) arrowTime(from arrow.Array, i int) bool {
	var v int64
	switch a := from.(type) {
	case *arrays.Timestamp:
		v = int64(a.Value(i))
	case *arrays.Time32:
		v = int64(a.Value(i))
	case *arrays.Time64:
		v = int64(a.Value(i))
	case *arrays.Duration:
		v = int64(a.Value(i))
	default:
		return false
	}
	unit := time.Millisecond
	if t, ok := from.DataType().(arrow.TemporalWithUnit); ok {
		unit = t.TimeUnit().Multiplier()
	}
	c.add(milliseconds(v, unit))
	return true
}

func (c *cell) arrowDecimal(from arrow.Array, i int) bool {
	t, ok := from.DataType().(arrow.DecimalType)
	if !ok {
		return false
	}
	var v *big.Int
	switch a := from.(type) {
	case *arrays.Decimal32:
		v = big.NewInt(int64(a.Value(i)))
	case *arrays.Decimal64:
		v = big.NewInt(int64(a.Value(i)))
	case *arrays.Decimal128:
		v = a.Value(i).BigInt()
	case *arrays.Decimal256:
		v = a.Value(i).BigInt()
	default:
		return false
	}
	c.add(decimal(v, int(t.GetScale())))
	return true
}

func (c *cell) arrowText(from arrow.Array, i int) bool {
	switch a := from.(type) {
	case *arrays.String:
		c.addText(string([]byte(a.Value(i))), aText)
	case *arrays.LargeString:
		c.addText(string([]byte(a.Value(i))), aText)
	case *arrays.StringView:
		c.addText(string([]byte(a.Value(i))), aText)
	case *arrays.Binary:
		c.addText(string(a.Value(i)), aBytes)
	case *arrays.LargeBinary:
		c.addText(string(a.Value(i)), aBytes)
	case *arrays.BinaryView:
		c.addText(string(a.Value(i)), aBytes)
	case *arrays.FixedSizeBinary:
		c.addText(string(a.Value(i)), aBytes)
	default:
		return false
	}
	return true
}
