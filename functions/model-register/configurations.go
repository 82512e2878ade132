package modelregister

import (
	"context"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// createConfiguration groups models under a new name.
func (s *Service) createConfiguration(ctx context.Context, e event.Event) (*event.Event, error) {
	const op = "create configuration"
	var draft ConfigurationDraft
	if err := eventing.Data(e, &draft); err != nil {
		return nil, during(op, err)
	}
	return s.commit(ctx, op, e, func(tx *registry.Tx) (fact, error) {
		c, err := draft.apply(pipeline.Configuration{})
		if err != nil {
			return fact{}, err
		}
		err = tx.CreateConfiguration(&c)
		return fact{eventing.ConfigurationCreated, c.ID, c}, err
	})
}

// updateConfiguration changes name, description or models. Deployments keep
// the models they were made with.
func (s *Service) updateConfiguration(ctx context.Context, e event.Event) (*event.Event, error) {
	const op = "update configuration"
	var draft ConfigurationDraft
	id, err := target(e, &draft)
	if err != nil {
		return nil, during(op, err)
	}
	return s.commit(ctx, op, e, func(tx *registry.Tx) (fact, error) {
		old, err := tx.Configuration(id)
		if err != nil {
			return fact{}, err
		}
		c, err := draft.apply(old)
		if err != nil {
			return fact{}, err
		}
		err = tx.UpdateConfiguration(&c)
		return fact{eventing.ConfigurationUpdated, id, c}, err
	})
}

// deleteConfiguration deletes one that no deployment uses.
func (s *Service) deleteConfiguration(ctx context.Context, e event.Event) (*event.Event, error) {
	const op = "delete configuration"
	id, err := target(e, &reference{})
	if err != nil {
		return nil, during(op, err)
	}
	return s.commit(ctx, op, e, func(tx *registry.Tx) (fact, error) {
		return fact{eventing.ConfigurationDeleted, id, deleted{id}}, tx.DeleteConfiguration(id)
	})
}
