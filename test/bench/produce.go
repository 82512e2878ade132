package main

import (
	"context"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

// streamed is a training stream that lies in the log.
type streamed struct {
	*dataset
	topic   string
	ranges  []pipeline.Range
	records int64
	bytes   int64 // of keys and values
}

// send puts n records of d into a topic of its own, without a control message
// that a deployment would see.
func (b *bench) send(ctx context.Context, d *dataset, partitions, n int) (*streamed, error) {
	topic, err := b.topic(ctx, d.name, partitions)
	if err != nil {
		return nil, err
	}
	aside, err := b.topic(ctx, "aside", 1) // the rows send their own control messages, timed
	if err != nil {
		return nil, err
	}
	sink, err := control.NewSink(ctx, b.cluster, control.SinkConfig{
		Topic: topic, ControlTopic: aside, Deployment: 1, Format: pipeline.RAW, Config: d.config(),
	})
	if err != nil {
		return nil, err
	}
	for i := range n {
		if err := sink.Send(ctx, d.label(i), d.sample(i)); err != nil {
			sink.Abort()
			return nil, err
		}
	}
	sum, err := sink.Close(ctx)
	return &streamed{d, topic, sum.Ranges, sum.Records, sum.Bytes}, err
}

// control sends the control message that starts a deployment's training.
func (b *bench) control(ctx context.Context, s *streamed, deployment int64) error {
	return b.controlValidated(ctx, s, deployment, 0)
}

// controlValidated sends one that keeps a part of the records for validation.
func (b *bench) controlValidated(ctx context.Context, s *streamed, deployment int64, rate float64) error {
	_, err := control.Send(ctx, b.cluster, control.Topic, control.Message{
		Deployment: deployment, Ranges: s.ranges, InputFormat: pipeline.RAW, InputConfig: s.config(), Description: s.name, ValidationRate: rate,
	})
	return err
}

// fill puts n records of d into an input topic, for inference.
func (b *bench) fill(ctx context.Context, topic string, partitions int, d *dataset, n int) error {
	const overhead, request = 20, 800_000 // bytes a record, and of records in a request
	// No more than its share, so that every partition has some.
	most := min(request/(d.size()+overhead), max(1, n/partitions))
	for sent, p := 0, 0; sent < n; p = (p + 1) % partitions {
		batch := make([]stream.Record, min(most, n-sent))
		for i := range batch {
			batch[i] = stream.Record{Key: d.label(sent + i), Value: d.sample(sent + i)}
		}
		if _, err := b.cluster.Produce(ctx, topic, p, batch); err != nil {
			return err
		}
		sent += len(batch)
	}
	return nil
}

// count is how many records a topic holds.
func (b *bench) count(ctx context.Context, topic string) (int64, error) {
	first, next, err := b.cluster.Offsets(ctx, topic)
	var n int64
	for p := range next {
		n += next[p] - first[p]
	}
	return n, err
}
