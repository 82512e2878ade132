package stream

import (
	"time"

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
