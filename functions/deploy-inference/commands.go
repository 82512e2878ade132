package deployinference

import (
	"context"
	"fmt"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// deploy makes an inference of a finished result.
func (s *Service) deploy(ctx context.Context, call *door.Call) error {
	asked, err := over(call.Event, pipeline.Inference{})
	if err != nil {
		return err
	}
	i, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (i pipeline.Inference, err error) {
		sub, err := subjectOf(tx, asked.Result)
		if err != nil {
			return i, err
		}
		if i, err = over(call.Event, draft(sub)); err != nil {
			return i, err
		}
		return i, s.check(&i, sub)
	})
	if err != nil {
		return err
	}
	if i.Partitions, err = s.topics(ctx, i); err != nil {
		return err
	}
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		made := i
		made.Status, made.Wanted = pipeline.InferenceDeploying, max(1, made.Replicas)
		if err := tx.CreateInference(&made); err != nil {
			return nil, err
		}
		return publish(tx, eventing.InferenceDeployed, made)
	})
	s.reconciler.trigger()
	return err
}

// topics makes the topics of an inference that are not there yet, and counts
// the partitions of the input topic. A new input topic gets one for each
// replica that there may be, so that each has records with direct delivery.
func (s *Service) topics(ctx context.Context, i pipeline.Inference) (partitions int, err error) {
	for _, t := range []struct {
		name       string
		partitions int
	}{{i.InputTopic, i.MaxReplicas}, {i.OutputTopic, i.MaxReplicas}, {i.DeadLetter, 1}} {
		if err := s.Topics.EnsureTopic(ctx, t.name, t.partitions); err != nil {
			return 0, fmt.Errorf("topics of the inference: %w", err)
		}
	}
	return s.Topics.Partitions(ctx, i.InputTopic)
}

// update changes replicas, or what is served: the Service is then replaced
// without a gap. The input topic stays, since the offsets of its group belong
// to it.
func (s *Service) update(ctx context.Context, call *door.Call) error {
	id, err := eventing.ID(call.Event)
	if err != nil {
		return err
	}
	next := func(tx *registry.Tx) (pipeline.Inference, error) {
		old, err := tx.Inference(id)
		if err != nil {
			return old, err
		}
		i, err := over(call.Event, old)
		switch {
		case err != nil:
			return i, err
		case i.Name != old.Name:
			return i, pipeline.Invalidf("name", "cannot be changed").WithHint("deploy another inference")
		case i.InputTopic != old.InputTopic:
			return i, pipeline.Invalidf("input_topic", "cannot be changed").WithHint("deploy another inference")
		}
		sub, err := subjectOf(tx, i.Result)
		if err != nil {
			return i, err
		}
		named := i.Name
		i.Name = ""
		err = s.check(&i, sub)
		i.Name = named
		return i, err
	}
	i, err := registry.Read(ctx, s.Store, next)
	if err != nil {
		return err
	}
	partitions, err := s.topics(ctx, i)
	if err != nil {
		return err
	}
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		i, err := next(tx) // again: it may have changed since
		if err != nil {
			return nil, err
		}
		i.Partitions = partitions
		if i.Status != pipeline.InferenceStopped {
			i.Wanted = max(1, i.Replicas)
		}
		if err := tx.UpdateInference(&i); err != nil {
			return nil, err
		}
		return publish(tx, eventing.InferenceUpdated, i)
	})
	s.reconciler.trigger()
	return err
}

// start serves a stopped inference again, from the offsets where it stopped.
func (s *Service) start(ctx context.Context, call *door.Call) error {
	err := s.change(ctx, call, eventing.InferenceStarted, func(i *pipeline.Inference) {
		if i.Status == pipeline.InferenceStopped {
			i.Status, i.Wanted = pipeline.InferenceDeploying, max(1, i.Replicas)
		}
	})
	s.reconciler.trigger()
	return err
}

// stop ends the replicas of an inference once they have drained; its offsets
// stay.
func (s *Service) stop(ctx context.Context, call *door.Call) error {
	id, err := eventing.ID(call.Event)
	if err != nil {
		return err
	}
	err = s.change(ctx, call, eventing.InferenceStopped, func(i *pipeline.Inference) {
		i.Status, i.Ready, i.Wanted, i.Reason, i.URL = pipeline.InferenceStopped, 0, 0, "", ""
	})
	if err != nil {
		return err
	}
	return s.reconciler.reconcileNow(ctx, id)
}

// change changes a row and publishes the fact.
func (s *Service) change(ctx context.Context, call *door.Call, fact string, how func(*pipeline.Inference)) error {
	id, err := eventing.ID(call.Event)
	if err != nil {
		return err
	}
	return call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		i, err := tx.Inference(id)
		if err != nil {
			return nil, err
		}
		how(&i)
		if err := tx.UpdateInference(&i); err != nil {
			return nil, err
		}
		return publish(tx, fact, i)
	})
}

// remove ends what serves an inference and deletes it. Its topics stay: they
// hold people's data.
func (s *Service) remove(ctx context.Context, call *door.Call) error {
	id, err := eventing.ID(call.Event)
	if err != nil {
		return err
	}
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		i, err := tx.Inference(id)
		if err != nil {
			return nil, err
		}
		if err := tx.DeleteInference(id); err != nil {
			return nil, err
		}
		return publish(tx, eventing.InferenceDeleted, i)
	})
	if err != nil {
		return err
	}
	return s.reconciler.reconcileNow(ctx, id)
}
