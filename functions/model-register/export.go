package modelregister

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// cleanupTime bounds the removal of an artifact that nothing refers to, which
// goes on when the request that made it is gone.
const cleanupTime = 30 * time.Second

// build exports m's source as a version of model id and stores the export
// under a key of its own, which it sets in m together with what the export
// told. Two updates at once build the same version, so the version alone would
// not do as a key. Nothing refers to the key yet: the caller commits a row that
// does, or calls discard.
func (s *Service) build(ctx context.Context, m *pipeline.Model, id int64, version int) error {
	key := pipeline.ModelArtifact(id, version) + "-" + uuid.NewString()
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
// template of the .keras file, which a model that Keras cannot save lacks.
func (s *Service) upload(ctx context.Context, key, dir string) error {
	if err := s.Artifacts.PutDir(ctx, key+"/model.zip", filepath.Join(dir, "model")); err != nil {
		return fmt.Errorf("store the export: %w", err)
	}
	template := filepath.Join(dir, "keras")
	if files, err := os.ReadDir(template); len(files) == 0 && (err == nil || errors.Is(err, fs.ErrNotExist)) {
		return nil
	}
	if err := s.Artifacts.PutDir(ctx, key+"/keras.zip", template); err != nil {
		return fmt.Errorf("store the template of the .keras file: %w", err)
	}
	return nil
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
