package framework

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Bundle names what a framework's models consist of.
type Bundle struct {
	Exported Blobs    // what a Builder leaves and a Trainer opens
	Trained  Blobs    // what a Trainer saves
	Served   Blobs    // those of Trained that a Predictor opens, and Trainer.Inherit
	Named    Blobs    // those of Exported that name the variables
	Rebuilt  string   // the one of Exported, a zip, that is a Source.Saved; empty: none is
	Formats  []Format // in which a trained model can be downloaded, the default first
}

// Format is a form of a trained model that a person may download.
type Format struct {
	Name      string // as the client asks for it
	Title     string // as the page shows it
	Blob      string // below the result's key
	Extension string
	Media     string // media type
	Lacking   string // why a finished result may have none; empty: it always has one
	// Made says that a Converter makes it when it is asked for, in any of
	// pipeline.Quantizes: Blob is then the name of its first part.
	Made   bool
	Unfit  func(pipeline.Export) string // why no model of such an export has it; empty where it may
	Engine string                       // that opens it, where that is not the framework itself
}

// Key is the blob that keeps the format, in such numbers.
func (f Format) Key(q pipeline.Quantize) string {
	if !f.Made || q == pipeline.NotQuantized {
		return f.Blob
	}
	ext := path.Ext(f.Blob)
	return strings.TrimSuffix(f.Blob, ext) + "." + string(q) + ext
}

// Format looks up a format, the default where name is empty.
func (b Bundle) Format(name string) (Format, bool) {
	for _, f := range b.Formats {
		if name == "" || f.Name == name {
			return f, true
		}
	}
	return Format{}, false
}

// FormatNames lists the formats, the default first.
func (b Bundle) FormatNames() []string {
	names := make([]string, len(b.Formats))
	for i, f := range b.Formats {
		names[i] = f.Name
	}
	return names
}

// Blob is a file or a folder of a model, and where it is kept.
type Blob struct {
	Name     string // below the model's or result's key
	Path     string // in the folder that it is unpacked to
	Folder   bool   // kept as a zip
	Optional bool   // not every model has it
}

// Blobs are those of one stage of a model.
type Blobs []Blob

// Store is where blobs are kept; *artifact.Store is one.
type Store interface {
	Put(ctx context.Context, key string, r io.Reader) error
	PutDir(ctx context.Context, key, dir string) error
	Get(ctx context.Context, key string) (content io.ReadCloser, size int64, err error)
	GetDir(ctx context.Context, key, dir string) error
	Exists(ctx context.Context, key string) (bool, error)
}

// Put stores the blobs that lie in dir below key. An optional one that is not
// there, or is an empty folder, is left out.
func (bs Blobs) Put(ctx context.Context, s Store, key, dir string) error {
	for _, b := range bs {
		path := filepath.Join(dir, b.Path)
		if b.Optional && absent(path) {
			continue
		}
		if err := b.put(ctx, s, key+"/"+b.Name, path); err != nil {
			return err
		}
	}
	return nil
}

// have reports whether all of others, by name, are among them.
func (bs Blobs) have(others Blobs) bool {
	return !slices.ContainsFunc(others, func(o Blob) bool {
		return !slices.ContainsFunc(bs, func(b Blob) bool { return b.Name == o.Name })
	})
}

// In reports whether all blobs that are not optional lie in dir.
func (bs Blobs) In(dir string) bool {
	return !slices.ContainsFunc(bs, func(b Blob) bool { return !b.Optional && absent(filepath.Join(dir, b.Path)) })
}

// absent reports whether nothing is at path, or an empty folder.
func absent(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	if !info.IsDir() {
		return false
	}
	entries, err := os.ReadDir(path)
	return err == nil && len(entries) == 0
}

func (b Blob) put(ctx context.Context, s Store, key, path string) (err error) {
	if b.Folder {
		return s.PutDir(ctx, key, path)
	}
	f, err := os.Open(path) // #nosec G304 -- below a folder of ours
	if err != nil {
		return fmt.Errorf("store %s: %w", b.Name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return s.Put(ctx, key, f)
}

// Get fetches the blobs below key to their places in dir, which it makes where
// it is missing. An optional one that the store does not have is left out.
func (bs Blobs) Get(ctx context.Context, s Store, key, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make a folder for the model: %w", err)
	}
	for _, b := range bs {
		err := b.get(ctx, s, key+"/"+b.Name, filepath.Join(dir, b.Path))
		if b.Optional && pipeline.KindOf(err) == pipeline.NotFound {
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b Blob) get(ctx context.Context, s Store, key, path string) (err error) {
	if b.Folder {
		return s.GetDir(ctx, key, path)
	}
	content, _, err := s.Get(ctx, key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // #nosec G304 -- below a folder of ours
	if err != nil {
		return fmt.Errorf("fetch %s: %w", b.Name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, content); err != nil {
		return fmt.Errorf("fetch %s: %w", b.Name, err)
	}
	return nil
}

// Exist reports whether all blobs that are not optional are kept below key.
func (bs Blobs) Exist(ctx context.Context, s Store, key string) (bool, error) {
	for _, b := range bs {
		if b.Optional {
			continue
		}
		if ok, err := s.Exists(ctx, key+"/"+b.Name); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// Copy stores the blobs that lie below from below to, too. An optional one that is not
// there is left out.
func (bs Blobs) Copy(ctx context.Context, s Store, from, to string) error {
	for _, b := range bs {
		content, _, err := s.Get(ctx, from+"/"+b.Name)
		if b.Optional && pipeline.KindOf(err) == pipeline.NotFound {
			continue
		}
		if err != nil {
			return err
		}
		if err := errors.Join(s.Put(ctx, to+"/"+b.Name, content), content.Close()); err != nil {
			return err
		}
	}
	return nil
}
