package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
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

// Produce writes records to one partition in one request and returns the offset
// that the first of them got; the others follow it without a gap. Every replica
// has acknowledged them. Topic, Partition, Offset and a zero Time of the records
// are not looked at. A request may hold up to a mebibyte.
//
// After an error that is no refusal by the broker (a connection that broke) it
// is unknown whether the records are in the log: sending them again may repeat
// them.
func (c *Cluster) Produce(ctx context.Context, topic string, partition int, records []Record) (base int64, err error) {
	const op = "produce"
	set, err := encodeRecordSet(records, anonymous)
	if err != nil {
		return 0, err
	}
	answer, err := c.client.RawProduce(ctx, &kafka.RawProduceRequest{
		Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll, RawRecords: set,
	})
	if err == nil {
		err = answer.Error
	}
	if err != nil {
		return 0, unavailable(op, fmt.Errorf("%s, partition %d: %w", topic, partition, err))
	}
	return answer.BaseOffset, nil
}
