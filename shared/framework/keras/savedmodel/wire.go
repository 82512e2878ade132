package savedmodel

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

var errRepeated = errors.New("a member that can be there once is there twice")

// field is one member of a protobuf message: bytes of a length-delimited one,
// value of a varint, neither of the fixed-width ones.
type field struct {
	number protowire.Number
	bytes  []byte
	value  uint64
}

// once is a set of member numbers below 64. A member in it must not come
// twice: another parser might keep the other one.
type once uint64

func numbers(ns ...protowire.Number) (set once) {
	for _, n := range ns {
		set |= 1 << n
	}
	return set
}

// walk visits the members of one message in order. Hostile bytes give an
// error, never a panic.
func walk(b []byte, singular once, visit func(field) error) error {
	var seen once
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		f := field{number: number}
		switch kind {
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if number < 64 {
			bit := once(1) << number
			if seen&singular&bit != 0 {
				return fmt.Errorf("member %d: %w", number, errRepeated)
			}
			seen |= bit
		}
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

// entry reads one entry of a map with string keys.
func entry(b []byte) (key string, value []byte, err error) {
	err = walk(b, numbers(1, 2), func(f field) error {
		switch f.number {
		case 1:
			key = string(f.bytes)
		case 2:
			value = f.bytes
		}
		return nil
	})
	return key, value, err
}

// entries gathers the entries of a map and refuses a key that comes twice.
type entries[V any] map[string]V

func (m *entries[V]) add(b []byte, parse func([]byte) (V, error)) error {
	key, value, err := entry(b)
	if err != nil {
		return err
	}
	if _, double := (*m)[key]; double {
		return fmt.Errorf("%q: %w", key, errRepeated)
	}
	v, err := parse(value)
	if err != nil {
		return fmt.Errorf("%q: %w", key, err)
	}
	if *m == nil {
		*m = entries[V]{}
	}
	(*m)[key] = v
	return nil
}
