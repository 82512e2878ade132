package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
)

// The attributes of a record batch (Kafka's message format 2, "Record Batch" in
// the protocol's documentation).
const (
	compressionBits = 0x07
	logAppendTime   = 0x08
	controlBatch    = 0x20
)

// beforeLength are the bytes of a batch that its length does not count: offset
// and length.
const beforeLength = 12

// largestBatch bounds what a compressed batch may unpack to.
const largestBatch = 256 << 20

// recordBatch is one batch as it lies in an answer.
type recordBatch struct {
	bytes  []byte // all of it
	offset int64  // of its first record
	last   int64  // offset of its last one
	flags  uint16
}

// collect appends the records of an answer from f.next on to b and moves f.next
// behind what was seen. Their keys, values and headers lie in set, or where
// they were unpacked to.
func (f *fetcher) collect(b *batch, set []byte) error {
	whole := 0
	for len(set) > 0 {
		r, rest, err := cutBatch(set)
		if errors.Is(err, errCutOff) && whole > 0 { // an answer ends anywhere, but not in its first batch
			return nil
		}
		if err != nil {
			return fmt.Errorf("read records at offset %d: %w", f.next, err)
		}
		set, whole = rest, whole+1
		if r.last < f.next {
			continue
		}
		if r.flags&controlBatch == 0 {
			if err := f.unpack(b, r); err != nil {
				return fmt.Errorf("read records at offset %d: %w", f.next, err)
			}
		}
		f.next = max(f.next, r.last+1) // past transactions' markers and what compaction took
	}
	return nil
}

var errCutOff = errors.New("the answer ends within a record batch")

// cutBatch takes the first batch off a record set and checks its sum.
func cutBatch(set []byte) (r recordBatch, rest []byte, err error) {
	const format = 16 // where the number of the message format stands, in every format
	if len(set) <= format {
		return r, nil, errCutOff
	}
	if set[format] != 2 {
		return r, nil, fmt.Errorf("message format %d is not read: the records are older than Kafka 0.11", set[format])
	}
	be := binary.BigEndian
	length := int64(int32(be.Uint32(set[8:]))) // #nosec G115 -- its own type
	switch {
	case length < batchHeader-beforeLength:
		return r, nil, fmt.Errorf("a record batch of %d bytes", length)
	case length > int64(len(set)-beforeLength):
		return r, nil, errCutOff
	}
	one := set[:beforeLength+length]
	if sum := crc32.Checksum(one[21:], castagnoli); sum != be.Uint32(one[17:]) {
		return r, nil, fmt.Errorf("a record batch has the sum %08x and says %08x", sum, be.Uint32(one[17:]))
	}
	offset := int64(be.Uint64(one)) // #nosec G115 -- its own type
	return recordBatch{
		bytes: one, offset: offset, last: offset + int64(be.Uint32(one[23:])), flags: be.Uint16(one[21:]),
	}, set[len(one):], nil
}

// unpack appends the records of a batch from f.next on to b.
func (f *fetcher) unpack(b *batch, r recordBatch) error {
	be := binary.BigEndian
	first, most := int64(be.Uint64(r.bytes[27:])), int64(be.Uint64(r.bytes[35:])) // #nosec G115 -- their own type
	payload, err := decompress(r.flags&compressionBits, r.bytes[batchHeader:])
	if err != nil {
		return err
	}
	c := cursor{rest: payload}
	for range int(be.Uint32(r.bytes[57:])) {
		one := cursor{rest: c.bytes()}
		if c.short {
			return errBroken
		}
		one.skip(1) // attributes, of which there are none
		at := first + one.varint()
		if r.flags&logAppendTime != 0 {
			at = most
		}
		offset := r.offset + one.varint()
		if offset < f.next && !one.short {
			continue
		}
		record := Record{
			Topic: f.topic, Partition: f.partition, Offset: offset, Time: time.UnixMilli(at),
			Key: one.bytes(), Value: one.bytes(),
		}
		if record.Headers = f.headers(b, &one); one.short || len(one.rest) > 0 {
			return errBroken
		}
		b.records = append(b.records, record)
	}
	return nil
}

var errBroken = errors.New("a record is not as long as it says")

// headers reads the headers of a record.
func (f *fetcher) headers(b *batch, c *cursor) []Header {
	n := c.varint()
	if n <= 0 {
		c.short = c.short || n < 0
		return nil
	}
	from := len(b.headers)
	for range n {
		key, value := c.bytes(), c.bytes()
		if c.short {
			return nil
		}
		b.headers = append(b.headers, Header{Key: f.name(key), Value: value})
	}
	return b.headers[from:len(b.headers):len(b.headers)]
}

// name makes a string of a header's key. A stream has few different ones: they
// are kept, up to a number that nobody can make large.
func (f *fetcher) name(key []byte) string {
	const most = 64
	if name, ok := f.names[string(key)]; ok {
		return name
	}
	name := string(key)
	if f.names == nil {
		f.names = map[string]string{}
	}
	if len(f.names) < most && len(name) < 256 {
		f.names[name] = name
	}
	return name
}

// decompress gives the records of a batch as they were before compression.
func decompress(method uint16, payload []byte) ([]byte, error) {
	if method == 0 {
		return payload, nil
	}
	codec := kafka.Compression(method).Codec()
	if codec == nil {
		return nil, fmt.Errorf("compression %d is not known", method)
	}
	from := codec.NewReader(bytes.NewReader(payload))
	defer func() { _ = from.Close() }() // gives its memory back
	var out bytes.Buffer
	out.Grow(4 * len(payload))
	n, err := io.Copy(&out, io.LimitReader(from, largestBatch+1))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	if n > largestBatch {
		return nil, fmt.Errorf("a record batch unpacks to more than %d bytes", largestBatch)
	}
	return out.Bytes(), nil
}
