package savedmodel

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kafkaml/kafkaml/shared/protofield"
)

var errRepeated = errors.New("a member that can be there once is there twice")

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
func (r *reader) walk(b []byte, singular once, visit func(protofield.Field) error) error {
	var seen once
	return protofield.Each(b, func(f protofield.Field) error {
		if err := r.spend(1); err != nil {
			return err
		}
		if f.Number < 64 {
			bit := once(1) << f.Number
			if seen&singular&bit != 0 {
				return fmt.Errorf("member %d: %w", f.Number, errRepeated)
			}
			seen |= bit
		}
		return visit(f)
	})
}

// entry reads one entry of a map with string keys.
func (r *reader) entry(b []byte) (key string, value []byte, err error) {
	err = r.walk(b, numbers(1, 2), func(f protofield.Field) error {
		switch f.Number {
		case 1:
			key = string(f.Bytes)
		case 2:
			value = f.Bytes
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
