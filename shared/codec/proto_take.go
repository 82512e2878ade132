package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

var errProtoShort = errors.New("it ends within a field")

// protoTaker goes through one record by a walk.
type protoTaker struct {
	*Scratch
	dst  []Field
	left int // work that is left: a record may not make much of few bytes
}

// protoWork is what a record may cost beside its bytes.
const protoWork = 1 << 16

// message takes what is wanted of a message.
func (c *protoTaker) message(w *protoWalk, b []byte, depth int) error {
	if depth > schemaDepth {
		return errors.New("its messages are nested too deep")
	}
	if c.seen[w.id] != c.turn { // a second part of the same message adds to the first
		c.seen[w.id] = c.turn
		for i := range w.presets {
			for _, want := range w.presets[i].wants {
				c.dst[want] = w.presets[i].field
			}
		}
	}
	for len(b) > 0 {
		tag, n := varint(b)
		if n <= 0 {
			return errProtoShort
		}
		number := tag >> 3
		if number == 0 || number > math.MaxInt32>>2 {
			return fmt.Errorf("%d is not the number of a field", number)
		}
		b = b[n:]
		s := w.of(int32(number))
		if s == nil {
			if n = skipProto(b, number, tag&7); n < 0 {
				return protoFault(number, b, n)
			}
			b = b[n:]
			continue
		}
		if s.simple && protowire.Type(tag&7) == s.wire {
			f, n := s.scalar(b)
			if n <= 0 {
				return fmt.Errorf("field %q: %w", s.name, errProtoShort)
			}
			c.dst[s.wants[0]] = f
			b = b[n:]
			continue
		}
		n, err := c.field(s, b, protowire.Type(tag&7), depth)
		if err != nil {
			return fmt.Errorf("field %q: %w", s.name, err)
		}
		b = b[n:]
	}
	return nil
}

// varint reads a number of the wire; n is 0 or less where there is none.
func varint(b []byte) (v uint64, n int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	if len(b) > 1 && b[1] < 0x80 {
		return uint64(b[0]&0x7f) | uint64(b[1])<<7, 2
	}
	return binary.Uvarint(b)
}

// skipProto is the length of a field that nobody wants, negative where it is not
// whole.
func skipProto(b []byte, number, wire uint64) int {
	switch protowire.Type(wire) {
	case protowire.VarintType:
		for i := 0; i < len(b) && i < binary.MaxVarintLen64; i++ {
			if b[i] < 0x80 {
				return i + 1
			}
		}
		return -1
	case protowire.Fixed32Type:
		if len(b) < 4 {
			return -1
		}
		return 4
	case protowire.Fixed64Type:
		if len(b) < 8 {
			return -1
		}
		return 8
	case protowire.BytesType:
		size, n := varint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return -1
		}
		return n + int(size)
	}
	return protowire.ConsumeFieldValue(protowire.Number(number), protowire.Type(wire), b) // a group, or nothing
}

func protoFault(number uint64, _ []byte, n int) error {
	if n == -1 {
		return fmt.Errorf("field %d: %w", number, errProtoShort)
	}
	return fmt.Errorf("field %d: %w", number, protowire.ParseError(n))
}

// wireOf is how values of a kind are written.
func wireOf(k protoreflect.Kind) protowire.Type {
	switch k {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	}
	return protowire.VarintType
}

// field takes a field, and gives its length.
func (c *protoTaker) field(s *protoStep, b []byte, wire protowire.Type, depth int) (int, error) {
	for _, want := range s.clears {
		c.dst[want] = Field{}
	}
	of := s.wire
	var body []byte
	n := 0
	if wire == protowire.BytesType {
		size, head := varint(b)
		if head <= 0 || size > uint64(len(b)-head) {
			return 0, errProtoShort
		}
		body, n = b[head:head+int(size)], head+int(size)
	}
	switch {
	case s.entry[0] != 0 && wire == protowire.BytesType:
		return n, c.entryOf(s, body, depth)
	case s.list && wire == protowire.BytesType && of != wire:
		return n, c.packed(s, body)
	case wire != of:
		return 0, fmt.Errorf("it is written as wire type %d, where its type has %d: another message was written", wire, of)
	case s.list:
		return c.item(s, b, body, n, depth)
	case of == protowire.BytesType && s.kind == protoreflect.MessageKind:
		f, err := c.messageField(s, body)
		c.put(s.wants, f)
		if err == nil && s.within != nil {
			err = c.message(s.within, body, depth+1)
		}
		return n, err
	case of == protowire.BytesType:
		c.put(s.wants, textField(body))
		return n, nil
	}
	f, n := s.scalar(b)
	if n <= 0 {
		return 0, errProtoShort
	}
	c.put(s.wants, f)
	return n, nil
}

func (c *protoTaker) put(wants []int, f Field) {
	for _, want := range wants {
		c.dst[want] = f
	}
}

// scalar reads a number; n is 0 or less where it is not whole.
func (s *protoStep) scalar(b []byte) (f Field, n int) {
	switch s.wire {
	case protowire.Fixed32Type:
		if len(b) < 4 {
			return f, 0
		}
		v := binary.LittleEndian.Uint32(b)
		switch s.kind {
		case protoreflect.FloatKind:
			return real64(float64(math.Float32frombits(v))), 4
		case protoreflect.Sfixed32Kind:
			return whole64(int64(int32(v))), 4
		}
		return whole64(int64(v)), 4
	case protowire.Fixed64Type:
		if len(b) < 8 {
			return f, 0
		}
		v := binary.LittleEndian.Uint64(b)
		switch s.kind {
		case protoreflect.DoubleKind:
			return Field{Kind: Real, Bits: v}, 8
		case protoreflect.Sfixed64Kind:
			return whole64(int64(v)), 8
		}
		return natural(v), 8
	}
	v, n := varint(b)
	return s.number(v), n
}

// number is a varint as what its kind makes of it.
func (s *protoStep) number(v uint64) (f Field) {
	switch s.kind {
	case protoreflect.BoolKind:
		return truthField(v != 0)
	case protoreflect.EnumKind:
		f = whole64(int64(int32(v)))
		if name := s.symbols[int32(v)]; name != nil {
			f.Kind, f.Text = Symbol, name
		}
		return f
	case protoreflect.Sint32Kind:
		return whole64(protowire.DecodeZigZag(v & math.MaxUint32))
	case protoreflect.Sint64Kind:
		return whole64(protowire.DecodeZigZag(v))
	case protoreflect.Int32Kind:
		return whole64(int64(int32(v)))
	case protoreflect.Uint32Kind:
		return whole64(int64(uint32(v)))
	case protoreflect.Uint64Kind:
		return natural(v)
	}
	return whole64(int64(v))
}

// packed takes the numbers of a list that stand side by side.
func (c *protoTaker) packed(s *protoStep, b []byte) error {
	first := len(c.items)
	at := int(c.counts[s.id])
	for len(b) > 0 {
		f, n := s.scalar(b)
		if n <= 0 {
			return errProtoShort
		}
		b = b[n:]
		c.itemAt(s, at, f)
		at++
		if len(s.wants) > 0 {
			c.items = append(c.items, f)
		}
	}
	c.counts[s.id] = int32(min(at, math.MaxInt32))
	return c.longer(s, first)
}

func (c *protoTaker) itemAt(s *protoStep, at int, f Field) {
	for i := range s.items {
		if s.items[i].at == at {
			c.put(s.items[i].wants, f)
		}
	}
}

// item takes one of a list that stands alone.
func (c *protoTaker) item(s *protoStep, b, body []byte, n, depth int) (int, error) {
	var f Field
	var err error
	switch {
	case s.kind == protoreflect.MessageKind:
		f, err = c.messageField(s, body)
	case body != nil || s.wire == protowire.BytesType:
		f = textField(body)
	default:
		if f, n = s.scalar(b); n <= 0 {
			return 0, errProtoShort
		}
	}
	if err != nil {
		return n, err
	}
	at := int(c.counts[s.id])
	c.counts[s.id]++
	c.itemAt(s, at, f)
	for i := range s.items {
		if s.items[i].at == at && s.items[i].within != nil {
			if err := c.message(s.items[i].within, body, depth+1); err != nil {
				return n, fmt.Errorf("[%d]: %w", at, err)
			}
		}
	}
	if len(s.wants) == 0 {
		return n, nil
	}
	first := len(c.items)
	c.items = append(c.items, f)
	return n, c.longer(s, first)
}

// longer adds the items from first on to a list. Those before them are moved
// behind the others where something stands between.
func (c *protoTaker) longer(s *protoStep, first int) error {
	if len(s.wants) == 0 {
		return nil
	}
	added := len(c.items) - first
	before := c.dst[s.wants[0]].Items
	begin := int(c.begins[s.id])
	switch {
	case len(before) == 0:
		begin = first
	case begin+len(before) != first:
		if c.left -= len(before); c.left < 0 {
			return errors.New("the items of its lists are scattered over it")
		}
		begin = len(c.items)
		c.items = append(c.items, before...)
		c.items = append(c.items, c.items[first:first+added]...)
	}
	c.begins[s.id] = int32(begin)
	c.put(s.wants, Field{Kind: List, Items: c.items[begin:len(c.items):len(c.items)]})
	return nil
}

// entryOf takes an entry of a map.
func (c *protoTaker) entryOf(s *protoStep, b []byte, depth int) error {
	if len(s.keys) == 0 {
		return nil
	}
	var key, value []byte
	wire := wireOf(s.entry[1])
	err := eachProto(b, func(number protowire.Number, t protowire.Type, field []byte) error {
		switch {
		case number == 1 && t == wireOf(s.entry[0]):
			key = field
		case number == 2 && t == wire:
			value = field
		}
		return nil
	})
	if err != nil {
		return err
	}
	var buf [32]byte
	text, err := keyText(buf[:0], s.entry[0], key)
	if err != nil {
		return err
	}
	for i := range s.keys {
		if s.keys[i].key == string(text) {
			return c.mapValue(s, &s.keys[i], value, wire, depth)
		}
	}
	return nil
}

// zeros are a number that the wire leaves out.
var zeros = make([]byte, 8)

// keyText is a key of a map as a path writes it.
func keyText(buf []byte, kind protoreflect.Kind, key []byte) ([]byte, error) {
	if kind == protoreflect.StringKind {
		text, n := protowire.ConsumeBytes(key)
		if n < 0 && len(key) > 0 {
			return nil, errProtoShort
		}
		return text, nil
	}
	if key == nil {
		key = zeros
	}
	of := protoStep{kind: kind, wire: wireOf(kind)}
	f, n := of.scalar(key)
	switch {
	case n <= 0:
		return nil, errProtoShort
	case f.Kind == Truth:
		return strconv.AppendBool(buf, f.Bits != 0), nil
	case f.Kind == Natural:
		return strconv.AppendUint(buf, f.Bits, 10), nil
	}
	return strconv.AppendInt(buf, int64(f.Bits), 10), nil
}

func (c *protoTaker) mapValue(s *protoStep, to *protoEntry, value []byte, wire protowire.Type, depth int) error {
	var body []byte
	if wire == protowire.BytesType {
		body, _ = protowire.ConsumeBytes(value) // it was consumed before
	} else if value == nil {
		value = zeros
	}
	var f Field
	var err error
	n := 1
	switch {
	case s.value.kind == protoreflect.MessageKind:
		f, err = c.messageField(s.value, body)
		if err == nil && to.within != nil {
			err = c.message(to.within, body, depth+1)
		}
	case wire == protowire.BytesType:
		f = textField(body)
	default:
		f, n = s.value.scalar(value)
	}
	if n <= 0 {
		return errProtoShort
	}
	c.put(to.wants, f)
	return err
}

// messageField is a message as one value: an object, or what it stands for.
func (c *protoTaker) messageField(s *protoStep, b []byte) (Field, error) {
	switch s.known {
	case knownTimestamp, knownDuration:
		seconds, nanos, err := protoTime(b)
		if s.known == knownDuration {
			return real64(float64(seconds) + float64(nanos)/1e9), err
		}
		return instant(seconds, nanos), err
	case knownWrapper:
		f := Field{}
		err := eachProto(b, func(number protowire.Number, t protowire.Type, value []byte) error {
			if number != 1 || t != s.value.wire {
				return nil
			}
			if t == protowire.BytesType {
				body, _ := protowire.ConsumeBytes(value) // it was consumed before
				f = textField(body)
				return nil
			}
			f, _ = s.value.scalar(value)
			return nil
		})
		if f.Kind == Absent { // the default of its type
			switch s.value.kind {
			case protoreflect.StringKind, protoreflect.BytesKind:
				f = textField([]byte{})
			case protoreflect.DoubleKind, protoreflect.FloatKind:
				f = real64(0)
			case protoreflect.BoolKind:
				f = truthField(false)
			default:
				f = whole64(0)
			}
		}
		return f, err
	case knownDecimal:
		return protoDecimal(b)
	}
	return Field{Kind: Object}, nil
}

// eachProto gives the fields of a message, whole.
func eachProto(b []byte, take func(protowire.Number, protowire.Type, []byte) error) error {
	for len(b) > 0 {
		number, t, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errProtoShort
		}
		size := protowire.ConsumeFieldValue(number, t, b[n:])
		if size < 0 {
			return errProtoShort
		}
		if err := take(number, t, b[n:n+size]); err != nil {
			return err
		}
		b = b[n+size:]
	}
	return nil
}

func protoTime(b []byte) (seconds, nanos int64, err error) {
	err = eachProto(b, func(number protowire.Number, t protowire.Type, value []byte) error {
		if t != protowire.VarintType {
			return nil
		}
		v, _ := varint(value)
		switch number {
		case 1:
			seconds = int64(v)
		case 2:
			nanos = int64(int32(v))
		}
		return nil
	})
	return seconds, nanos, err
}

// latestNanos is up to which second int64 holds nanoseconds: in the year 2262.
const latestNanos = math.MaxInt64/1_000_000_000 - 1

// instant is a time in the coarsest unit that holds it.
func instant(seconds, nanos int64) Field {
	f := Field{Kind: Whole}
	switch {
	case nanos%1e6 == 0 || seconds > latestNanos || seconds < -latestNanos:
		f.Unit, f.Bits = Millis, uint64(seconds*1e3+nanos/1e6)
	case nanos%1e3 == 0:
		f.Unit, f.Bits = Micros, uint64(seconds*1e6+nanos/1e3)
	default:
		f.Unit, f.Bits = Nanos, uint64(seconds*1e9+nanos)
	}
	return f
}

// protoDecimal reads Confluent's Decimal: a big-endian number, and how many of its
// digits are after the point.
func protoDecimal(b []byte) (Field, error) {
	var digits []byte
	scale := 0
	err := eachProto(b, func(number protowire.Number, t protowire.Type, value []byte) error {
		switch {
		case number == 1 && t == protowire.BytesType:
			digits, _ = protowire.ConsumeBytes(value) // it was consumed before
		case number == 3 && t == protowire.VarintType:
			v, _ := varint(value)
			scale = int(int32(v))
		}
		return nil
	})
	const most, longest = 400, 200
	if err == nil && (scale < 0 || scale > most || len(digits) > longest) {
		err = fmt.Errorf("a decimal of %d bytes and scale %d", len(digits), scale)
	}
	if err != nil {
		return Field{}, err
	}
	return real64(decimalOf(digits, scale)), nil
}
