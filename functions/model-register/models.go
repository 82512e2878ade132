package modelregister

import (
	"context"
	"path"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// validate builds a source and stores nothing of it.
func (s *Service) validate(ctx context.Context, call *door.Call) error {
	var m pipeline.Model
	if err := eventing.Apply[pipeline.ModelForm](call.Event, &m); err != nil {
		return err
	}
	kind, err := s.Kinds.Get(m.Framework)
	if err != nil {
		return err
	}
	m.Framework = kind.Name
	if err := checkSource(kind, m.Imports, m.Source); err != nil {
		return err
	}
	if err := s.export(ctx, &m, pipeline.Variation{}, func(string) error { return nil }); err != nil {
		return err
	}
	answer := eventing.New(eventing.ModelValidated, door.Source(name), "",
		eventing.Validated{SourceHash: sourceHash(m), Export: m.Export})
	return call.Commit(ctx, func(*registry.Tx) (*event.Event, error) { return &answer, nil })
}

// register makes version 1 of a model of a new name.
func (s *Service) register(ctx context.Context, call *door.Call) error {
	built, err := modelOf(s.Kinds, call.Event, pipeline.Model{})
	if err != nil {
		return err
	}
	// The id that the model will have names its artifact before there is a row. A
	// source that is refused takes none.
	reserve := func() (int64, error) {
		err := s.Store.Do(ctx, func(tx *registry.Tx) (err error) {
			built.ID, err = tx.ReserveModel()
			return err
		})
		return built.ID, err
	}
	if err := s.build(ctx, &built, pipeline.Variation{}, reserve, 1); err != nil {
		return err
	}
	return s.commitBuilt(ctx, call, eventing.ModelRegistered, built.Artifact, func(tx *registry.Tx) (pipeline.Model, error) {
		m := built
		err := tx.CreateModel(&m)
		return m, err
	})
}

// update changes a model's members. A change of source or imports is a new
// version; the versions before it stay, for the results trained on them.
func (s *Service) update(ctx context.Context, call *door.Call) error {
	id, err := eventing.ID(call.Event)
	if err != nil {
		return err
	}
	built, err := s.rebuild(ctx, id, call.Event)
	if err != nil {
		return err
	}
	return s.commitBuilt(ctx, call, eventing.ModelUpdated, built.Artifact, func(tx *registry.Tx) (pipeline.Model, error) {
		return s.revise(tx, id, call.Event, built)
	})
}

// rebuild exports the source that the command leads to. Where the model has just
// that already, it gives the model as it is, without artifact.
func (s *Service) rebuild(ctx context.Context, id int64, e event.Event) (pipeline.Model, error) {
	old, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (pipeline.Model, error) { return tx.Model(id) })
	if err != nil {
		return old, err
	}
	m, err := modelOf(s.Kinds, e, old)
	if err != nil {
		return m, err
	}
	if m.SourceHash == old.SourceHash {
		m.Artifact = ""
		return m, nil
	}
	return m, s.build(ctx, &m, pipeline.Variation{}, func() (int64, error) { return id, nil }, old.Version+1)
}

// revise stores an update. It starts from the row as it is now: another update
// may have come since built was made, which matters only where it was of the
// source too.
func (s *Service) revise(tx *registry.Tx, id int64, e event.Event, built pipeline.Model) (pipeline.Model, error) {
	old, err := tx.Model(id)
	if err != nil {
		return old, err
	}
	m, err := modelOf(s.Kinds, e, old)
	if err != nil {
		return m, err
	}
	changed := m.SourceHash != old.SourceHash
	if m.SourceHash != built.SourceHash || changed && built.Artifact == "" {
		return m, &pipeline.Error{
			Kind: pipeline.Conflict, Field: "source", Reason: "was changed by another update meanwhile",
			Hint: "look at the newest version and update again",
		}
	}
	if changed {
		m.Artifact, m.Export = built.Artifact, built.Export
	}
	err = tx.UpdateModel(&m)
	return m, err
}

// remove deletes a model with all its versions. The registry refuses it while
// a configuration or a result uses it.
func (s *Service) remove(ctx context.Context, call *door.Call) error {
	id, err := door.Target(call.Event)
	if err != nil {
		return err
	}
	err = call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		if err := tx.DeleteModel(id); err != nil {
			return nil, err
		}
		return door.Publish(tx, name, eventing.ModelDeleted, id, eventing.Deleted{ID: id})
	})
	if err != nil {
		return err
	}
	s.discard(ctx, path.Dir(pipeline.ModelArtifact(id, 1))) // the folder of all versions
	return nil
}

// commitBuilt commits a change of a model that may refer to the artifact at
// key, and publishes the model as it then is. Where no row came to refer to the
// artifact it is removed: the change was refused, it was of other members only,
// or the command had been carried out before. An error of the commit itself may
// hide that it went through; then the artifact stays, for the sweep to judge.
func (s *Service) commitBuilt(ctx context.Context, call *door.Call, fact, key string, change func(*registry.Tx) (pipeline.Model, error)) error {
	used := false
	err := call.Commit(ctx, func(tx *registry.Tx) (*event.Event, error) {
		m, err := change(tx)
		used = err == nil && m.Artifact == key
		if err != nil {
			return nil, err
		}
		return door.Publish(tx, name, fact, m.ID, m)
	})
	if key != "" && !used {
		s.discard(ctx, key)
	}
	return err
}
