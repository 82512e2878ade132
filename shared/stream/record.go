package stream

import (
	"encoding/hex"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/segmentio/kafka-go"
)

// Record is one record as it lies in the log. Key and Value are nil where the
// record has none.
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
