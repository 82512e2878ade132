package modelregister

import (
	"context"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// createConfiguration groups models under a new name.
func (s *Service) createConfiguration(ctx context.Context, call *door.Call) error {
	return call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		c, err := configurationOf(call.Event, pipeline.Configuration{})
		if err != nil {
			return nil, err
		}
		if err := tx.CreateConfiguration(&c); err != nil {
			return nil, err
		}
		return door.Publish(tx, name, eventing.ConfigurationCreated, c.ID, c)
	})
}

// updateConfiguration changes name, description or models. Deployments keep
// the models they were made with.
func (s *Service) updateConfiguration(ctx context.Context, call *door.Call) error {
	id, err := eventing.ID(call.Event)
	if err != nil {
		return err
	}
	return call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		old, err := tx.Configuration(id)
		if err != nil {
			return nil, err
		}
		c, err := configurationOf(call.Event, old)
		if err != nil {
			return nil, err
		}
		if err := tx.UpdateConfiguration(&c); err != nil {
			return nil, err
		}
		return door.Publish(tx, name, eventing.ConfigurationUpdated, id, c)
	})
}

// deleteConfiguration deletes one that no deployment uses.
func (s *Service) deleteConfiguration(ctx context.Context, call *door.Call) error {
	id, err := door.Target(call.Event)
	if err != nil {
		return err
	}
	return call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		if err := tx.DeleteConfiguration(id); err != nil {
			return nil, err
		}
		return door.Publish(tx, name, eventing.ConfigurationDeleted, id, eventing.Deleted{ID: id})
	})
}
