package codec

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// jsonScanner walks text that json.Valid has passed, so that it need not check
// the grammar again, and reads numbers without building values.
type jsonScanner struct {
	text []byte
	at   int
}

// span is a part of a text; to is 0 where there is none.
type span struct{ from, to int }

// peek skips white space and gives the next byte, 0 at the end.
func (s *jsonScanner) peek() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// name reads a member's name and the colon after it.
func (s *jsonScanner) name() ([]byte, error) {
	s.peek()
	name, err := s.string()
	s.peek()
	s.at++ // the colon
	return name, err
}

// string reads the text of a string.
func (s *jsonScanner) string() ([]byte, error) {
	from := s.at
	s.quoted()
	quoted := s.text[from:s.at]
	text := quoted[1 : len(quoted)-1]
	for _, c := range text {
		if c == '\\' {
			var plain string
			err := json.Unmarshal(quoted, &plain)
			return []byte(plain), err
		}
	}
	return text, nil
}

// quoted skips a string.
func (s *jsonScanner) quoted() {
	for s.at++; s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
}

// skip passes over one value.
func (s *jsonScanner) skip() {
	depth := 0
	for {
		switch s.peek() {
		case 0:
			return
		case '"':
			s.quoted()
		case '{', '[':
			depth++
			s.at++
		case '}', ']':
			depth--
			s.at++
		case ',', ':':
			s.at++
		default:
			s.word()
		}
		if depth == 0 {
			return
		}
	}
}

// word reads a number or a literal.
func (s *jsonScanner) word() []byte {
	from := s.at
	for ; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case ',', ']', '}', ' ', '\t', '\r', '\n':
			return s.text[from:s.at]
		}
	}
	return s.text[from:]
}

// numbers writes a number, a boolean, a null, a text, or all of a nested array of
// them, row-major.
func (s *jsonScanner) numbers(to *sink, n *nesting) error {
	for {
		var err error
		switch c := s.peek(); c {
		case 0:
			return nil
		case ',':
			s.at++
			continue
		case '[':
			s.at++
			err = n.open()
		case ']':
			s.at++
			err = n.close()
		case '"':
			if to.dtype != String {
				return errText
			}
			var text []byte
			if text, err = s.string(); err != nil {
				return err
			}
			if err = to.text(text); err == nil {
				err = n.item()
			}
		case '{':
			return errObject
		default:
			if err = number(to, s.word()); err == nil {
				err = n.item()
			}
		}
		if err != nil {
			return err
		}
	}
}

func number(to *sink, word []byte) error {
	switch word[0] {
	case 't':
		return to.integer(1)
	case 'f':
		return to.integer(0)
	case 'n':
		return to.null()
	}
	if v, ok := decimal(word); ok {
		return to.integer(v)
	}
	if len(word) > shortest && whole(word) {
		return long(to, string(word))
	}
	v, err := strconv.ParseFloat(string(word), 64)
	if err != nil {
		return fmt.Errorf("%s is out of range", word)
	}
	return to.float(v)
}

// shortest is how many digits any int64 may have without a look at its value.
const shortest = 18

func whole(word []byte) bool {
	for i, c := range word {
		if (c < '0' || c > '9') && (i > 0 || c != '-') {
			return false
		}
	}
	return true
}

// long writes an integer of many digits: exactly where the tensor holds
// integers, which refuse what they cannot hold, else as the nearest float.
func long(to *sink, word string) error {
	if v, err := strconv.ParseInt(word, 10, 64); err == nil {
		return to.integer(v)
	}
	if to.dtype == Uint64 {
		if v, err := strconv.ParseUint(word, 10, 64); err == nil {
			return to.unsigned(v)
		}
	}
	if !to.dtype.Float() {
		return fmt.Errorf("%s %w %s", word, errMisfit, to.dtype)
	}
	v, err := strconv.ParseFloat(word, 64)
	if err != nil {
		return fmt.Errorf("%s is out of range", word)
	}
	return to.float(v)
}

// decimal reads an integer of few digits, which cannot overflow.
func decimal(word []byte) (v int64, ok bool) {
	digits := word
	if digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > shortest {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	if len(digits) < len(word) {
		v = -v
	}
	return v, true
}
