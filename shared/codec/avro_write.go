package codec

import (
	"encoding/binary"
	"fmt"
	"math"
)

// avroWriter writes the schemaless binary body of a record.
type avroWriter struct {
	fields []avroField
	counts []int // of numbers in each; nil: one, and what is left in the only array
}

func (w *avroWriter) divide(counts []int) { w.counts = counts }

func (w *avroWriter) encode(dst []byte, a Array) ([]byte, error) {
	n := newNumbers(a)
	left, err := w.left(n.count + countTexts(a.Texts))
	if err != nil {
		return dst, err
	}
	for i := range w.fields {
		f, items := &w.fields[i], left
		if i < len(w.counts) {
			items = w.counts[i]
		}
		if dst, err = f.append(dst, n, items); err != nil {
			return dst, fmt.Errorf("field %q: %w", f.name, err)
		}
	}
	return dst, n.done()
}

// left is what remains for the array field when every other has taken one.
func (w *avroWriter) left(total int) (int, error) {
	arrays := 0
	for i := range w.fields {
		if w.fields[i].kind == avroArray {
			arrays++
		}
	}
	if arrays > 1 && len(w.counts) == 0 {
		return 0, fmt.Errorf("%d fields are arrays: the numbers cannot be divided among them", arrays)
	}
	return total - len(w.fields) + arrays, nil
}

// append writes one field; items is how many numbers or texts an array takes.
func (t *avroType) append(dst []byte, n *numbers, items int) ([]byte, error) {
	if t.kind == avroArray {
		dst = t.branch(dst, false)
		if t.items.kind == avroArray {
			return dst, fmt.Errorf("arrays of arrays cannot be written")
		}
		if items > 0 {
			dst = binary.AppendVarint(dst, int64(items))
		}
		for range items {
			var err error
			if dst, err = t.items.append(dst, n, 0); err != nil {
				return dst, err
			}
		}
		return append(dst, 0), nil
	}
	if t.kind == avroText {
		text := n.text()
		dst = binary.AppendVarint(t.branch(dst, false), int64(len(text)))
		return append(dst, text...), nil
	}
	v := n.next()
	null := t.null >= 0 && math.IsNaN(v.float())
	dst = t.branch(dst, null)
	if null {
		return dst, nil
	}
	switch t.kind {
	case avroFloat:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v.float()))), nil
	case avroDouble:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.float())), nil
	}
	return t.appendInteger(dst, v)
}

func (t *avroType) appendInteger(dst []byte, v value) ([]byte, error) {
	i, whole := v.whole()
	switch {
	case !whole:
		return dst, fmt.Errorf("%v is not a whole number", v.f)
	case t.kind == avroBoolean && (i == 0 || i == 1):
		return append(dst, byte(i)), nil
	case t.kind == avroInt && i != int64(int32(i)),
		t.kind == avroEnum && (i < 0 || i >= int64(len(t.symbols))),
		t.kind == avroBoolean:
		return dst, fmt.Errorf("%d is out of range", i)
	}
	return binary.AppendVarint(dst, i), nil
}

// branch writes which type of a union follows.
func (t *avroType) branch(dst []byte, null bool) []byte {
	switch {
	case t.branches == 0:
		return dst
	case null:
		return binary.AppendVarint(dst, int64(t.null))
	}
	return binary.AppendVarint(dst, int64(t.value))
}
