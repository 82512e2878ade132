package stream

import (
	"context"
	"math"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// work sends batches to its own partitions in turn, one batch at a time: so
// the numbers by which the broker knows a batch that is sent again stay in
// order for each partition.
func (s *Sink) work(id producer, partitions []int) {
	sequences := make([]int32, len(partitions))
	for turn := 0; ; turn = (turn + 1) % len(partitions) {
		select {
		case <-s.ctx.Done():
			return
		case b := <-s.queue:
			id.sequence = sequences[turn]
			if err := s.deliver(id, partitions[turn], b); err != nil {
				s.cancel(err)
			}
			sequences[turn] = advance(id.sequence, len(b.records))
			b.reset()
			s.free <- b // never blocks: it has room for all of them
			s.pending.Done()
		}
	}
}

// advance counts n records on; the numbers begin again after the largest.
func advance(sequence int32, n int) int32 {
	return int32((int64(sequence) + int64(n)) & math.MaxInt32)
}

// deliver sends a batch until the broker has it, and notes where it lies.
func (s *Sink) deliver(id producer, partition int, b *sinkBatch) error {
	set := encodeRecordSet(b.records, id)
	var base int64
	err := persist(s.ctx, func() (err error) {
		base, err = s.cluster.produceOnce(s.ctx, s.config.Topic, partition, set)
		return err
	}, passing)
	if err != nil {
		if s.ctx.Err() != nil {
			return context.Cause(s.ctx)
		}
		return produceError(s.config.Topic, partition, err)
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

// SendControl writes a control message and tells where it lies. Sent again
// after an error it may come twice, which a datasource's receiver takes once.
func (c *Cluster) SendControl(ctx context.Context, topic string, m ControlMessage) (pipeline.Origin, error) {
	key, value, err := m.Encode()
	if err != nil {
		return pipeline.Origin{}, err
	}
	const partition = 0 // one partition keeps control messages in the order they were sent
	id, err := c.newProducer(ctx)
	if err != nil {
		return pipeline.Origin{}, err
	}
	set := encodeRecordSet([]Record{{Key: key, Value: value}}, id)
	var base int64
	err = persist(ctx, func() (err error) {
		base, err = c.produceOnce(ctx, topic, partition, set)
		return err
	}, passing)
	return pipeline.Origin{Topic: topic, Partition: partition, Offset: base, Bytes: len(key) + len(value)}, produceError(topic, partition, err)
}
