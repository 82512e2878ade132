package deployinference

import (
	"context"
	"fmt"
	"slices"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// deploy makes an inference of a finished result.
func (s *Service) deploy(ctx context.Context, call *door.Call) error {
	asked, err := over(call.Event, pipeline.Inference{})
	if err != nil {
		return err
	}
	p, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (p proposal, err error) {
		if err = settle(tx, call.Event, &asked); err != nil {
			return p, err
		}
		if p.of, err = subjectOf(tx, asked.Result); err != nil {
			return p, err
		}
		if p.Inference, err = over(call.Event, draft(p.of)); err != nil {
			return p, err
		}
		p.Result, p.Follows = asked.Result, asked.Follows
		if p.window, err = s.check(&p.Inference, p.of); err != nil {
			return p, err
		}
		if err := s.challenge(tx, &p); err != nil {
			return p, err
		}
		return p, checkLoops(tx, p.Inference) // before topics are made
	})
	if err == nil {
		err = s.topics(ctx, &p)
	}
	if err != nil {
		return err
	}
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		if err := checkLoops(tx, p.Inference); err != nil { // another may have come since
			return nil, err
		}
		made := p.Inference
		made.Status, made.Wanted, made.Tenant = pipeline.InferenceDeploying, max(1, made.Replicas), s.Tenant
		if err := tx.CreateInference(&made); err != nil {
			return nil, err
		}
		return publish(tx, eventing.InferenceDeployed, made)
	})
	s.reconciler.trigger()
	return err
}

// proposal is an inference that was checked, and what it was checked against.
type proposal struct {
	pipeline.Inference
	of     subject
	window *features.Window // nil where a record is a sample
}

// topics makes the topics of an inference that are not there yet, and counts
// the partitions of the input topic. A new input topic gets one for each
// replica that there may be, so that each has records with direct delivery.
func (s *Service) topics(ctx context.Context, p *proposal) (err error) {
	i := &p.Inference
	if err := s.mayUse(ctx, *i); err != nil {
		return err
	}
	if err := s.checkPartitions(ctx, i, p.of, p.window); err != nil {
		return err
	}
	for _, t := range []struct {
		name       string
		partitions int
	}{{i.InputTopic, i.MaxReplicas}, {i.OutputTopic, i.MaxReplicas}, {i.DeadLetter, 1}} {
		if err := s.Topics.EnsureTopic(ctx, t.name, t.partitions); err != nil {
			return fmt.Errorf("topics of the inference: %w", err)
		}
	}
	i.Partitions, err = s.Topics.Partitions(ctx, i.InputTopic)
	return err
}

// update changes replicas, or what is served: the Service is then replaced
// without a gap. The input topic stays, since the offsets of its group belong
// to it.
func (s *Service) update(ctx context.Context, call *door.Call) error {
	id, err := eventing.ID(call.Event)
	if err != nil {
		return err
	}
	next := func(tx *registry.Tx) (proposal, error) { return s.changed(tx, id, call.Event) }
	p, err := registry.Read(ctx, s.Store, next)
	if err == nil {
		err = s.topics(ctx, &p)
	}
	if err != nil {
		return err
	}
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		again, err := next(tx) // it may have changed since
		if err != nil {
			return nil, err
		}
		i := again.Inference
		i.Partitions, i.Warnings = p.Partitions, p.Warnings
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

// changed is an inference with the changes that a command asks for.
func (s *Service) changed(tx *registry.Tx, id int64, asked event.Event) (p proposal, err error) {
	old, err := tx.Inference(id)
	if err != nil {
		return p, err
	}
	p.Inference, err = over(asked, old)
	switch {
	case err != nil:
		return p, err
	case p.Name != old.Name:
		return p, pipeline.Invalidf("name", "cannot be changed").WithHint("deploy another inference")
	case p.InputTopic != old.InputTopic:
		return p, pipeline.Invalidf("input_topic", "cannot be changed").WithHint("deploy another inference")
	}
	if err = settle(tx, asked, &p.Inference); err != nil {
		return p, err
	}
	if p.Unfit = ""; p.Result != old.Result {
		p.Previous = old.Result
		if slices.Equal(p.Shares, old.Shares) {
			p.Shares = shift(old.Shares, p.Result)
		}
	}
	if p.of, err = subjectOf(tx, p.Result); err != nil {
		return p, err
	}
	named := p.Name
	p.Name = ""
	p.window, err = s.check(&p.Inference, p.of)
	p.Name = named
	if err == nil {
		err = s.challenge(tx, &p)
	}
	if err == nil && (p.OutputTopic != old.OutputTopic || p.DeadLetter != old.DeadLetter) {
		err = checkLoops(tx, p.Inference)
	}
	return p, err
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
