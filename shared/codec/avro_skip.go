package codec

import (
	"errors"
	"fmt"
)

// skipper steps over values that no tensor takes. A schema may make much work of
// few bytes (records of records without a field), so the work is counted.
type skipper struct {
	avroCursor
	left int // types that may still be stepped over
}

// skipWork is how many types a record may make a skipper step over, beside one
// for each of its bytes.
const skipWork = 1 << 16

var errSkipWork = errors.New("the record nests more than can be read")

// always is how many bytes a value has, whatever it is; -1 where it tells itself.
func (t *avroNode) always() int {
	switch t.kind {
	case avroFloat:
		return 4
	case avroDouble:
		return 8
	case avroBoolean:
		return 1
	case avroFixed:
		return t.size
	case avroNull:
		return 0
	}
	return -1
}

func (s *skipper) skip(t *avroNode, depth int) error {
	if s.left--; s.left < 0 || depth > schemaDepth*4 {
		return errSkipWork
	}
	if n := t.always(); n >= 0 {
		_, err := s.take(n)
		return err
	}
	switch t.kind {
	case avroInt, avroLong, avroEnum:
		_, err := s.long()
		return err
	case avroText:
		return s.sized()
	case avroArray, avroMap:
		return s.blocks(t, depth)
	case avroUnion:
		branch, err := s.long()
		if err != nil {
			return err
		}
		if branch < 0 || branch >= int64(len(t.branches)) {
			return fmt.Errorf("union has no branch %d", branch)
		}
		return s.skip(t.branches[branch], depth+1)
	}
	for i := range t.fields {
		if err := s.skip(t.fields[i].node, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// sized steps over a string or bytes.
func (s *skipper) sized() error {
	n, err := s.long()
	if err != nil {
		return err
	}
	if n < 0 || n > int64(len(s.rest)) {
		return errAvroShort
	}
	_, err = s.take(int(n))
	return err
}

// blocks steps over the blocks of an array or map, at once those that tell their
// size.
func (s *skipper) blocks(t *avroNode, depth int) error {
	for {
		n, err := s.long()
		if err != nil || n == 0 {
			return err
		}
		if n < 0 {
			if err := s.sized(); err != nil {
				return err
			}
			continue
		}
		for range n {
			if t.kind == avroMap {
				if err := s.sized(); err != nil {
					return err
				}
			}
			if err := s.skip(t.items, depth+1); err != nil {
				return err
			}
		}
	}
}
