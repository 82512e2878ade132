package codec

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

var errNotJSON = errors.New("is not JSON")

// jsonWalk goes through one text and takes what a tree wants.
type jsonWalk struct {
	text []byte
	at   int
	dst  []Field
	*Scratch
}

// peek skips white space and gives the next byte, 0 at the end.
func (w *jsonWalk) peek() byte {
	for ; w.at < len(w.text); w.at++ {
		switch c := w.text[w.at]; c {
		case ' ', '\t', '\r', '\n':
		case 0:
			return 1 // no end, and in no grammar
		default:
			return c
		}
	}
	return 0
}

// jsonNesting is how deep encoding/json lets values be nested.
const jsonNesting = 10_000

// value reads one value; of a nil tree nothing is taken.
func (w *jsonWalk) value(t *fieldTree, depth int) error {
	if depth > jsonNesting {
		return errNotJSON
	}
	switch c := w.peek(); c {
	case '{':
		return w.object(t, depth+1)
	case '[':
		return w.array(t, depth+1)
	}
	if t == nil || len(t.wants) == 0 {
		return w.scalar(nil)
	}
	var f Field
	if err := w.scalar(&f); err != nil {
		return err
	}
	t.put(w.dst, f)
	return nil
}

// scalar reads a text, a number or a literal, into f unless that is nil.
func (w *jsonWalk) scalar(f *Field) error {
	switch c := w.peek(); {
	case c == '"':
		text, plain, err := w.quoted()
		if err == nil && f != nil {
			if !plain {
				text = w.unescape(text)
			}
			*f = textField(text)
		}
		return err
	case c == '-' || c >= '0' && c <= '9':
		return w.number(f)
	case c == 't':
		return w.literal("true", f, truthField(true))
	case c == 'f':
		return w.literal("false", f, truthField(false))
	case c == 'n':
		return w.literal("null", f, Field{Kind: Null})
	}
	return errNotJSON
}

func (w *jsonWalk) literal(word string, f *Field, is Field) error {
	if len(w.text)-w.at < len(word) || string(w.text[w.at:w.at+len(word)]) != word {
		return errNotJSON
	}
	w.at += len(word)
	if f != nil {
		*f = is
	}
	return nil
}

func (w *jsonWalk) object(t *fieldTree, depth int) error {
	if t != nil {
		t.put(w.dst, Field{Kind: Object})
	}
	w.at++
	if w.peek() == '}' {
		w.at++
		return nil
	}
	for {
		if w.peek() != '"' {
			return errNotJSON
		}
		name, plain, err := w.quoted()
		if err != nil {
			return err
		}
		var child *fieldTree
		if t != nil {
			if !plain {
				name = w.unescape(name)
			}
			if child = t.named(name); child != nil {
				if w.seen[child.id] == w.turn {
					return fmt.Errorf("member %q comes twice", name)
				}
				w.seen[child.id] = w.turn
			}
		}
		if w.peek() != ':' {
			return errNotJSON
		}
		w.at++
		if err := w.value(child, depth); err != nil {
			return err
		}
		if more, err := w.more('}'); !more {
			return err
		}
	}
}

// more steps over what follows a member or item.
func (w *jsonWalk) more(end byte) (bool, error) {
	switch w.peek() {
	case ',':
		w.at++
		return true, nil
	case end:
		w.at++
		return false, nil
	}
	return false, errNotJSON
}

func (w *jsonWalk) array(t *fieldTree, depth int) error {
	if t != nil && len(t.wants) > 0 {
		from, first := w.at, len(w.items)
		var shape shaped
		if err := w.list(&shape, depth); err != nil {
			return err
		}
		t.put(w.dst, shape.list(w.Scratch, w.items[first:len(w.items):len(w.items)]))
		if t.leaf() {
			return nil
		}
		w.at = from // once more, for what is wanted within
	}
	w.at++
	if w.peek() == ']' {
		w.at++
		return nil
	}
	next := 0 // of the wanted items
	for i := 0; ; i++ {
		var child *fieldTree
		if t != nil && next < len(t.items) && t.items[next].at == i {
			child = t.items[next].tree
			next++
		}
		if err := w.value(child, depth); err != nil {
			return err
		}
		if more, err := w.more(']'); !more {
			return err
		}
	}
}

// list takes all items of an array, and of those within it.
func (w *jsonWalk) list(shape *shaped, depth int) error {
	if depth > jsonNesting {
		return errNotJSON
	}
	shape.open()
	w.at++
	if w.peek() == ']' {
		w.at++
		shape.close()
		return nil
	}
	for {
		var f Field
		var err error
		switch w.peek() {
		case '[':
			err = w.list(shape, depth+1)
		case '{':
			f.Kind, err = Object, w.value(nil, depth)
			w.items = append(w.items, f)
			shape.item()
		default:
			err = w.scalar(&f)
			w.items = append(w.items, f)
			shape.item()
		}
		if err != nil {
			return err
		}
		if more, err := w.more(']'); !more {
			shape.close()
			return err
		}
	}
}

// quoted reads a string: what is between the quotation marks, and whether that
// is the text as it stands.
func (w *jsonWalk) quoted() (text []byte, plain bool, err error) {
	from := w.at + 1
	plain = true
	for i := from; i < len(w.text); i++ {
		switch c := w.text[i]; {
		case c == '"':
			w.at = i + 1
			return w.text[from:i], plain, nil
		case c < ' ':
			return nil, false, errNotJSON
		case c == '\\':
			plain = false
			n := escape(w.text[i:])
			if n == 0 {
				return nil, false, errNotJSON
			}
			i += n - 1
		}
	}
	return nil, false, errNotJSON
}

// escape is the length of an escape sequence, 0 for what is none.
func escape(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if hex4(text) >= 0 {
			return 6
		}
	}
	return 0
}

// hex4 is the number of \uXXXX, -1 for what is none.
func hex4(text []byte) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	var v rune
	for _, c := range text[2:6] {
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			v = v<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return v
}

// unescape is the text of a string whose escapes are well-formed, as
// encoding/json reads it: what is no UTF-8 becomes U+FFFD.
func (w *jsonWalk) unescape(quoted []byte) []byte {
	from := len(w.Scratch.text)
	out := w.Scratch.text
	for len(quoted) > 0 {
		if c := quoted[0]; c != '\\' {
			r, n := utf8.DecodeRune(quoted)
			out, quoted = utf8.AppendRune(out, r), quoted[n:]
			continue
		}
		n := 2
		switch c := quoted[1]; c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := hex4(quoted)
			n = 6
			if utf16.IsSurrogate(r) {
				pair := utf16.DecodeRune(r, hex4(quoted[6:]))
				if r = pair; pair != utf8.RuneError {
					n = 12
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
		quoted = quoted[n:]
	}
	w.Scratch.text = out
	return out[from:len(out):len(out)]
}

// number reads a number, as the decoder of whole records does.
func (w *jsonWalk) number(f *Field) error {
	from := w.at
	i := from
	if w.text[i] == '-' {
		i++
	}
	first := i
	i = digits(w.text, i)
	if i == first || w.text[first] == '0' && i > first+1 {
		return errNotJSON
	}
	integer := true
	if i < len(w.text) && w.text[i] == '.' {
		integer = false
		fraction := i + 1
		if i = digits(w.text, fraction); i == fraction {
			return errNotJSON
		}
	}
	if i < len(w.text) && w.text[i]|0x20 == 'e' {
		integer = false
		i++
		if i < len(w.text) && (w.text[i] == '+' || w.text[i] == '-') {
			i++
		}
		exponent := i
		if i = digits(w.text, exponent); i == exponent {
			return errNotJSON
		}
	}
	w.at = i
	if f == nil {
		return nil
	}
	var err error
	*f, err = parseNumber(w.text[from:i], integer)
	return err
}

func digits(text []byte, i int) int {
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	return i
}

// parseNumber reads a word that the grammar of JSON lets be a number.
func parseNumber(word []byte, integer bool) (Field, error) {
	if integer {
		if v, ok := decimal(word); ok {
			return whole64(v), nil
		}
		if v, err := strconv.ParseInt(string(word), 10, 64); err == nil {
			return whole64(v), nil
		}
		if v, err := strconv.ParseUint(string(word), 10, 64); err == nil {
			return Field{Kind: Natural, Bits: v}, nil
		}
	}
	v, err := strconv.ParseFloat(string(word), 64)
	if err != nil || math.IsInf(v, 0) {
		return Field{}, fmt.Errorf("%s is out of range", word)
	}
	return real64(v), nil
}
