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

// Validated is the data of model.validated: what the source builds, and the
// hash by which a model of the same source is recognised.
type Validated struct {
	SourceHash string `json:"source_hash"`
	pipeline.Export
}

// validate builds a source and keeps nothing of it.
func (s *Service) validate(ctx context.Context, e event.Event) (*event.Event, error) {
	const op = "validate model"
	var draft ModelDraft
	if err := eventing.Data(e, &draft); err != nil {
		return nil, during(op, err)
	}
	var m pipeline.Model
	set(&m.Imports, draft.Imports)
	set(&m.Source, draft.Source)
	if err := checkSource(m.Imports, m.Source); err != nil {
		return nil, during(op, err)
	}
	err := s.export(ctx, &m, func(string) error { return nil })
	if err != nil {
		return nil, during(op, err)
	}
	answer := eventing.New(eventing.ModelValidated, door.Source(name), "",
		Validated{SourceHash: sourceHash(m.Imports, m.Source), Export: m.Export})
	return &answer, nil
}

// register makes version 1 of a model of a new name.
func (s *Service) register(ctx context.Context, e event.Event) (*event.Event, error) {
	const op = "register model"
	var draft ModelDraft
	if err := eventing.Data(e, &draft); err != nil {
		return nil, during(op, err)
	}
	built, err := draft.apply(pipeline.Model{})
	if err != nil {
		return nil, during(op, err)
	}
	if err := s.first(ctx, &built); err != nil {
		return nil, during(op, err)
	}
	return s.keep(ctx, op, e, built.Artifact, func(tx *registry.Tx) (fact, error) {
		m := built
		err := tx.CreateModel(&m)
		return fact{eventing.ModelRegistered, m.ID, m}, err
	})
}

// first builds version 1 of a model under the id that it will have.
func (s *Service) first(ctx context.Context, m *pipeline.Model) error {
	err := s.Store.Do(ctx, func(tx *registry.Tx) (err error) {
		m.ID, err = tx.ReserveModel()
		return err
	})
	if err != nil {
		return err
	}
	return s.build(ctx, m, m.ID, 1)
}

// update changes a model's members. A change of source or imports is a new
// version; the versions before it stay, for the results trained on them.
func (s *Service) update(ctx context.Context, e event.Event) (*event.Event, error) {
	const op = "update model"
	var draft ModelDraft
	id, err := target(e, &draft)
	if err != nil {
		return nil, during(op, err)
	}
	built, err := s.rebuild(ctx, id, draft)
	if err != nil {
		return nil, during(op, err)
	}
	return s.keep(ctx, op, e, built.Artifact, func(tx *registry.Tx) (fact, error) {
		m, err := revise(tx, id, draft, built)
		return fact{eventing.ModelUpdated, id, m}, err
	})
}

// rebuild exports the source that the draft leads to. Where the model has just
// that already, it gives the model as it is, without artifact.
func (s *Service) rebuild(ctx context.Context, id int64, draft ModelDraft) (pipeline.Model, error) {
	var old pipeline.Model
	err := s.Store.View(ctx, func(tx *registry.Tx) (err error) {
		old, err = tx.Model(id)
		return err
	})
	if err != nil {
		return old, err
	}
	m, err := draft.apply(old)
	if err != nil {
		return m, err
	}
	if m.SourceHash == old.SourceHash {
		m.Artifact = ""
		return m, nil
	}
	return m, s.build(ctx, &m, id, old.Version+1)
}

// revise stores an update. It starts from the row as it is now: another update
// may have come since built was made, which matters only where it was of the
// source too.
func revise(tx *registry.Tx, id int64, draft ModelDraft, built pipeline.Model) (pipeline.Model, error) {
	old, err := tx.Model(id)
	if err != nil {
		return old, err
	}
	m, err := draft.apply(old)
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
func (s *Service) remove(ctx context.Context, e event.Event) (*event.Event, error) {
	const op = "delete model"
	id, err := target(e, &reference{})
	if err != nil {
		return nil, during(op, err)
	}
	answer, err := s.commit(ctx, op, e, func(tx *registry.Tx) (fact, error) {
		return fact{eventing.ModelDeleted, id, deleted{id}}, tx.DeleteModel(id)
	})
	if err != nil {
		return nil, err
	}
	s.discard(ctx, path.Dir(pipeline.ModelArtifact(id, 1))) // the folder of all versions
	return answer, nil
}

// keep commits a change that may refer to the artifact at key. Where no row
// came to refer to it the artifact is removed: the change was refused, it was
// of other members only, or the command had been carried out before. An error
// of the commit itself may hide that it went through; then the artifact stays,
// for the sweep to judge.
func (s *Service) keep(ctx context.Context, op string, e event.Event, key string, change func(*registry.Tx) (fact, error)) (*event.Event, error) {
	used := false
	answer, err := s.commit(ctx, op, e, func(tx *registry.Tx) (fact, error) {
		told, err := change(tx)
		m, ok := told.data.(pipeline.Model)
		used = err == nil && ok && m.Artifact == key
		return told, err
	})
	if key != "" && !used {
		s.discard(ctx, key)
	}
	return answer, err
}
