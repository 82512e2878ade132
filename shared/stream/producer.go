package stream

import (
	"context"
	"math"
	"sync"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
)

// Producer writes batches that the broker stores once however often they are
// sent, since it numbers them (Kafka's idempotent producer). Several goroutines
// may use it, but one at a time for each partition.
type Producer struct {
	cluster *Cluster
	id      producerID

	mu        sync.Mutex
	sequences map[partitionOf]int32 // of the next record
}

type partitionOf struct {
	topic     string
	partition int
}

// NewProducer asks the broker for the id by which it knows the producer's
// batches.
func (c *Cluster) NewProducer(ctx context.Context) (*Producer, error) {
	p := &Producer{cluster: c, sequences: map[partitionOf]int32{}}
	err := persist(ctx, func() error {
		answer, err := c.transport.RoundTrip(ctx, c.client.Addr, &initProducer{ProducerID: -1, ProducerEpoch: -1})
		if err != nil {
			return err
		}
		id := answer.(*initproducerid.Response)
		if id.ErrorCode != 0 {
			return kafka.Error(id.ErrorCode)
		}
		p.id = producerID{id: id.ProducerID, epoch: id.ProducerEpoch}
		return nil
	}, passing)
	return p, unavailable("ask for a producer id", err)
}

// Produce is Cluster.Produce, which after a connection that broke sends the
// batch again under its number. After an error the partition must not be
// written to again by this producer: its numbers may have a gap.
func (p *Producer) Produce(ctx context.Context, topic string, partition int, records []Record) (base int64, err error) {
	place := partitionOf{topic, partition}
	p.mu.Lock()
	id := p.id
	id.sequence = p.sequences[place]
	p.sequences[place] = advance(id.sequence, len(records))
	p.mu.Unlock()
	base, err = p.cluster.produceEncoded(ctx, topic, partition, records, id, passing)
	return base, produceError(topic, partition, err)
}

// advance counts n records on; the numbers begin again after the largest.
func advance(sequence int32, n int) int32 {
	return int32((int64(sequence) + int64(n)) & math.MaxInt32)
}

// initProducer is the library's request without its routing, which asks the
// coordinator of transactions: an idempotent producer has none, and on a fresh
// broker that would make the transactions' topic for nothing.
type initProducer initproducerid.Request

// ApiKey says which request it is.
func (*initProducer) ApiKey() protocol.ApiKey { return protocol.InitProducerId }
