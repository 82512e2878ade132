package stream

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// fetchRequest asks one partition for records, by version 10 of the protocol's
// Fetch, which brokers answer from 2.1 on. The library finds the leader and
// keeps the connections; the answer we read ourselves, into one piece of memory
// in which the records then lie: the library copies them into pages of 64 KiB,
// decodes them a byte at a time, and has us copy them out again, which takes
// three times as long.
type fetchRequest struct {
	fetch.Request        // names topic and partition, which is what routing looks at
	memory        []byte // for the answer; given up to it
}

func newFetchRequest(topic string, partition int, offset, maxBytes int64, memory []byte) *fetchRequest {
	most := int32(min(maxBytes, 1<<30)) // #nosec G115 -- bounded
	return &fetchRequest{memory: memory, Request: fetch.Request{
		ReplicaID: -1, MaxWaitTime: int32(longPoll.Milliseconds()), MinBytes: 1, MaxBytes: most,
		SessionEpoch: -1, // no session: a request says all it wants
		Topics: []fetch.RequestTopic{{Topic: topic, Partitions: []fetch.RequestPartition{{
			Partition: int32(partition), CurrentLeaderEpoch: -1, FetchOffset: offset, LogStartOffset: -1, PartitionMaxBytes: most, // #nosec G115 -- Kafka's own numbers
		}}}},
	}}
}

// longPoll is how long the broker may wait for a first record.
const longPoll = 500 * time.Millisecond

// fetchAnswer is what a broker has for one partition.
type fetchAnswer struct {
	failure kafka.Error // 0: none
	records []byte      // record batches, the last one perhaps cut off
	memory  []byte      // that records lies in
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
	if int64(cap(r.memory)) < size {
		r.memory = make([]byte, size+size/8)
	}
	r.memory = r.memory[:size]
	if _, err := io.ReadFull(rw, r.memory); err != nil {
		return nil, err
	}
	return parseFetch(r.memory)
}

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
	b = append(b, 0) // isolation: read uncommitted
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

// parseFetch reads the answer for one partition, of which memory holds
// everything after its size.
func parseFetch(memory []byte) (*fetchAnswer, error) {
	c := cursor{rest: memory}
	number := c.int32()
	c.skip(4) // throttle time
	answer := &fetchAnswer{memory: memory, failure: kafka.Error(c.int16())}
	c.skip(4) // session
	topics := c.int32()
	if (topics == 0 || answer.failure != 0) && number == correlation && !c.short {
		return answer, nil
	}
	c.skip(int(c.int16())) // name
	partitions := c.int32()
	c.skip(4) // its number
	answer.failure = kafka.Error(c.int16())
	c.skip(8 + 8 + 8)                   // high watermark, last stable offset, first offset
	c.skip(16 * max(0, int(c.int32()))) // aborted transactions
	answer.records = c.take(max(0, int(c.int32())))
	if c.short || number != correlation || topics != 1 || partitions != 1 {
		return nil, fmt.Errorf("an answer of %d bytes that is none to this fetch", len(memory))
	}
	return answer, nil
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
