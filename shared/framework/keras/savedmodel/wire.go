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

// maxMembers bounds the members of all messages of a file, each as often as it is
// larger in memory than some 16 bytes: two bytes of a file may become a structure
// of a hundred. A model of a thousand layers has two million.
const maxMembers = 6_000_000

// What structures count beside their members.
const (
	ofShape    = 2
	ofArg      = 2
	ofTensor   = 6 // of a constant or a signature
	ofAttr     = 12
	ofNode     = 8
	ofFunction = 20
)

var errMembers = errors.New("it has too many nodes, attributes, tensors, sizes and other members")

// reader counts what it has read of one file.
type reader struct{ members int }

func (r *reader) spend(n int) error {
	if r.members += n; r.members > maxMembers {
		return errMembers
	}
	return nil
}

// walk visits the members of one message in order. Hostile bytes give an
// error, never a panic.
func (r *reader) walk(b []byte, singular once, visit func(field) error) error {
	var seen once
	for len(b) > 0 {
		if err := r.spend(1); err != nil {
			return err
		}
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
func (r *reader) entry(b []byte) (key string, value []byte, err error) {
	err = r.walk(b, numbers(1, 2), func(f field) error {
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

func (m *entries[V]) add(r *reader, b []byte, parse func([]byte) (V, error)) error {
	key, value, err := r.entry(b)
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
