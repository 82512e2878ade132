package deploytraining

import (
	"context"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// alias gives a result a name among those of its model. What follows the alias is
// for whoever serves it to move.
func (s *Service) alias(ctx context.Context, call *door.Call) error {
	id, form, err := aliasOf(call.Event)
	if err != nil {
		return err
	}
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		return rename(tx, id, form.Alias)
	})
	s.aliasMoved()
	return err
}

// rename gives an alias to a result, and publishes whose aliases changed.
func rename(tx *registry.Tx, id int64, alias string) (*event.Event, error) {
	changed, err := tx.SetAlias(id, alias)
	if err != nil {
		return nil, err
	}
	if first := &changed[0]; first.Outdone {
		first.Outdone = false // somebody has a use for it
		if err := tx.UpdateResult(first); err != nil {
			return nil, err
		}
	}
	for _, r := range changed[1:] {
		if _, err := door.Publish(tx, name, eventing.ResultAliased, r.ID, r); err != nil {
			return nil, err
		}
	}
	return door.Publish(tx, name, eventing.ResultAliased, id, changed[0])
}

// unalias takes a name off a result.
func (s *Service) unalias(ctx context.Context, call *door.Call) error {
	id, form, err := aliasOf(call.Event)
	if err != nil {
		return err
	}
	return call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		r, err := tx.DropAlias(id, form.Alias)
		if err != nil {
			return nil, err
		}
		return door.Publish(tx, name, eventing.ResultAliased, id, r)
	})
}

func aliasOf(e event.Event) (id int64, form pipeline.AliasForm, err error) {
	if id, err = eventing.ID(e); err == nil {
		err = eventing.Apply[pipeline.AliasForm](e, &form)
	}
	return id, form, err
}

// edit changes what people say of a result.
func (s *Service) edit(ctx context.Context, call *door.Call) error {
	id, err := eventing.ID(call.Event)
	if err != nil {
		return err
	}
	return call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		r, err := tx.Result(id)
		if err != nil {
			return nil, err
		}
		form := pipeline.ResultForm{Notes: r.Notes}
		if err := eventing.Apply[pipeline.ResultForm](call.Event, &form); err != nil {
			return nil, err
		}
		tags, err := pipeline.MergeTags(r.Tags, form.Tags)
		if err != nil {
			return nil, err
		}
		if r, err = tx.EditResult(id, form.Notes, tags); err != nil {
			return nil, err
		}
		return door.Publish(tx, name, eventing.ResultUpdated, id, r)
	})
}
