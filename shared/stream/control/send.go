package control

import (
	"context"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// work sends batches to the partitions first, first+step, ... in turn, one batch
// at a time, as Producer.Produce asks for each partition.
func (s *Sink) work(first, step, partitions int) {
	for partition := first; ; {
		select {
		case <-s.ctx.Done():
			return
		case b := <-s.queue:
			if err := s.deliver(partition, b); err != nil {
				s.cancel(err)
			}
			if partition += step; partition >= partitions {
				partition = first
			}
			b.reset()
			s.free <- b // never blocks: it has room for all of them
			s.pending.Done()
		}
	}
}

// deliver sends a batch until the broker has it, and notes where it lies.
func (s *Sink) deliver(partition int, b *sinkBatch) error {
	base, err := s.producer.Produce(s.ctx, s.config.Topic, partition, b.records)
	if err != nil {
		if s.ctx.Err() != nil {
			return context.Cause(s.ctx)
		}
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records += int64(len(b.records))
	s.bytes += int64(b.bytes)
	s.acknowledge(pipeline.Range{Topic: s.config.Topic, Partition: partition, Offset: base, Length: int64(len(b.records))})
	return nil
}

// acknowledge adds a range, to the partition's last one where it follows it:
// where it does not, someone else wrote in between.
func (s *Sink) acknowledge(r pipeline.Range) {
	for i := len(s.acked) - 1; i >= 0; i-- {
		if last := &s.acked[i]; last.Partition == r.Partition {
			if last.Offset+last.Length == r.Offset {
				last.Length += r.Length
				return
			}
			break
		}
	}
	s.acked = append(s.acked, r)
}

// Send writes a control message and gives the place where it lies. Sent again
// after an error it may be there twice; a datasource is made of it once.
func Send(ctx context.Context, c *stream.Cluster, topic string, m Message) (pipeline.Origin, error) {
	key, value, err := m.Encode()
	if err != nil {
		return pipeline.Origin{}, err
	}
	ids, err := c.TopicIDs(ctx, topic)
	if err != nil {
		return pipeline.Origin{}, err
	}
	producer, err := c.NewProducer(ctx)
	if err != nil {
		return pipeline.Origin{}, err
	}
	const partition = 0 // one partition keeps control messages in the order they were sent
	base, err := producer.Produce(ctx, topic, partition, []stream.Record{{Key: key, Value: value, Headers: stream.TraceHeaders(ctx)}})
	return pipeline.Origin{Topic: topic, Partition: partition, Offset: base, Bytes: len(key) + len(value), TopicID: ids[topic]}, err
}
