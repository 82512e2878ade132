package onnxgraph

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// form is how a member of a protobuf message is written.
type form uint8

const (
	unknown form = iota // no such member
	varint
	bytes
	float // fixed32
	// The same any number of times; numbers also packed into one.
	varints
	eachBytes
	floats
	doubles // fixed64
)

func (f form) repeated() bool { return f >= varints }

// wire is the type of the form's unpacked encoding.
func (f form) wire() protowire.Type {
	switch f {
	case varint, varints:
		return protowire.VarintType
	case float, floats:
		return protowire.Fixed32Type
	case doubles:
		return protowire.Fixed64Type
	default:
		return protowire.BytesType
	}
}

// message has the forms of a message's members, by number.
type message [32]form

// member is one member as it comes.
type member struct {
	number protowire.Number
	bytes  []byte // of a length-delimited one, packed numbers too
	value  uint64 // of a number that stands alone
	packed bool
}

// walk visits the members of a message in order. What another parser could read
// in another way is refused: members that are not known, that have another form,
// or that come twice where one is meant. Hostile bytes give an error, never a
// panic.
func walk(b []byte, m *message, visit func(member) error) error {
	var seen uint32
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if int(number) >= len(m) || m[number] == unknown {
			return fmt.Errorf("member %d is not known", number)
		}
		f := m[number]
		if bit := uint32(1) << number; !f.repeated() && seen&bit != 0 {
			return fmt.Errorf("member %d, which can be there once, is there twice", number)
		} else {
			seen |= bit
		}
		b = b[n:]
		v := member{number: number, packed: kind == protowire.BytesType && f.wire() != protowire.BytesType}
		if kind != f.wire() && (!v.packed || !f.repeated()) {
			return fmt.Errorf("member %d has another form", number)
		}
		if n = v.consume(kind, b); n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := visit(v); err != nil {
			return err
		}
	}
	return nil
}

func (v *member) consume(kind protowire.Type, b []byte) (n int) {
	switch kind {
	case protowire.VarintType:
		v.value, n = protowire.ConsumeVarint(b)
	case protowire.Fixed32Type:
		var value uint32
		value, n = protowire.ConsumeFixed32(b)
		v.value = uint64(value)
	case protowire.Fixed64Type:
		v.value, n = protowire.ConsumeFixed64(b)
	default:
		v.bytes, n = protowire.ConsumeBytes(b)
	}
	return n
}

var errPacked = errors.New("packed numbers end within one")

// each visits the numbers of a repeated member.
func (v member) each(f form, visit func(uint64)) error {
	if !v.packed {
		visit(v.value)
		return nil
	}
	for b := v.bytes; len(b) > 0; {
		one := member{}
		n := one.consume(f.wire(), b)
		if n < 0 {
			return errPacked
		}
		visit(one.value)
		b = b[n:]
	}
	return nil
}

// int32 is a number of 32 bits. Protobuf cuts a longer one off.
func (v member) int32() (int32, error) {
	n := int64(v.value) // #nosec G115 -- two's complement, as protobuf writes negative numbers
	if int64(int32(n)) != n {
		return 0, fmt.Errorf("member %d is no number of 32 bits", v.number)
	}
	return int32(n), nil
}

func (v member) int64() int64 { return int64(v.value) } // #nosec G115 -- two's complement, as protobuf writes negative numbers
