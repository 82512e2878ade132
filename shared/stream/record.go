package stream

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/segmentio/kafka-go"
)

// Record is a record of a topic, as it is read, sent and carried by an event.
// Key and Value are nil where the record has none.
type Record struct {
	Topic      string
	Partition  int
	Offset     int64
	Time       time.Time
	Key, Value []byte
	Headers    []Header
}

// Header is one header of a record.
type Header = kafka.Header

// Clone is a copy whose key, value and headers lie in memory of their own: what
// a Claim or a Follow gives is used again.
func (r *Record) Clone() Record {
	buf := make([]byte, 0, len(r.Key)+len(r.Value))
	dup := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		at := len(buf)
		buf = append(buf, b...)
		return buf[at:len(buf):len(buf)]
	}
	c := *r
	c.Key, c.Value, c.Headers = dup(r.Key), dup(r.Value), nil
	for _, h := range r.Headers {
		c.Headers = append(c.Headers, Header{Key: h.Key, Value: bytes.Clone(h.Value)})
	}
	return c
}

// Header is the value of the header of a name as text, empty where there is
// none; of several the last.
func (r *Record) Header(name string) string {
	for _, h := range slices.Backward(r.Headers) {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

const shownKey = 32 // bytes of a key that is no text

// KeyText is the key as a person reads it: printable text as it is, one other
// byte as the number that a label of type uint8 is, more in hexadecimal.
func (r *Record) KeyText() string {
	printable := utf8.Valid(r.Key)
	for _, c := range string(r.Key) {
		printable = printable && unicode.IsPrint(c)
	}
	switch {
	case printable:
		return string(r.Key)
	case len(r.Key) == 1:
		return strconv.Itoa(int(r.Key[0]))
	case len(r.Key) > shownKey:
		return "0x" + hex.EncodeToString(r.Key[:shownKey]) + "..."
	}
	return "0x" + hex.EncodeToString(r.Key)
}
