package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Writer makes a writer for single records: every replica acknowledges, and a
// record waits at most a millisecond for others. The library's own defaults
// are no acknowledgement and a second. Records of one key stay in order. The
// caller closes it.
func (c *Cluster) Writer() *kafka.Writer {
	return &kafka.Writer{
		Addr:         c.client.Addr,
		Transport:    c.transport,
		Balancer:     &kafka.Hash{},
		RequiredAcks: kafka.RequireAll,
		BatchTimeout: time.Millisecond,
		BatchBytes:   1 << 20,
	}
}

const opProduce = "produce"

// Produce writes records to one partition in one request and returns the offset
// that the first of them got; the others follow it without a gap. Every replica
// has acknowledged them. Topic, Partition and Offset of the records are not
// looked at; a zero Time is now. A request may hold up to a mebibyte. NotFound
// where the topic does not exist.
//
// After an error that is no refusal by the broker (a connection that broke) it
// is unknown whether the records are in the log: sending them again may repeat
// them. A Producer does not have that weakness.
func (c *Cluster) Produce(ctx context.Context, topic string, partition int, records []Record) (base int64, err error) {
	if len(records) == 0 {
		return 0, pipeline.Invalidf("records", "there are none to produce")
	}
	base, err = c.produceEncoded(ctx, topic, partition, records, anonymous, refused)
	return base, produceError(topic, partition, err)
}

// sets holds the memory of record sets that are no longer in use: a replica
// that predicts writes several megabytes a second.
var sets = sync.Pool{New: func() any { return new([]byte) }}

// produceEncoded encodes the records and sends them, again while passes says so
// of the error.
func (c *Cluster) produceEncoded(ctx context.Context, topic string, partition int, records []Record, by producerID, passes func(error) bool) (base int64, err error) {
	memory := sets.Get().(*[]byte)
	*memory = encodeRecordSet(*memory, records, by)
	attempts := 0
	err = persist(ctx, func() (err error) {
		attempts++
		base, err = c.produceOnce(ctx, topic, partition, *memory)
		return err
	}, passes)
	if err == nil && attempts == 1 { // else a request that was given up may still be on its way out
		sets.Put(memory)
	}
	return base, err
}

func produceError(topic string, partition int, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("topic %s, partition %d: %w", topic, partition, err)
	if errors.Is(err, kafka.InvalidTimestamp) { // it passes when the clocks agree
		return &pipeline.Error{
			Op: opProduce, Kind: pipeline.Unavailable, Err: err,
			Hint: "the records' times are too far from the broker's (message.timestamp.after.max.ms, .before.max.ms): set the clock that is wrong, which kafkaml doctor tells",
		}
	}
	return unavailable(opProduce, err)
}

// produceOnce sends one encoded record set.
func (c *Cluster) produceOnce(ctx context.Context, topic string, partition int, set []byte) (base int64, err error) {
	err = c.current(ctx, func() error {
		base, err = c.produceKnown(ctx, topic, partition, set)
		return err
	})
	if errors.Is(err, protocol.ErrNoTopic) {
		return 0, noTopic(opProduce, topic)
	}
	return base, err
}

func (c *Cluster) produceKnown(ctx context.Context, topic string, partition int, set []byte) (int64, error) {
	answer, err := c.client.RawProduce(ctx, &kafka.RawProduceRequest{
		Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll,
		RawRecords: protocol.RawRecordSet{Reader: bytes.NewReader(set)},
	})
	if err != nil {
		return 0, err
	}
	if answer.Error != nil {
		return 0, answer.Error
	}
	return answer.BaseOffset, nil
}

// refused reports whether nothing was written, for a reason that may pass:
// a partition without a leader yet, or one that has just moved.
func refused(err error) bool {
	return errors.Is(err, kafka.NotLeaderForPartition) || errors.Is(err, kafka.LeaderNotAvailable) ||
		errors.Is(err, kafka.NotEnoughReplicas) || errors.Is(err, protocol.ErrNoLeader)
}
