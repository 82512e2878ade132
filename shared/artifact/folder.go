package artifact

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path"
)

// folder keeps each blob as a file. What a killed process leaves is a file
// whose name is no key; it is deleted with the prefix it lies under.
type folder struct{ root *os.Root }

func openFolder(u *url.URL) (blobs, error) {
	if u.Path == "" || u.Host != "" && u.Host != "localhost" {
		return nil, errors.New("the path of a folder begins with a slash: file:///folder")
	}
	if err := os.MkdirAll(u.Path, 0o750); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(u.Path)
	if err != nil {
		return nil, err
	}
	return folder{root}, nil
}

// put writes a file beside the final one, so that renaming it puts it in place
// on any file system.
func (f folder) put(ctx context.Context, key string, fill func(io.Writer) error) error {
	if err := f.root.MkdirAll(path.Dir(key), 0o750); err != nil {
		return err
	}
	part := path.Join(path.Dir(key), ".part-"+rand.Text())
	w, err := f.root.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = fill(w)
	if err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = w.Sync() // on the disk before it gets its name
	}
	if err = errors.Join(err, w.Close()); err == nil {
		err = f.root.Rename(part, key)
	}
	if err != nil {
		_ = f.root.Remove(part)
		return err
	}
	return f.sync(path.Dir(key))
}

// sync puts the name of a new file on the disk.
func (f folder) sync(dir string) error {
	d, err := f.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (f folder) get(_ context.Context, key string) (io.ReadCloser, int64, error) {
	file, err := f.root.Open(key)
	if err != nil {
		return nil, 0, err
	}
	i, err := file.Stat()
	if err == nil && !i.Mode().IsRegular() {
		err = fs.ErrNotExist // a prefix of keys
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, i.Size(), nil
}

func (f folder) has(_ context.Context, key string) (bool, error) {
	i, err := f.root.Stat(key)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && i.Mode().IsRegular(), err
}

func (f folder) remove(_ context.Context, prefix string) error { return f.root.RemoveAll(prefix) }

func (f folder) below(ctx context.Context, prefix string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		err := fs.WalkDir(f.root.FS(), prefix, func(key string, d fs.DirEntry, err error) error {
			if err == nil {
				err = context.Cause(ctx)
			}
			if err != nil || !d.Type().IsRegular() || key == prefix || CheckKey(key) != nil {
				return err
			}
			i, err := d.Info()
			if err == nil && !yield(Entry{key, i.ModTime()}, nil) {
				return fs.SkipAll
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield(Entry{}, err)
		}
	}
}

func (f folder) close() error { return f.root.Close() }
