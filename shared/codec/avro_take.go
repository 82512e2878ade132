package codec

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
)

// avroTaker goes through one record by a walk.
type avroTaker struct {
	skipper
	dst []Field
	*Scratch
}

func (c *avroTaker) put(w *avroWalk, f Field) {
	for _, want := range w.wants {
		c.dst[want] = f
	}
}

func (c *avroTaker) take(w *avroWalk, depth int) error {
	if c.left--; c.left < 0 || depth > schemaDepth*4 {
		return errSkipWork
	}
	switch w.node.kind {
	case avroUnion:
		branch, err := c.long()
		if err != nil {
			return err
		}
		if branch < 0 || branch >= int64(len(w.branches)) {
			return fmt.Errorf("union has no branch %d", branch)
		}
		if of := w.branches[branch]; of != nil {
			return c.take(of, depth+1)
		}
		return c.skip(w.node.branches[branch], depth+1)
	case avroRecord:
		return c.record(w, depth)
	case avroMap:
		c.put(w, Field{Kind: Object})
		return c.entries(w, depth)
	case avroArray:
		return c.array(w, depth)
	}
	f, err := c.scalar(w.node, w)
	c.put(w, f)
	return err
}

func (c *avroTaker) record(w *avroWalk, depth int) (err error) {
	c.put(w, Field{Kind: Object})
	for i := range w.visits {
		v := &w.visits[i]
		switch {
		case v.constant != nil:
			of := avroTaker{skipper: skipper{avroCursor{v.constant}, skipWork}, dst: c.dst, Scratch: c.Scratch}
			err = of.take(v.walk, depth+1)
		case v.walk != nil:
			err = c.take(v.walk, depth+1)
		case v.bytes > 0:
			_, err = c.avroCursor.take(v.bytes)
		default:
			err = c.skip(v.node, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// block reads how many items follow; 0 is the end.
func (c *avroTaker) block() (int64, error) {
	n, err := c.long()
	if err != nil || n >= 0 {
		return n, err
	}
	if _, err := c.long(); err != nil { // the block's size in bytes
		return 0, err
	}
	if n == math.MinInt64 {
		return 0, errSkipWork
	}
	return -n, nil
}

func (c *avroTaker) entries(w *avroWalk, depth int) error {
	for {
		n, err := c.block()
		if err != nil || n == 0 {
			return err
		}
		for range n {
			key, err := c.bytes()
			if err != nil {
				return err
			}
			of := w.key(key)
			if of != nil {
				err = c.take(of, depth+1)
			} else {
				err = c.skip(w.node.items, depth+1)
			}
			if err != nil {
				return err
			}
		}
	}
}

func (w *avroWalk) key(name []byte) *avroWalk {
	for i := range w.keys {
		if w.keys[i].name == string(name) {
			return w.keys[i].walk
		}
	}
	return nil
}

// array takes the whole of an array, items of it, or both.
func (c *avroTaker) array(w *avroWalk, depth int) error {
	if len(w.wants) > 0 {
		from, left, first := c.rest, c.left, len(c.items)
		var shape shaped
		if err := c.list(w.node, &shape, depth); err != nil {
			return err
		}
		c.put(w, shape.list(c.Scratch, c.items[first:len(c.items):len(c.items)]))
		if len(w.items) == 0 {
			return nil
		}
		c.rest, c.left = from, left // once more, for what is wanted within
	}
	at, next := 0, 0
	for {
		n, err := c.block()
		if err != nil || n == 0 {
			return err
		}
		for range n {
			if next < len(w.items) && w.items[next].at == at {
				err = c.take(w.items[next].walk, depth+1)
				next++
			} else {
				err = c.skip(w.node.items, depth+1)
			}
			if err != nil {
				return err
			}
			at++
		}
	}
}

// list adds all items of an array to the scratch, and of those within it.
func (c *avroTaker) list(array *avroNode, shape *shaped, depth int) error {
	shape.open()
	for {
		n, err := c.block()
		if n == 0 {
			shape.close()
		}
		if err != nil || n == 0 {
			return err
		}
		for range n {
			if err := c.item(array.items, shape, depth+1); err != nil {
				return err
			}
		}
	}
}

func (c *avroTaker) item(of *avroNode, shape *shaped, depth int) error {
	if c.left--; c.left < 0 || depth > schemaDepth*4 {
		return errSkipWork
	}
	if of.kind == avroUnion {
		branch, err := c.long()
		if err != nil {
			return err
		}
		if branch < 0 || branch >= int64(len(of.branches)) {
			return fmt.Errorf("union has no branch %d", branch)
		}
		return c.item(of.branches[branch], shape, depth+1)
	}
	var f Field
	var err error
	switch of.kind {
	case avroArray:
		return c.list(of, shape, depth)
	case avroRecord, avroMap:
		f.Kind, err = Object, c.skip(of, depth)
	default:
		f, err = c.scalar(of, nil)
	}
	c.items = append(c.items, f)
	shape.item()
	return err
}

// bytes reads a string or bytes.
func (c *avroTaker) bytes() ([]byte, error) {
	n, err := c.long()
	if err != nil {
		return nil, err
	}
	if n < 0 || n > int64(len(c.rest)) {
		return nil, errAvroShort
	}
	return c.avroCursor.take(int(n))
}

// scalar reads a value without parts. Of an enum w may tell the reader's numbers.
func (c *avroTaker) scalar(t *avroNode, w *avroWalk) (f Field, err error) {
	switch t.kind {
	case avroNull:
		return Field{Kind: Null}, nil
	case avroBoolean:
		b, err := c.avroCursor.take(1)
		if err == nil && b[0] > 1 {
			err = fmt.Errorf("byte %d is not a boolean", b[0])
		}
		if err != nil {
			return f, err
		}
		return truthField(b[0] == 1), nil
	case avroFloat:
		b, err := c.avroCursor.take(4)
		if err != nil {
			return f, err
		}
		return real64(float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))), nil
	case avroDouble:
		b, err := c.avroCursor.take(8)
		if err != nil {
			return f, err
		}
		return real64(math.Float64frombits(binary.LittleEndian.Uint64(b))), nil
	case avroEnum:
		return c.symbol(t, w)
	case avroFixed:
		b, err := c.avroCursor.take(t.size)
		return c.logical(t, b), err
	case avroText:
		b, err := c.bytes()
		return c.logical(t, b), err
	}
	v, err := c.long()
	if err == nil && t.kind == avroInt && v != int64(int32(v)) {
		err = fmt.Errorf("%d is not an int", v)
	}
	f = whole64(v)
	f.Unit = t.unit()
	return f, err
}

// unit is what an int or long counts by its logical type.
func (t *avroNode) unit() Unit {
	switch t.logical {
	case "date":
		return Days
	case "timestamp-millis", "local-timestamp-millis":
		return Millis
	case "timestamp-micros", "local-timestamp-micros":
		return Micros
	case "timestamp-nanos", "local-timestamp-nanos":
		return Nanos
	}
	return Plain
}

func (c *avroTaker) symbol(t *avroNode, w *avroWalk) (f Field, err error) {
	v, err := c.long()
	if err != nil {
		return f, err
	}
	if v < 0 || v >= int64(len(t.symbols)) {
		return f, fmt.Errorf("enum has no symbol %d", v)
	}
	f = whole64(v)
	f.Kind = Symbol
	if w == nil {
		f.Text = []byte(t.symbols[v])
		return f, nil
	}
	f.Text = w.symbols[v]
	if w.remap != nil {
		if w.remap[v] < 0 {
			return f, errors.New("its symbol " + t.symbols[v] + " is not one of the enum that it is read by")
		}
		f.Bits = uint64(w.remap[v]) // #nosec G115 -- not negative
	}
	return f, nil
}

// logical is what bytes stand for by their logical type.
func (c *avroTaker) logical(t *avroNode, b []byte) Field {
	const uuid, duration = 16, 12
	switch {
	case t.logical == "decimal":
		return real64(decimalOf(b, t.scale))
	case t.logical == "uuid" && t.kind == avroFixed && len(b) == uuid:
		from := len(c.text)
		for i, part := range [][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
			if i > 0 {
				c.text = append(c.text, '-')
			}
			c.text = hex.AppendEncode(c.text, part)
		}
		return textField(c.text[from:len(c.text):len(c.text)])
	case t.logical == "duration" && len(b) == duration: // months, days, milliseconds
		first := len(c.items)
		for i := 0; i < duration; i += 4 {
			c.items = append(c.items, whole64(int64(binary.LittleEndian.Uint32(b[i:]))))
		}
		return Field{Kind: List, Items: c.items[first:len(c.items):len(c.items)]}
	}
	return textField(b)
}

// powers are those of ten that a float64 holds exactly.
var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// decimalOf is the nearest float64 of a decimal: a big-endian number in two's
// complement, of so many digits after the point.
func decimalOf(b []byte, scale int) float64 {
	const exact = 1 << 53
	if len(b) > 0 && len(b) <= 8 {
		v := int64(int8(b[0])) // #nosec G115 -- its sign
		for _, x := range b[1:] {
			v = v<<8 | int64(x)
		}
		if v <= exact && v >= -exact && scale < len(powers) {
			return float64(v) / powers[scale]
		}
	}
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(b))*8)) // #nosec G115 -- not negative
	}
	v, _ := strconv.ParseFloat(n.String()+"e-"+strconv.Itoa(scale), 64) // beyond the largest it is infinite
	return v
}
