package files

import (
	"encoding/binary"
	"math/big"
	"strings"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// parquetLeaf is a column as Parquet stores it, and where it is read.
type parquetLeaf struct {
	name    string
	index   int
	without bool
	other   bool   // it holds records or maps, and is not read
	about   string // what its numbers are, where that does not go without saying
	add     func(*cell, *parquet.Value)

	repeats              bool // it is of lists
	listLevel, itemLevel int  // definition levels from which there is a list, and an item of it

	pages      parquet.Pages
	page       parquet.Page
	values     parquet.ValueReader
	buffer     [256]parquet.Value
	at, filled int
}

// parquetLeaves are the columns of a schema.
func parquetLeaves(root *parquet.Column, schema []format.SchemaElement) []*parquetLeaf {
	w := parquetWalk{}
	for i := range schema {
		if schema[i].Type.Valid {
			w.elements = append(w.elements, &schema[i])
		}
	}
	for _, c := range root.Columns() {
		w.walk(c, parquetLeaf{name: c.Name()})
	}
	return w.leaves
}

type parquetWalk struct {
	elements []*format.SchemaElement // of the leaves
	leaves   []*parquetLeaf
}

// walk adds the columns at or below a node; l is what is known of them so far.
func (w *parquetWalk) walk(c *parquet.Column, l parquetLeaf) {
	within := l.repeats
	if c.Repeated() {
		if l.itemLevel = c.MaxDefinitionLevel(); !l.repeats {
			l.repeats, l.listLevel = true, l.itemLevel-1
		}
	}
	switch of, _ := logicalOf(c); {
	case c.Leaf():
		l.index = c.Index()
		l.add, l.about = parquetValue(w.elements[l.index])
		w.leaves = append(w.leaves, &l)
	case of == "LIST" && len(c.Columns()) == 1 && c.Columns()[0].Repeated():
		w.list(c.Columns()[0], l)
	case of == "MAP", l.repeats, within:
		l.other = true
		w.leaves = append(w.leaves, &l)
	default:
		for _, member := range c.Columns() {
			below := l
			below.name += "." + member.Name()
			w.walk(member, below)
		}
	}
}

// list adds a list by its repeated node, which is the item or a group around it.
func (w *parquetWalk) list(repeated *parquet.Column, l parquetLeaf) {
	if below := repeated.Columns(); len(below) == 1 {
		if l.itemLevel = repeated.MaxDefinitionLevel(); !l.repeats {
			l.repeats, l.listLevel = true, l.itemLevel-1
		}
		w.walk(below[0], l)
		return
	}
	w.walk(repeated, l)
}

// logicalOf is the name of a node's logical type.
func logicalOf(c *parquet.Column) (name string, ok bool) {
	if t := c.Type().LogicalType(); t != nil && t.Value != nil {
		name, _, _ = strings.Cut(t.String(), "(")
		return name, true
	}
	return "", false
}

// parquetValue says how to read the values of a type, and what they are.
func parquetValue(e *format.SchemaElement) (add func(*cell, *parquet.Value), about string) {
	switch of := logicalType(e).(type) {
	case *format.TimestampType:
		unit := of.Unit.Value.Duration()
		return func(c *cell, v *parquet.Value) { c.add(milliseconds(v.Int64(), unit)) }, aTimestamp
	case *format.TimeType:
		unit := of.Unit.Value.Duration()
		return func(c *cell, v *parquet.Value) { c.add(milliseconds(parquetInteger(v), unit)) }, aTime
	case *format.DateType:
		return func(c *cell, v *parquet.Value) { c.add(integer(parquetInteger(v))) }, aDate
	case *format.DecimalType:
		scale := int(of.Scale)
		return func(c *cell, v *parquet.Value) { c.add(decimal(parquetUnscaled(v), scale)) }, ""
	case *format.IntType:
		if !of.IsSigned {
			return parquetUnsigned, ""
		}
	case *format.StringType, *format.EnumType, *format.JsonType:
		return func(c *cell, v *parquet.Value) { c.addText(string(v.ByteArray()), aText) }, ""
	case *format.UUIDType:
		return func(c *cell, v *parquet.Value) {
			id, _ := uuid.FromBytes(v.ByteArray()) // one of another length is none
			c.addText(id.String(), aText)
		}, ""
	case *format.Float16Type:
		return func(c *cell, v *parquet.Value) { c.add(number{float: half(v.ByteArray())}) }, ""
	}
	if e.Type.V == format.Int96 {
		return func(c *cell, v *parquet.Value) { c.add(int96(v)) }, aTimestamp
	}
	return parquetPlain, ""
}

// logicalType is the logical type of a leaf, of files of older writers, too.
func logicalType(e *format.SchemaElement) any {
	if e.LogicalType.Value != nil {
		return e.LogicalType.Value
	}
	if !e.ConvertedType.Valid {
		return nil
	}
	milli, micro := format.TimeUnit{Value: &format.MilliSeconds{}}, format.TimeUnit{Value: &format.MicroSeconds{}}
	switch e.ConvertedType.V {
	case deprecated.UTF8:
		return &format.StringType{}
	case deprecated.Enum:
		return &format.EnumType{}
	case deprecated.Json:
		return &format.JsonType{}
	case deprecated.Date:
		return &format.DateType{}
	case deprecated.TimeMillis:
		return &format.TimeType{Unit: milli}
	case deprecated.TimeMicros:
		return &format.TimeType{Unit: micro}
	case deprecated.TimestampMillis:
		return &format.TimestampType{Unit: milli}
	case deprecated.TimestampMicros:
		return &format.TimestampType{Unit: micro}
	case deprecated.Decimal:
		return &format.DecimalType{Scale: e.Scale.V}
	case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32, deprecated.Uint64:
		return &format.IntType{}
	}
	return nil
}

func parquetPlain(c *cell, v *parquet.Value) {
	switch v.Kind() {
	case parquet.Boolean:
		c.add(number{float: truth(v.Boolean())})
	case parquet.Int32, parquet.Int64:
		c.add(integer(parquetInteger(v)))
	case parquet.Float:
		c.add(number{float: float64(v.Float())})
	case parquet.Double:
		c.add(number{float: v.Double()})
	case parquet.ByteArray, parquet.FixedLenByteArray:
		c.addText(string(v.ByteArray()), aBytes)
	default:
		c.kind = anObject
	}
}

func parquetInteger(v *parquet.Value) int64 {
	if v.Kind() == parquet.Int32 {
		return int64(v.Int32())
	}
	return v.Int64()
}

func parquetUnsigned(c *cell, v *parquet.Value) {
	if v.Kind() == parquet.Int32 {
		c.add(integer(int64(v.Uint32())))
		return
	}
	c.unsigned(v.Uint64())
}

// parquetUnscaled is a decimal without its point: an integer, or the bytes of
// one, big-endian.
func parquetUnscaled(v *parquet.Value) *big.Int {
	if v.Kind() == parquet.Int32 || v.Kind() == parquet.Int64 {
		return big.NewInt(parquetInteger(v))
	}
	b := v.ByteArray()
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}

// int96 reads the timestamps of old writers: nanoseconds of a Julian day.
func int96(v *parquet.Value) number {
	const epoch, day = 2_440_588, 86_400_000
	i := v.Int96()
	var b [8]byte
	binary.LittleEndian.PutUint32(b[:], i[0])
	binary.LittleEndian.PutUint32(b[4:], i[1])
	nanos := int64(binary.LittleEndian.Uint64(b[:]))
	at := milliseconds(nanos, 1)
	at.float += float64(int64(i[2])-epoch) * day
	return at
}
