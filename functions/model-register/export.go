package modelregister

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// modelsPrefix is where every exported model lies among the artifacts.
const modelsPrefix = "models/"

// cleanupTime bounds the removal of an artifact that nothing refers to, which
// goes on when the request that made it is gone.
const cleanupTime = 30 * time.Second

// build exports m's source and stores the export under a key of its own, which
// it sets in m together with what the export told. Nothing refers to the key
// yet: the caller commits a row that does, or calls discard.
func (s *Service) build(ctx context.Context, m *pipeline.Model) error {
	key := modelsPrefix + uuid.NewString()
	err := s.export(ctx, m, func(dir string) error { return s.upload(ctx, key, dir) })
	if err != nil {
		s.discard(ctx, key)
		return err
	}
	m.Artifact = key
	return nil
}

// export builds m's source in a folder that is there while use runs.
func (s *Service) export(ctx context.Context, m *pipeline.Model, use func(dir string) error) error {
	dir, err := os.MkdirTemp(s.Scratch, "export-*")
	if err != nil {
		return fmt.Errorf("make a folder for the export: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left of it is the scratch folder's to clear
	if m.Export, err = s.Worker.Export(ctx, m.Imports, m.Source, dir); err != nil {
		return err
	}
	return use(dir)
}

// upload stores both halves of an export: what trains and predicts, and the
// template of the .keras file.
func (s *Service) upload(ctx context.Context, key, dir string) error {
	for _, half := range []string{"model", "keras"} {
		if err := s.Artifacts.PutDir(ctx, key+"/"+half+".zip", filepath.Join(dir, half)); err != nil {
			return fmt.Errorf("store the export: %w", err)
		}
	}
	return nil
}

// discard removes artifacts that no row refers to. That it failed is logged
// only: it costs space, nothing else.
func (s *Service) discard(ctx context.Context, keys ...string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	for _, key := range keys {
		if err := s.Artifacts.Delete(ctx, key); err != nil {
			s.Log.WarnContext(ctx, "an unused export was not removed", "key", key, "error", err)
		}
	}
}
