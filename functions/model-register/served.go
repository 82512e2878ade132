package modelregister

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// complement makes what an earlier version did not make of the results that
// inferences serve: the form that another engine than the framework opens. Each
// is done once, also where there is no such form; what fails for another reason
// is logged and comes again with the next round.
func (s *Service) complement(ctx context.Context) error {
	old, err := registry.Read(ctx, s.Store, lacking)
	if err != nil {
		return err
	}
	for _, r := range old {
		select {
		case s.converting <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		err := s.completeResult(ctx, r)
		<-s.converting
		if err != nil {
			return fmt.Errorf("result %d: %w", r.ID, err)
		}
	}
	return nil
}

// lacking are the results that inferences serve of which it is not known what
// else could serve them.
func lacking(tx *registry.Tx) (old []pipeline.Result, err error) {
	all, err := tx.Inferences(registry.Query{})
	if err != nil {
		return nil, err
	}
	seen := map[int64]bool{}
	for _, i := range all.Items {
		if seen[i.Result] {
			continue
		}
		seen[i.Result] = true
		r, err := tx.Result(i.Result)
		if err != nil {
			return nil, err
		}
		if r.Serving == nil && r.Status == pipeline.ResultFinished {
			old = append(old, r)
		}
	}
	return old, nil
}

// completeResult reads the trained model as if it came from elsewhere, and keeps
// with it what that makes for other engines.
func (s *Service) completeResult(ctx context.Context, r pipeline.Result) error {
	m, err := registry.Read(ctx, s.Store, func(tx *registry.Tx) (pipeline.Model, error) { return tx.ModelOf(r) })
	if err != nil {
		return err
	}
	kind, err := s.Kinds.Get(m.Framework)
	if err != nil {
		return err
	}
	importer, ok := s.Importers[kind.Name]
	if !ok {
		return s.noteServing(ctx, kind, m.Export, r.ID, pipeline.Serving{Engine: kind.Name, Engines: []string{kind.Name}})
	}
	dir, err := os.MkdirTemp(s.Scratch, "complete-*")
	if err != nil {
		return fmt.Errorf("make a folder for the conversion: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left of it is the scratch folder's to clear
	const archive, read = "archive", "read"
	asFile := framework.Blobs{{Name: kind.Bundle.Served[0].Name, Path: archive}} // a folder as the zip that it is kept as
	if err := errors.Join(os.Mkdir(filepath.Join(dir, read), 0o700), asFile.Get(ctx, s.Artifacts, r.Artifact, dir)); err != nil {
		return err
	}
	serving := pipeline.Serving{Engine: kind.Name, Engines: []string{kind.Name}}
	got, err := importer.Import(ctx, filepath.Join(dir, archive), filepath.Join(dir, read))
	switch {
	case pipeline.KindOf(err) == pipeline.Invalid:
		serving.Reason = "its trained model cannot be read: " + err.Error()
	case err != nil:
		return err
	case !alike(got.Export.Inputs, m.Export.Inputs) || !alike(got.Export.Outputs, m.Export.Outputs):
		serving.Reason = "its trained model has other inputs and outputs than the model that was registered"
	default:
		serving = got.Serving
		if len(serving.Engines) > 1 {
			serving.Reason = "its form for " + serving.Engine + " was made after its training, by a later version: there were no records to measure the engines on"
		}
		trained := filepath.Join(dir, read, framework.ImportedTrained)
		if err := beside(kind.Bundle, trained).Put(ctx, s.Artifacts, r.Artifact, trained); err != nil {
			return err
		}
	}
	return s.noteServing(ctx, kind, m.Export, r.ID, serving)
}

// alike reports whether two lists are of the same tensors of a serving signature.
func alike(a, b []pipeline.Tensor) bool {
	return slices.EqualFunc(a, b, func(x, y pipeline.Tensor) bool {
		return x.SignatureName() == y.SignatureName() && x.DType == y.DType && slices.Equal(x.Shape, y.Shape)
	})
}

// beside are the blobs of a trained model in dir that the framework itself does
// not open to serve it.
func beside(b framework.Bundle, dir string) framework.Blobs {
	return slices.DeleteFunc(slices.Clone(b.Trained), func(one framework.Blob) bool {
		own := slices.ContainsFunc(b.Served, func(s framework.Blob) bool { return s.Name == one.Name })
		return own || !framework.Blobs{{Name: one.Name, Path: one.Path}}.In(dir)
	})
}

// noteServing notes in a result what can serve it.
func (s *Service) noteServing(ctx context.Context, kind framework.Kind, e pipeline.Export, id int64, serving pipeline.Serving) error {
	return s.Store.Do(ctx, func(tx *registry.Tx) error {
		r, err := tx.Result(id)
		if pipeline.KindOf(err) == pipeline.NotFound {
			return nil // deleted meanwhile
		}
		if err != nil {
			return err
		}
		r.Serving = &serving
		if r.Formats, err = kind.Bundle.Have(ctx, s.Artifacts, e, r); err != nil {
			return err
		}
		if err := tx.UpdateResult(&r); err != nil {
			return err
		}
		_, err = door.Publish(tx, name, eventing.ResultConverted, r.ID, r)
		return err
	})
}
