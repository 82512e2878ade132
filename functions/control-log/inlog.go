package controllog

import (
	"bytes"
	"context"
	"fmt"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// inLog gives the record of an event as it lies in the control topic. Anybody
// may post an event that passes for a record; who may write to the topic is for
// Kafka to say, so that only what the log holds is taken. The key comes from
// there, too: the event of a record that was a CloudEvent lacks it. The records
// behind it that came with it from the log are given, too.
func (s *Service) inLog(ctx context.Context, r stream.Record, e event.Event) (found stream.Record, behind []stream.Record, err error) {
	if r.Topic != s.ControlTopic {
		return r, nil, forged(r, "control messages come on "+s.ControlTopic)
	}
	first, next, err := s.Cluster.Offsets(ctx, r.Topic)
	if err != nil {
		return r, nil, err
	}
	end, ok := next[r.Partition]
	switch {
	case !ok || r.Offset >= end:
		return r, nil, forged(r, "the log holds no such record")
	case r.Offset < first[r.Partition]:
		return r, nil, s.expired(ctx, r)
	}
	finder := s.Cluster.NewFinder(r.Topic)
	found, err = finder.Find(ctx, r.Partition, r.Offset)
	switch {
	case pipeline.KindOf(err) == pipeline.NotFound:
		return r, nil, s.uncommitted(ctx, r)
	case err != nil:
		return r, nil, err
	case e.Type() == eventing.KafkaRecord && e.Extensions()[eventing.UndeliveredExtension] == nil && !bytes.Equal(found.Value, r.Value):
		return r, nil, forged(r, "the log holds another record there")
	}
	found.Topic = r.Topic
	return found, finder.Behind(r.Partition, r.Offset), nil
}

// forged refuses an event that is no record of the control topic.
func forged(r stream.Record, why string) error {
	return &pipeline.Error{
		Op: "take a control message", Kind: pipeline.Forbidden, Field: "subject",
		Reason: fmt.Sprintf("no control message is at offset %d of partition %d of %s: %s", r.Offset, r.Partition, r.Topic, why),
		Hint:   "write control messages to the topic: whoever may do that may ask for trainings",
	}
}

// expired is nil for a record that the log no longer holds where it comes from
// this process's own reader of the topic.
func (s *Service) expired(ctx context.Context, r stream.Record) error {
	if identity.Of(ctx).ID == identity.Trigger(pipeline.StepControlLog) {
		return nil
	}
	return forged(r, "the log no longer holds a record there")
}

// uncommitted tells a record whose transaction is still open, which is to come
// again, from one that was aborted.
func (s *Service) uncommitted(ctx context.Context, r stream.Record) error {
	_, stable, err := s.Cluster.Readable(ctx, r.Topic)
	if err == nil && r.Offset < stable[r.Partition] {
		err = forged(r, "what was written there was not committed")
	}
	if err != nil {
		return err
	}
	return &pipeline.Error{
		Op: "take a control message", Kind: pipeline.Unavailable,
		Reason: fmt.Sprintf("the transaction that wrote offset %d of partition %d of %s is open", r.Offset, r.Partition, r.Topic),
	}
}
