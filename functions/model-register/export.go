package modelregister

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/kafkaml/kafkaml/eventing/bounds"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// cleanupTime bounds the removal of an artifact that nothing refers to, which
// goes on when the request that made it is gone.
const cleanupTime = 30 * time.Second

// build exports a variation of m as a version of the model that id gives, which is asked
// once the source has been exported, and stores the export
// under a key of its own, which it sets in m together with what the export
// told. Two updates at once build the same version, so the version alone would
// not do as a key. Nothing refers to the key yet: the caller commits a row that
// does, or calls discard.
func (s *Service) build(ctx context.Context, m *pipeline.Model, of pipeline.Variation, id func() (int64, error), version int) error {
	kind, err := s.Kinds.Get(m.Framework)
	if err != nil {
		return err
	}
	key := ""
	err = s.export(ctx, m, of, func(dir string) error {
		model, err := id()
		if err != nil {
			return err
		}
		key = pipeline.ModelArtifact(model, version) + "-" + uuid.NewString()
		return kind.Bundle.Exported.Put(ctx, s.Artifacts, key, dir)
	})
	if err != nil {
		if key != "" {
			s.discard(ctx, key)
		}
		return err
	}
	m.Artifact = key
	return nil
}

// export builds a variation of m, from its source or from the file that it was imported
// as, in a folder that is there while use runs.
func (s *Service) export(ctx context.Context, m *pipeline.Model, of pipeline.Variation, use func(dir string) error) error {
	builder, source, err := s.builderOf(*m)
	if err != nil {
		return err
	}
	source.Values, source.Freeze = of.Hyperparameters, of.Freeze
	if m.Imported != nil {
		if source.Saved, err = s.saved(ctx, *m); err != nil {
			return err
		}
		defer func() { _ = os.Remove(source.Saved) }() // what is left is the scratch folder's to clear
	}
	leave, err := s.building.Enter(ctx, bounds.Who(ctx))
	if err != nil {
		return err
	}
	defer leave()
	dir, err := os.MkdirTemp(s.Scratch, "export-*")
	if err != nil {
		return fmt.Errorf("make a folder for the export: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left of it is the scratch folder's to clear
	if m.Export, err = builder.Export(ctx, source, dir); err != nil {
		return err
	}
	leave() // others build while it is stored
	return use(dir)
}

// builderOf gives who reads m's source, and the source as it is read.
func (s *Service) builderOf(m pipeline.Model) (framework.Builder, framework.Source, error) {
	builder, ok := s.Builders[m.Framework]
	if !ok {
		return nil, framework.Source{}, &pipeline.Error{Kind: pipeline.Internal, Field: "framework", Reason: fmt.Sprintf("nothing builds models of %q here", m.Framework)}
	}
	label, err := pipeline.ParseLabel(m.LabelType, m.LabelReshape)
	return builder, framework.Source{Imports: m.Imports, Text: m.Source, Label: label}, err
}

// discard removes what lies under a key that no row refers to. That it failed is logged
// only: it costs space, nothing else.
func (s *Service) discard(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	if err := s.Artifacts.Delete(ctx, key); err != nil {
		s.Log.WarnContext(ctx, "an unused export was not removed", "key", key, "error", err)
	}
}
