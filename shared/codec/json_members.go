package codec

import (
	"encoding/json"
	"errors"
)

// Members visits the members of a JSON object in their order, with their values
// as they are written. What it visits is valid until it returns.
func Members(object []byte, visit func(name, value []byte) error) error {
	if !json.Valid(object) {
		return notJSON(object)
	}
	s := jsonScanner{text: object}
	if s.peek() != '{' {
		return notObject(object)
	}
	s.at++
	for s.peek() != '}' {
		name, err := s.name()
		if err != nil {
			return err
		}
		s.peek()
		from := s.at
		s.skip()
		if err := visit(name, object[from:s.at]); err != nil {
			return err
		}
		if s.peek() == ',' {
			s.at++
		}
	}
	return nil
}

// ErrNoScalar is that a value holds text or an object.
var ErrNoScalar = errors.New("holds text or an object, numbers are wanted")

// Scalars visits the numbers, truth values and nulls of a value that Members
// gave, of nested arrays row-major.
func Scalars(value []byte, visit func(word []byte) error) error {
	s := jsonScanner{text: value}
	for {
		switch s.peek() {
		case 0:
			return nil
		case '[', ']', ',':
			s.at++
		case '"', '{':
			return ErrNoScalar
		default:
			if err := visit(s.word()); err != nil {
				return err
			}
		}
	}
}
