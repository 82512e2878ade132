package codec

import (
	"fmt"
	"unicode/utf8"
)

// rawTextWriter writes a sample's one text as the whole value.
type rawTextWriter struct{}

func (rawTextWriter) encode(dst []byte, a Array) ([]byte, error) {
	text, rest, ok := CutText(a.Texts)
	if !ok || len(rest) > 0 || len(a.Data) > 0 {
		return dst, fmt.Errorf("%d texts and %d numbers are not the one text that a record of RAW is", countTexts(a.Texts), a.Elements())
	}
	return append(dst, text...), nil
}

// countTexts is how many texts are stored one after the other.
func countTexts(stored []byte) (n int) {
	for {
		_, rest, ok := CutText(stored)
		if !ok {
			return n
		}
		n, stored = n+1, rest
	}
}

// jsonTexts appends the next texts: one bare, several as an array.
func (n *numbers) jsonTexts(dst []byte, count int) (_ []byte, err error) {
	if count == 1 {
		return n.jsonText(dst)
	}
	dst = append(dst, '[')
	for i := range count {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = n.jsonText(dst); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

var errNotUTF8 = &Fault{"the text is not UTF-8, which JSON cannot hold", "save the file as UTF-8, or send it in the format AVRO"}

// jsonText appends the next text as a JSON string. Bytes that are not UTF-8 are
// refused: JSON has no way to write them.
func (n *numbers) jsonText(dst []byte) ([]byte, error) {
	text := n.text()
	if !utf8.Valid(text) {
		return dst, errNotUTF8
	}
	return AppendQuoted(dst, text), nil
}

// AppendQuoted writes a text as a JSON string. Each byte that is not UTF-8 becomes
// U+FFFD; what JSON need not escape is not escaped.
func AppendQuoted(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for len(text) > 0 {
		c := text[0]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(text)
			dst, text = utf8.AppendRune(dst, r), text[size:]
			continue
		}
		text = text[1:]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
