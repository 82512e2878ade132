package stream

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// fetchRequest asks one partition for records, by version 10 of the protocol's
// Fetch, which brokers answer from 2.1 on. The library finds the leader and
// holds the connections; the answer we read ourselves, into one piece of memory
// in which the records then lie: the library copies them into pages of 64 KiB,
// decodes them a byte at a time, and has us copy them out again, which takes
// three times as long.
type fetchRequest struct {
	fetch.Request // names topic and partition, which is what routing looks at
	room          room
	into          answer      // whose memory is used again; given up to the answer
	large         chan []byte // see answersTooLarge
	givenUp       <-chan struct{}

	mu       sync.Mutex
	got      *fetchAnswer // once it is there
	orphaned bool         // nobody waits for it
}

func newFetchRequest(ctx context.Context, l *lane, r room) *fetchRequest {
	most := int32(min(r.most, 1<<30)) // #nosec G115 -- bounded
	return &fetchRequest{room: r, large: l.cluster.large, givenUp: ctx.Done(), Request: fetch.Request{
		ReplicaID: -1, MaxWaitTime: int32(longPoll.Milliseconds()), MinBytes: 1, MaxBytes: most,
		SessionEpoch: -1, // no session: a request says all it wants
		Topics: []fetch.RequestTopic{{Topic: l.topic, Partitions: []fetch.RequestPartition{{
			Partition: int32(l.partition), CurrentLeaderEpoch: -1, FetchOffset: l.offset, LogStartOffset: -1, PartitionMaxBytes: most, // #nosec G115 -- Kafka's own numbers
		}}}},
	}}
}

// longPoll is how long the broker may wait for a first record.
const longPoll = 500 * time.Millisecond

// fetchAnswer is what a broker has for one partition.
type fetchAnswer struct {
	failure kafka.Error // 0: none
	answer  answer
	next    int64 // the offset to go on from
}

// ApiKey says which answer it is.
func (*fetchAnswer) ApiKey() protocol.ApiKey { return protocol.Fetch }

// Required has the library call RawExchange.
func (*fetchRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange writes the request to a connection that carries no other
// meanwhile, and reads the answer.
func (r *fetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if _, err := rw.Write(r.encode()); err != nil {
		return nil, err
	}
	var prefix [4]byte
	if _, err := io.ReadFull(rw, prefix[:]); err != nil {
		return nil, err
	}
	size := int64(int32(binary.BigEndian.Uint32(prefix[:]))) // #nosec G115 -- its own type
	if size < 4 || size > largestAnswer {
		return nil, fmt.Errorf("an answer of %d bytes to a fetch", size)
	}
	if size > r.room.hold && !r.takeSlot(size) {
		return r.readLarge(rw, size)
	}
	if r.into.slots == nil {
		r.into.grow(size, r.room)
	}
	if _, err := io.ReadFull(rw, r.into.memory); err != nil {
		r.into.reset()
		return nil, err
	}
	hold := r.room.hold
	if r.into.slots != nil {
		hold = slotBytes
	}
	return r.collect(r.into.memory, hold, false)
}

// giveUp says that nobody waits for the answer. Slots that it lies in, or will
// lie in, become free.
func (r *fetchRequest) giveUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.orphaned = true
	if r.got != nil {
		r.got.answer.reset()
	}
}

// answersTooLarge is how many answers may be in memory whole that are larger
// than their fetch may hold; what fits is copied out of them.
const answersTooLarge = 2

// keptLarge is the largest memory for such an answer that is used again.
const keptLarge = 16 << 20

// readLarge reads an answer that is larger than the fetch may hold.
func (r *fetchRequest) readLarge(rw io.Reader, size int64) (protocol.Message, error) {
	var memory []byte
	select {
	case memory = <-r.large:
	case <-r.givenUp:
		return nil, context.Canceled
	}
	if int64(cap(memory)) < size {
		memory = make([]byte, size)
	}
	memory = memory[:size]
	defer func() {
		if cap(memory) > keptLarge {
			memory = nil
		}
		r.large <- memory // never blocks: it was taken from there
	}()
	if _, err := io.ReadFull(rw, memory); err != nil {
		return nil, err
	}
	return r.collect(memory, r.room.hold, true)
}

// collect takes the records out of an answer's body, which is lent or the
// memory of r.into itself, as many as hold bytes have room for.
func (r *fetchRequest) collect(body []byte, hold int64, lent bool) (protocol.Message, error) {
	got := &fetchAnswer{answer: r.into, next: r.Topics[0].Partitions[0].FetchOffset}
	r.into = answer{} // an idle connection may keep the request
	failure, set, aborted, err := parseFetch(body)
	if got.failure = failure; err == nil && failure == 0 {
		got.next, err = got.answer.collect(set, got.next, hold, lent, aborted)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil || r.orphaned {
		got.answer.reset()
		return got, err
	}
	r.got = got
	return got, nil
}

// The isolation levels: in readCommitted, records of transactions come once they
// are committed.
const (
	readUncommitted = 0
	readCommitted   = 1
)

const (
	fetchVersion = 10
	// correlation is the number of a request: one is under way at a time.
	correlation = 1
	// largestAnswer bounds what a broker can make us allocate. Answers are as
	// large as the request allows, or hold one larger record batch.
	largestAnswer = 512 << 20
)

// encode writes the request with its size and header.
func (r *fetchRequest) encode() []byte {
	t := &r.Topics[0]
	p := &t.Partitions[0]
	be := binary.BigEndian
	b := make([]byte, 4, 128)
	b = be.AppendUint16(b, uint16(protocol.Fetch))
	b = be.AppendUint16(b, fetchVersion)
	b = be.AppendUint32(b, correlation)
	b = appendString(b, clientID)
	for _, v := range []int32{r.ReplicaID, r.MaxWaitTime, r.MinBytes, r.MaxBytes} {
		b = be.AppendUint32(b, uint32(v)) // #nosec G115 -- the same bits
	}
	b = append(b, readCommitted)
	b = be.AppendUint32(b, uint32(r.SessionID))
	b = be.AppendUint32(b, uint32(r.SessionEpoch))
	b = be.AppendUint32(b, 1) // topics
	b = appendString(b, t.Topic)
	b = be.AppendUint32(b, 1) // partitions
	b = be.AppendUint32(b, uint32(p.Partition))
	b = be.AppendUint32(b, uint32(p.CurrentLeaderEpoch))
	b = be.AppendUint64(b, uint64(p.FetchOffset))
	b = be.AppendUint64(b, uint64(p.LogStartOffset))
	b = be.AppendUint32(b, uint32(p.PartitionMaxBytes))
	b = be.AppendUint32(b, 0) // topics to forget
	be.PutUint32(b, uint32(len(b)-4))
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...) // #nosec G115 -- names are short
}

// parseFetch reads the answer for one partition, of which body holds everything
// after its size: the record batches, the last one perhaps cut off, and the
// transactions among them that were aborted.
func parseFetch(body []byte) (failure kafka.Error, set []byte, aborted []transaction, err error) {
	c := cursor{rest: body}
	number := c.int32()
	c.skip(4) // throttle time
	failure = kafka.Error(c.int16())
	c.skip(4) // session
	topics := c.int32()
	if (topics == 0 || failure != 0) && number == correlation && !c.short {
		return failure, nil, nil, nil
	}
	c.skip(int(c.int16())) // name
	partitions := c.int32()
	c.skip(4) // its number
	failure = kafka.Error(c.int16())
	c.skip(8 + 8 + 8) // high watermark, last stable offset, first offset
	for n := c.int32(); n > 0 && !c.short; n-- {
		aborted = append(aborted, transaction{producer: c.int64(), first: c.int64()})
	}
	set = c.take(max(0, int(c.int32())))
	if c.short || number != correlation || topics != 1 || partitions != 1 {
		return 0, nil, nil, fmt.Errorf("an answer of %d bytes that is none to this fetch", len(body))
	}
	return failure, set, aborted, nil
}

// cursor reads big-endian numbers and bytes off the front of rest. Once
// something is missing it is short, and gives zeros.
type cursor struct {
	rest  []byte
	short bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.rest) {
		c.short, c.rest = true, nil
		return nil
	}
	taken := c.rest[:n:n]
	c.rest = c.rest[n:]
	return taken
}

func (c *cursor) skip(n int) { c.take(n) }

func (c *cursor) int16() int16 {
	if b := c.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b)) // #nosec G115 -- its own type
	}
	return 0
}

func (c *cursor) int32() int32 {
	if b := c.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b)) // #nosec G115 -- its own type
	}
	return 0
}

func (c *cursor) int64() int64 {
	if b := c.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b)) // #nosec G115 -- its own type
	}
	return 0
}

// varint reads a zigzag number of at most ten bytes.
func (c *cursor) varint() int64 {
	if len(c.rest) > 0 && c.rest[0] < 0x80 { // nearly all
		v := int64(c.rest[0])
		c.rest = c.rest[1:]
		return v>>1 ^ -(v & 1)
	}
	v, n := binary.Varint(c.rest)
	if n <= 0 {
		c.short, c.rest = true, nil
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

// bytes reads a length and so many bytes; nil for the length -1.
func (c *cursor) bytes() []byte {
	n := c.varint()
	if n == -1 || c.short {
		return nil
	}
	if n < 0 || n > int64(len(c.rest)) {
		c.short, c.rest = true, nil
		return nil
	}
	return c.take(int(n))
}
