package files

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const readAhead = 1 << 20

// openPlain opens a file and unpacks it where its bytes, whatever its name, are
// those of gzip.
func openPlain(path string) (*bufio.Reader, func() error, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	from := bufio.NewReaderSize(f, readAhead)
	if start, _ := from.Peek(2); !bytes.Equal(start, []byte{0x1f, 0x8b}) { // a shorter file gives what it has
		return from, f.Close, nil
	}
	z, err := gzip.NewReader(from)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return bufio.NewReaderSize(z, readAhead), func() error { return errors.Join(z.Close(), f.Close()) }, nil
}

// openText opens a file of text as UTF-8 without a byte order mark, with lines
// that end in a line feed. A file that holds no text is refused by what it is.
func openText(path string) (*bufio.Reader, func() error, error) {
	from, closer, err := openPlain(path)
	if err != nil {
		return nil, nil, err
	}
	start, _ := from.Peek(4 << 10) // a shorter file gives what it has
	if err := foreign(path, start); err != nil {
		return nil, nil, errors.Join(err, closer())
	}
	switch {
	case bytes.HasPrefix(start, []byte("\ufeff")):
		_, err = from.Discard(len("\ufeff"))
	case bytes.HasPrefix(start, []byte{0xff, 0xfe}), bytes.HasPrefix(start, []byte{0xfe, 0xff}):
		from = utf16(from, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM))
	case zeros(start, 1):
		from = utf16(from, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM))
	case zeros(start, 0):
		from = utf16(from, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM))
	}
	if start, _ = from.Peek(4 << 10); bytes.IndexByte(start, '\r') >= 0 && bytes.IndexByte(start, '\n') < 0 {
		from = bufio.NewReaderSize(replaced{from, '\r', '\n'}, readAhead)
	}
	return from, closer, err
}

func utf16(from io.Reader, e encoding.Encoding) *bufio.Reader {
	return bufio.NewReaderSize(transform.NewReader(from, e.NewDecoder()), readAhead)
}

// zeros reports whether each second byte of a text is 0, as UTF-16 writes Latin
// letters.
func zeros(start []byte, from int) bool {
	const looked = 64
	start = start[:min(len(start), looked)&^1]
	for i := from; i < len(start); i += 2 {
		if start[i] != 0 || start[i^1] == 0 {
			return false
		}
	}
	return len(start) > 0
}

// replaced reads a text with one character for another.
type replaced struct {
	from    io.Reader
	old, by byte
}

func (r replaced) Read(b []byte) (int, error) {
	n, err := r.from.Read(b)
	for i, c := range b[:n] {
		if c == r.old {
			b[i] = r.by
		}
	}
	return n, err
}
