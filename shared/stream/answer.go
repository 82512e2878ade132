package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/segmentio/kafka-go"
)

// The attributes of a record batch (Kafka's message format 2, "Record Batch" in
// the protocol's documentation).
const (
	compressionBits = 0x07
	logAppendTime   = 0x08
	transactional   = 0x10
	controlBatch    = 0x20
)

// beforeLength are the bytes of a batch that its length does not count: offset
// and length.
const beforeLength = 12

// largestBatch bounds what a compressed batch may unpack to.
const largestBatch = 256 << 20

// answer holds what one fetch brought: records that are not decoded yet. Its
// memory is used again.
type answer struct {
	runs     []run
	skips    []span // offsets that hold no record to read, see transactions
	memory   []byte
	own      []byte      // the memory to go on with after that of a slot
	slots    chan []byte // where the memory is to be given back to; nil for its own
	unpacked int64       // bytes of the runs that lie outside memory
	err      error       // why there are no more answers

	packed, expanded int64 // bytes of compressed batches, before and after
}

// run is a number of records that follow one another in a record batch.
type run struct {
	records             []byte // uncompressed
	count               int
	from                int64 // records before this offset are left out
	offset              int64 // of the batch's first record
	firstTime, mostTime int64
	flags               uint16
}

// size is the memory that a holds.
func (a *answer) size() int64 { return int64(cap(a.memory)) + a.unpacked }

// share is what of it counts as its lane's.
func (a *answer) share() int64 {
	if a.slots != nil {
		return int64(cap(a.own))
	}
	return a.size()
}

// growth is the factor by which compressed batches grew, by byte of the answer.
func (a *answer) growth() float64 { return float64(a.expanded) / float64(max(1, a.packed)) }

// reset makes a empty, and gives its slot back.
func (a *answer) reset() {
	clear(a.runs) // they may hold memory of their own
	memory := a.memory
	if a.slots != nil {
		a.slots <- a.memory // never blocks: it was taken from there
		memory = a.own
	}
	*a = answer{runs: a.runs[:0], skips: a.skips[:0], memory: memory}
}

// grow makes the memory size bytes long, with some to spare for the next answer.
func (a *answer) grow(size int64, r room) {
	if have := int64(cap(a.memory)); have < size || have > r.hold {
		limit := r.hold
		if size <= r.even {
			limit = r.even
		}
		a.memory = make([]byte, min(size+size/8, limit))
	}
	a.memory = a.memory[:size]
}

// collect adds the records of a record set from an offset on, as many as hold
// bytes have room for and at least one, and gives the offset to go on from. The
// set lies in a's memory, or is lent: then its records are copied there. Those of
// aborted transactions are left out.
func (a *answer) collect(set []byte, from, hold int64, lent bool, aborted []transaction) (next int64, err error) {
	if lent {
		a.memory = a.memory[:0]
	}
	next = from
	known := transactions{aborted: aborted}
	for first := true; len(set) > 0; first = false {
		b, rest, err := cutBatch(set)
		if errors.Is(err, errCutOff) && !first { // an answer ends anywhere, but not in its first batch
			break
		}
		if err != nil {
			return next, fmt.Errorf("read records at offset %d: %w", next, err)
		}
		set = rest
		void := known.void(b)
		if b.last < next {
			continue
		}
		end := b.last + 1 // also past what compaction took
		if void {
			a.skip(max(b.offset, next), end)
		} else {
			if end, err = a.add(b, next, hold, lent, int64(len(b.bytes)+len(set))); err != nil {
				return next, fmt.Errorf("read records at offset %d: %w", next, err)
			}
		}
		next = max(next, end)
		if end <= b.last { // full
			break
		}
	}
	return next, nil
}

// add adds the records of a batch from an offset on and gives the offset after
// them: that of a record which there is no room for, or the end of the batch.
// With what follows it the batch takes so many bytes.
func (a *answer) add(b recordBatch, from, hold int64, lent bool, bytes int64) (next int64, err error) {
	be := binary.BigEndian
	r := run{
		records: b.bytes[batchHeader:], count: int(be.Uint32(b.bytes[57:])), from: from, offset: b.offset,
		firstTime: int64(be.Uint64(b.bytes[27:])), mostTime: int64(be.Uint64(b.bytes[35:])), flags: b.flags, // #nosec G115 -- their own type
	}
	next = b.last + 1
	compressed := b.flags&compressionBits != 0
	if !compressed && !lent {
		a.runs = append(a.runs, r)
		return next, nil
	}
	var left int64
	if compressed {
		a.packed += int64(len(r.records))
		if r.records, err = decompress(b.flags&compressionBits, r.records); err != nil {
			return 0, err
		}
		a.expanded += int64(len(r.records))
		left = max(hold-int64(cap(a.memory)), hold/4) - a.unpacked
	} else {
		most := max(0, min(hold-a.unpacked, bytes))
		if have := int64(cap(a.memory)); len(a.memory) == 0 && (have < most || have > hold) {
			a.memory = make([]byte, 0, most)
		}
		left = int64(cap(a.memory) - len(a.memory))
	}
	cut := int64(len(r.records)) > left
	if cut {
		if next, err = r.cut(left, len(a.runs) == 0); err != nil || r.count == 0 {
			return next, err
		}
	}
	a.put(r, compressed, cut)
	return next, nil
}

// put appends a run, copied to where it may stay.
func (a *answer) put(r run, compressed, cut bool) {
	switch {
	case !compressed:
		from := len(a.memory)
		a.memory = append(a.memory, r.records...)
		r.records = a.memory[from:len(a.memory):len(a.memory)]
	case cut:
		r.records = bytes.Clone(r.records)
	}
	if compressed {
		a.unpacked += int64(len(r.records))
	}
	a.runs = append(a.runs, r)
}

// cut narrows a run to the records from its offset on that fit into so many
// bytes, or to one of them if one is asked for, and gives the offset after them.
func (r *run) cut(fit int64, one bool) (next int64, err error) {
	c := cursor{rest: r.records}
	begin, end, count := 0, 0, 0
	next = r.from
	for range r.count {
		record := cursor{rest: c.bytes()}
		record.skip(1) // attributes, of which there are none
		record.varint()
		offset := r.offset + record.varint()
		if record.short {
			return 0, errBroken
		}
		after := len(r.records) - len(c.rest)
		if offset < r.from {
			begin, end = after, after
			continue
		}
		if int64(after-begin) > fit && (count > 0 || !one) {
			next = offset
			break
		}
		end, count, next = after, count+1, offset+1
	}
	r.records, r.count = r.records[begin:end], count
	return next, nil
}

// recordBatch is one batch as it lies in an answer.
type recordBatch struct {
	bytes    []byte // all of it
	offset   int64  // of its first record
	last     int64  // offset of its last one
	producer int64  // its id; -1: none
	flags    uint16
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
		producer: int64(be.Uint64(one[43:])), // #nosec G115 -- its own type
	}, set[len(one):], nil
}

var errBroken = errors.New("a record is not as long as it says")

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
