package codec

import (
	"encoding/binary"
	"fmt"
	"math"
)

// value is one number of an array, whole where its type is.
type value struct {
	i               int64
	f               float64
	integer, single bool // single: a float of 32 bits or fewer
}

// numbers hands out an array's numbers, and its texts, in order.
type numbers struct {
	Array
	at, count int
	short     bool // more were asked for than there are
}

func newNumbers(a Array) *numbers { return &numbers{Array: a, count: a.Elements()} }

func (n *numbers) left() int { return n.count - n.at }

func (n *numbers) next() value {
	if n.at >= n.count {
		n.short = true
		return value{integer: true}
	}
	if n.at < len(n.Whole) && n.Whole[n.at] {
		v := int64(binary.LittleEndian.Uint64(n.Data[8*n.at:]))
		n.at++
		return value{i: v, integer: true}
	}
	size := n.DType.Size()
	b := n.Data[n.at*size : (n.at+1)*size]
	n.at++
	var f [1]float64
	var i [1]int64
	switch {
	case n.DType.Float():
		readFloats(f[:], b, n.DType)
		return value{f: f[0], single: n.DType != Float64}
	case n.DType == Uint64 && binary.LittleEndian.Uint64(b) > math.MaxInt64:
		return value{f: float64(binary.LittleEndian.Uint64(b))}
	case n.DType == Uint64:
		return value{i: int64(binary.LittleEndian.Uint64(b)), integer: true}
	}
	readIntegers(i[:], b, n.DType)
	return value{i: i[0], integer: true}
}

// text is the next text.
func (n *numbers) text() (text []byte) {
	var ok bool
	if text, n.Texts, ok = CutText(n.Texts); !ok {
		n.short = true
	}
	return text
}

// done reports whether the fields took exactly what there was.
func (n *numbers) done() error {
	if n.short {
		return fmt.Errorf("the values (%d of them numbers) are too few for the fields", n.count)
	}
	if len(n.Texts) > 0 {
		return fmt.Errorf("%d texts are left over", countTexts(n.Texts))
	}
	if n.left() > 0 {
		return fmt.Errorf("%d of %d numbers are left over", n.left(), n.count)
	}
	return nil
}

// float is the number as a float.
func (v value) float() float64 {
	if v.integer {
		return float64(v.i)
	}
	return v.f
}

// whole is the number as an integer, where it is one.
func (v value) whole() (int64, bool) {
	if v.integer {
		return v.i, true
	}
	return int64(v.f), v.f == math.Trunc(v.f) && v.f >= -1<<63 && v.f < 1<<63
}
