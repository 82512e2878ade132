// Package artifact stores exported and trained models as blobs: in a folder on
// one machine, in an S3-compatible store in a cluster. A blob is there whole or
// not at all, also when the process that writes it is killed.
package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcerrors"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Store holds blobs by key. A key is one or more names of letters, digits,
// dots, dashes and underscores with slashes between: "models/1/v2/model.zip".
// A Store is safe for concurrent use.
type Store struct {
	bucket *blob.Bucket
	where  string // for messages: scheme, host and path of the URL
	folder string // of a file store, else empty
}

// Open opens the store that a URL names and looks whether it answers:
//
//	file:///folder         a folder, made if there is none
//	s3://bucket?region=eu-west-1
//	s3://bucket?endpoint=http://host:9000&region=us-east-1&use_path_style=true&prefix=kafkaml/
//	mem://                 the memory of this process
//
// The credentials of S3 come from where the AWS SDK looks for them:
// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the pod's role.
func Open(ctx context.Context, address string) (*Store, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, pipeline.Invalidf("artifacts", "the URL of the artifacts cannot be read").WithHint("file:///folder or s3://bucket?region=...")
	}
	s := &Store{where: (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()}
	switch u.Scheme {
	case "file":
		err = s.openFolder(u)
	case "s3", "mem":
		mux := new(blob.URLMux)
		mux.RegisterBucket("s3", new(s3blob.URLOpener))
		mux.RegisterBucket("mem", new(memblob.URLOpener))
		s.bucket, err = mux.OpenBucketURL(ctx, u)
	default:
		return nil, pipeline.Invalidf("artifacts", "%q is none of file, s3 and mem", u.Scheme).
			WithHint("set ARTIFACT_URL, for example to file:///var/lib/kafkaml/artifacts")
	}
	if err != nil {
		return nil, &pipeline.Error{
			Op: "open artifacts", Kind: pipeline.Unavailable, Field: "artifacts", Err: err,
			Reason: fmt.Sprintf("%s cannot be opened: %v", s.where, err), Hint: "check ARTIFACT_URL",
		}
	}
	if found, err := s.bucket.IsAccessible(ctx); err != nil || !found {
		if err == nil {
			err = errors.New("there is no such bucket")
		}
		return nil, errors.Join(s.explain("open artifacts", "", err), s.bucket.Close())
	}
	return s, nil
}

// openFolder keeps temporary files beside the final ones, so that a rename
// puts them in place on any file system. What a killed process leaves is
// deleted with the prefix it lies under.
func (s *Store) openFolder(u *url.URL) (err error) {
	if u.Path == "" || u.Host != "" && u.Host != "localhost" {
		return errors.New("the path of a folder begins with a slash: file:///folder")
	}
	s.folder = filepath.Clean(u.Path)
	s.bucket, err = fileblob.OpenBucket(s.folder, &fileblob.Options{
		CreateDir: true, DirFileMode: 0o750, NoTempDir: true, Metadata: fileblob.MetadataDontWrite,
	})
	return err
}

// Close ends the connections of the store.
func (s *Store) Close() error { return s.bucket.Close() }

// Put stores what r has under key, in place of what was there, when r has
// ended well; after an error nothing has changed.
func (s *Store) Put(ctx context.Context, key string, r io.Reader) error {
	return s.write(ctx, key, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}

// write stores what fill writes. A blob that is not filled is given up by
// ending the context of its writer before closing it.
func (s *Store) write(ctx context.Context, key string, fill func(io.Writer) error) error {
	if err := checkKey(key); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var file *os.File // of a file store
	w, err := s.bucket.NewWriter(ctx, key, &blob.WriterOptions{
		ContentType:                 "application/octet-stream",
		DisableContentTypeDetection: true,
		BeforeWrite:                 func(as func(any) bool) error { as(&file); return nil },
	})
	if err != nil {
		return s.explain("store", key, err)
	}
	err = fill(w)
	if err == nil && file != nil {
		err = file.Sync() // on the disk before it gets its name
	}
	if err != nil {
		cancel()
		_ = w.Close() // says only that the context has ended
		return s.explain("store", key, err)
	}
	if err := w.Close(); err != nil {
		return s.explain("store", key, err)
	}
	return s.syncFolder(key)
}

// syncFolder puts the name of a new file on the disk.
func (s *Store) syncFolder(key string) error {
	if s.folder == "" {
		return nil
	}
	d, err := os.Open(filepath.Dir(filepath.Join(s.folder, filepath.FromSlash(key))))
	if err != nil {
		return s.explain("store", key, err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// Get opens the blob under key and gives its size in bytes. The caller closes
// it. A key that holds nothing is a NotFound *pipeline.Error.
func (s *Store) Get(ctx context.Context, key string) (content io.ReadCloser, size int64, err error) {
	if err := checkKey(key); err != nil {
		return nil, 0, err
	}
	r, err := s.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, 0, s.explain("read", key, err)
	}
	return r, r.Size(), nil
}

// Exists reports whether there is a blob under key.
func (s *Store) Exists(ctx context.Context, key string) (bool, error) {
	if err := checkKey(key); err != nil {
		return false, err
	}
	found, err := s.bucket.Exists(ctx, key)
	if err != nil {
		return false, s.explain("look for", key, err)
	}
	return found, nil
}

// Delete deletes the blob under prefix and all whose keys begin with prefix
// and a slash: "results/1" leaves "results/10" alone. Nothing there is no error.
func (s *Store) Delete(ctx context.Context, prefix string) error {
	if err := checkKey(prefix); err != nil {
		return err
	}
	if s.folder != "" {
		return s.deleteFolder(prefix)
	}
	keys := []string{prefix}
	for list := s.bucket.List(&blob.ListOptions{Prefix: prefix + "/"}); ; {
		o, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return s.explain("delete", prefix, err)
		}
		keys = append(keys, o.Key)
	}
	for _, key := range keys {
		if err := s.bucket.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return s.explain("delete", key, err)
		}
	}
	return nil
}

// deleteFolder deletes also what a killed writer left, and empty folders.
func (s *Store) deleteFolder(prefix string) error {
	root, err := os.OpenRoot(s.folder)
	if err != nil {
		return s.explain("delete", prefix, err)
	}
	err = errors.Join(root.RemoveAll(filepath.FromSlash(prefix)), root.Close())
	if err != nil {
		return s.explain("delete", prefix, err)
	}
	return nil
}

// Entry is what lies under one name below a prefix: a blob, or all that begins
// with Key and a slash.
type Entry struct {
	Key      string
	Modified time.Time // of the newest blob
}

// List gives the entries right below prefix, by key; none is no error. It
// reads the keys of all blobs below.
func (s *Store) List(ctx context.Context, prefix string) ([]Entry, error) {
	if err := checkKey(prefix); err != nil {
		return nil, err
	}
	newest := map[string]time.Time{}
	for list := s.bucket.List(&blob.ListOptions{Prefix: prefix + "/"}); ; {
		o, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, s.explain("list", prefix, err)
		}
		name, _, _ := strings.Cut(o.Key[len(prefix)+1:], "/")
		if key := prefix + "/" + name; o.ModTime.After(newest[key]) {
			newest[key] = o.ModTime
		}
	}
	var entries []Entry
	for _, key := range slices.Sorted(maps.Keys(newest)) {
		entries = append(entries, Entry{key, newest[key]})
	}
	return entries, nil
}

var keyName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`)

// checkKey refuses keys that could leave the store or be read in two ways.
func checkKey(key string) error {
	bad := func(name string) bool { return !keyName.MatchString(name) || strings.HasSuffix(name, ".attrs") }
	if len(key) > 500 || slices.ContainsFunc(strings.Split(key, "/"), bad) {
		return pipeline.Invalidf("key", "%q is not the key of an artifact", key)
	}
	return nil
}

// explain says what was done to which blob. An error that a person can read
// already, or the end of a context, keeps its kind.
func (s *Store) explain(op, key string, err error) error {
	var known *pipeline.Error
	if errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s artifact %s: %w", op, key, err)
	}
	if gcerrors.Code(err) == gcerrors.NotFound && key != "" {
		return &pipeline.Error{Op: op + " artifact", Kind: pipeline.NotFound, Reason: fmt.Sprintf("there is no artifact %s", key), Err: err}
	}
	return &pipeline.Error{
		Op: op + " artifact " + key, Kind: pipeline.Unavailable, Err: err,
		Reason: fmt.Sprintf("%s: %v", s.where, err), Hint: "check that the store of the artifacts can be reached, has room, and may be written",
	}
}
