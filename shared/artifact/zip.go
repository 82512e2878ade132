package artifact

import (
	"archive/zip"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Limits bound what an archive may unpack to; whoever made it is not trusted.
type Limits struct {
	Entries int   // files and folders
	Bytes   int64 // of all files together
}

// DefaultLimits hold any model that fits a machine's memory.
var DefaultLimits = Limits{Entries: 10_000, Bytes: 16 << 30}

// PutDir stores the content of dir as a zip under key, streamed: no copy is
// made. The zip of the same content has the same bytes.
func (s *Store) PutDir(ctx context.Context, key, dir string) error {
	return s.write(ctx, key, func(w io.Writer) error { return WriteZip(w, dir) })
}

// GetDir unpacks the zip under key into dir, which must be missing or empty
// and then has all of it or is as it was. The folder above dir must exist.
func (s *Store) GetDir(ctx context.Context, key, dir string) error {
	archive, size, err := s.download(ctx, key, filepath.Dir(dir))
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }()
	part, err := os.MkdirTemp(filepath.Dir(dir), ".unpack-*")
	if err != nil {
		return fmt.Errorf("unpack artifact %s: %w", key, err)
	}
	defer func() { _ = os.RemoveAll(part) }() // once renamed it is not there
	if err := ReadZip(archive, size, part, DefaultLimits); err != nil {
		return fmt.Errorf("unpack artifact %s: %w", key, err)
	}
	if err := errors.Join(os.Chmod(part, 0o755), os.Rename(part, dir)); err != nil {
		return fmt.Errorf("unpack artifact %s: %w", key, err)
	}
	return nil
}

// download copies a blob to a file without a name: the system frees it when
// it is closed or the process ends.
func (s *Store) download(ctx context.Context, key, folder string) (*os.File, int64, error) {
	content, _, err := s.Get(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = content.Close() }()
	f, err := os.CreateTemp(folder, ".download-*")
	if err != nil {
		return nil, 0, fmt.Errorf("download artifact %s: %w", key, err)
	}
	size, err := io.Copy(f, content)
	if err := errors.Join(err, os.Remove(f.Name())); err != nil {
		return nil, 0, errors.Join(s.explain("download", key, err), f.Close())
	}
	return f, size, nil
}

// compressed are the kinds of files worth compressing. Weights, most of what a
// model is, are noise to a compressor.
var compressed = map[string]bool{".pb": true, ".json": true, ".txt": true, ".py": true}

// stamped is the oldest time that a zip can hold: the same content gives the
// same bytes, whenever it was written.
var stamped = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// WriteZip writes the content of dir, files and folders in the order of their
// names. Anything else in dir, such as a link, is an error.
func WriteZip(w io.Writer, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("zip: %w", err)
	}
	defer func() { _ = root.Close() }()
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		return addToZip(z, root, name, d)
	})
	if err != nil {
		return fmt.Errorf("zip: %w", err)
	}
	return z.Close()
}

func addToZip(z *zip.Writer, root *os.Root, name string, d fs.DirEntry) error {
	h := &zip.FileHeader{Name: name, Modified: stamped}
	switch {
	case d.IsDir():
		h.Name += "/"
		h.SetMode(fs.ModeDir | 0o755)
		_, err := z.CreateHeader(h)
		return err
	case !d.Type().IsRegular():
		return fmt.Errorf("%s is neither a file nor a folder", name)
	}
	h.SetMode(0o644)
	if compressed[path.Ext(name)] {
		h.Method = zip.Deflate
	}
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	to, err := z.CreateHeader(h)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, f)
	return err
}

// ReadZip unpacks an archive of size bytes into dir, which must exist. An
// archive is refused, as an Invalid *pipeline.Error, for an entry that is
// neither file nor folder, for a name that leaves dir or comes twice, and for
// more than limits allow, whatever its own headers say.
func ReadZip(r io.ReaderAt, size int64, dir string, limits Limits) error {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return pipeline.Invalidf("archive", "is not a zip: %v", err)
	}
	if len(z.File) > limits.Entries {
		return pipeline.Invalidf("archive", "has %d entries, at most %d are unpacked", len(z.File), limits.Entries)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unzip: %w", err)
	}
	defer func() { _ = root.Close() }()
	left := limits.Bytes
	for _, f := range z.File {
		n, err := unpack(root, f, left)
		if err != nil {
			return err
		}
		if left -= n; left < 0 {
			return pipeline.Invalidf("archive", "unpacks to more than %d bytes", limits.Bytes)
		}
	}
	return nil
}

// unpack writes one entry, at most one byte more than left, and gives how many
// bytes it wrote.
func unpack(root *os.Root, f *zip.File, left int64) (written int64, err error) {
	name := strings.TrimSuffix(f.Name, "/")
	if !filepath.IsLocal(name) || strings.ContainsAny(name, "\\\x00") || path.Clean(name) != name || name == "." {
		return 0, pipeline.Invalidf("archive", "the name %q is not allowed", f.Name)
	}
	if f.Mode().IsDir() {
		return 0, root.MkdirAll(name, 0o755)
	}
	if !f.Mode().IsRegular() {
		return 0, pipeline.Invalidf("archive", "%q is neither a file nor a folder", f.Name)
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return 0, pipeline.Invalidf("archive", "%q cannot be unpacked: %v", f.Name, err)
	}
	from, err := f.Open()
	if err != nil {
		return 0, pipeline.Invalidf("archive", "%q cannot be read: %v", f.Name, err)
	}
	defer func() { _ = from.Close() }()
	to, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return 0, pipeline.Invalidf("archive", "the name %q comes twice", f.Name)
	}
	if err != nil {
		return 0, fmt.Errorf("unzip: %w", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	written, err = io.CopyN(to, from, left+1)
	if err != nil && !errors.Is(err, io.EOF) {
		return written, pipeline.Invalidf("archive", "%q cannot be read: %v", f.Name, err)
	}
	return written, nil
}
