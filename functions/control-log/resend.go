package controllog

import (
	"context"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

// resend lets another deployment train on a datasource's stream: a control
// message is produced, no data record is. The record then comes by the control
// topic as well and finds its datasource already there.
func (s *Service) resend(ctx context.Context, call *door.Call) error {
	id, err := eventing.ID(call.Event)
	if err != nil {
		return err
	}
	var form pipeline.ResendForm
	if err := eventing.Apply[pipeline.ResendForm](call.Event, &form); err != nil {
		return err
	}
	d, err := s.resendable(ctx, id, form.Deployment)
	if err != nil {
		return err
	}
	if err := s.Cluster.SameTopics(ctx, d.TopicIDs); err != nil {
		return err
	}
	if d.Retention, err = s.Cluster.Available(ctx, d.Ranges); err != nil {
		return err
	}
	d.ResendOf, d.Deployment = d.ID, form.Deployment
	return s.sendAgain(ctx, call, d)
}

// sendAgain sends a control message of ranges that are in the log, and makes the
// datasource that it is.
func (s *Service) sendAgain(ctx context.Context, call *door.Call, d pipeline.Datasource) error {
	if err := s.mayRead(identity.Of(ctx), d); err != nil {
		return err
	}
	message := control.MessageFor(d, d.Deployment)
	message.Open = d.Open && s.follows(ctx)(d.Deployment)
	origin, err := control.Send(ctx, s.Cluster, s.ControlTopic, message)
	if err != nil {
		return err
	}
	again := d
	again.ID, again.Origin, again.TotalMsg, again.Unused = 0, origin, message.Total(), nil
	again.Received = time.Time{} // now
	var stored pipeline.Datasource
	var fact event.Event
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		stored, err = store(tx, again)
		fact = factOf(stored)
		return &fact, err
	})
	if err != nil && pipeline.KindOf(err) != pipeline.Conflict {
		return &pipeline.Error{Kind: pipeline.Unavailable, Err: err, Hint: "the control message is in the log and will be read from there"}
	}
	if err != nil {
		return err
	}
	if stored.ID == 0 { // another process has answered
		return nil
	}
	return s.announce(ctx, stored, fact)
}

// resendable gives a datasource that can be sent to a deployment that exists.
func (s *Service) resendable(ctx context.Context, id, deployment int64) (pipeline.Datasource, error) {
	return registry.Read(ctx, s.Store, func(tx *registry.Tx) (pipeline.Datasource, error) {
		d, err := tx.Datasource(id)
		if err != nil {
			return d, err
		}
		if d.Rejected != nil {
			return d, &pipeline.Error{
				Kind: pipeline.Conflict, Field: "id", Reason: "the datasource was refused: " + d.Rejected.Reason, Hint: d.Rejected.Hint,
			}
		}
		again := d
		again.Deployment = deployment
		return d, takes(tx, again)
	})
}
