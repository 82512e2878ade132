// Package artifact stores exported and trained models as blobs: in a folder on
// one machine, in an S3-compatible store in a cluster. A blob is there whole or
// not at all, also when the process that writes it is killed.
package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Store holds blobs by key. A key is one or more names of letters, digits,
// dots, dashes and underscores with slashes between: "models/1/v2/model.zip".
// A Store is safe for concurrent use.
type Store struct {
	blobs
	where string // for messages: scheme, host and path of the URL
}

// blobs is what a kind of store does with keys that have been checked. A blob
// that is not there is fs.ErrNotExist.
type blobs interface {
	// put stores what fill writes, in place of what was there, where fill ends
	// well; else nothing has changed.
	put(ctx context.Context, key string, fill func(io.Writer) error) error
	get(ctx context.Context, key string) (content io.ReadCloser, size int64, err error)
	has(ctx context.Context, key string) (bool, error)
	// remove deletes the blob under prefix and those whose keys begin with it
	// and a slash.
	remove(ctx context.Context, prefix string) error
	// below gives the keys that begin with prefix and a slash, and when each
	// was written.
	below(ctx context.Context, prefix string) iter.Seq2[Entry, error]
	close() error
}

// Open opens the store that a URL names and looks whether it answers:
//
//	file:///folder         a folder, made if there is none
//	s3://bucket?region=eu-west-1
//	s3://bucket?endpoint=http://host:9000&region=us-east-1&use_path_style=true&prefix=kafkaml/
//
// The credentials of S3 come from where AWS has them: AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY, a profile (also profile=name in the URL), or the role
// of the pod or the machine.
func Open(ctx context.Context, address string) (*Store, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, pipeline.Invalidf("artifacts", "the URL of the artifacts cannot be read").WithHint("file:///folder or s3://bucket?region=...")
	}
	s := &Store{where: (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()}
	switch u.Scheme {
	case "file":
		s.blobs, err = openFolder(u)
	case "s3":
		s.blobs, err = openBucket(ctx, u)
	default:
		return nil, pipeline.Invalidf("artifacts", "%q is neither file nor s3", u.Scheme).
			WithHint("set ARTIFACT_URL, for example to file:///var/lib/kafkaml/artifacts")
	}
	if err != nil {
		kind := pipeline.Unavailable
		if errors.Is(err, errRefused) {
			kind = pipeline.Invalid
		}
		return nil, &pipeline.Error{
			Op: "open artifacts", Kind: kind, Field: "artifacts", Err: err,
			Reason: fmt.Sprintf("%s cannot be opened: %v", s.where, err), Hint: hintOf(err),
		}
	}
	return s, nil
}

// hintOf is what to look at where a store cannot be opened.
func hintOf(err error) string {
	var dial *net.OpError
	switch {
	case errors.Is(err, errNoBucket):
		return "check the bucket of ARTIFACT_URL, or make it; some stores say this, too, where they do not know the key, AWS_ACCESS_KEY_ID"
	case errors.Is(err, errRefused):
		return "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile or role that stands in for them, what it may do with the bucket, and this machine's clock"
	case errors.As(err, &dial):
		return "see that the store runs, and that ARTIFACT_URL names it (endpoint=...)"
	}
	return "check ARTIFACT_URL"
}

// String is where the store is, without what its URL says of how to reach it.
func (s *Store) String() string { return s.where }

// Close ends the connections of the store.
func (s *Store) Close() error { return s.close() }

// Put stores what r has under key, in place of what was there, when r has
// ended well; after an error nothing has changed.
func (s *Store) Put(ctx context.Context, key string, r io.Reader) error {
	return s.write(ctx, key, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}

// write stores what fill writes.
func (s *Store) write(ctx context.Context, key string, fill func(io.Writer) error) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return s.explain("store", key, err)
	}
	if err := s.put(ctx, key, fill); err != nil {
		return s.explain("store", key, err)
	}
	return nil
}

// Get opens the blob under key and gives its size in bytes. The caller closes
// it. A key that holds nothing is a NotFound *pipeline.Error.
func (s *Store) Get(ctx context.Context, key string) (content io.ReadCloser, size int64, err error) {
	if err := CheckKey(key); err != nil {
		return nil, 0, err
	}
	if content, size, err = s.get(ctx, key); err != nil {
		return nil, 0, s.explain("read", key, err)
	}
	return content, size, nil
}

// Exists reports whether there is a blob under key.
func (s *Store) Exists(ctx context.Context, key string) (bool, error) {
	if err := CheckKey(key); err != nil {
		return false, err
	}
	found, err := s.has(ctx, key)
	if err != nil {
		return false, s.explain("look for", key, err)
	}
	return found, nil
}

// Delete deletes the blob under prefix and all whose keys begin with prefix
// and a slash: "results/1" leaves "results/10" alone. Nothing there is no error.
func (s *Store) Delete(ctx context.Context, prefix string) error {
	if err := CheckKey(prefix); err != nil {
		return err
	}
	if err := s.remove(ctx, prefix); err != nil {
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
	if err := CheckKey(prefix); err != nil {
		return nil, err
	}
	newest := map[string]time.Time{}
	for blob, err := range s.below(ctx, prefix) {
		if err != nil {
			return nil, s.explain("list", prefix, err)
		}
		name, _, _ := strings.Cut(blob.Key[len(prefix)+1:], "/")
		if key := prefix + "/" + name; blob.Modified.After(newest[key]) {
			newest[key] = blob.Modified
		}
	}
	var entries []Entry
	for _, key := range slices.Sorted(maps.Keys(newest)) {
		entries = append(entries, Entry{key, newest[key]})
	}
	return entries, nil
}

// Blobs gives the keys of the blobs below prefix.
func (s *Store) Blobs(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := CheckKey(prefix); err != nil {
			yield("", err)
			return
		}
		for blob, err := range s.below(ctx, prefix) {
			if err != nil {
				err = s.explain("list", prefix, err)
			}
			if !yield(blob.Key, err) || err != nil {
				return
			}
		}
	}
}

var keyName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`)

// CheckKey refuses keys that could leave the store or be read in two ways.
func CheckKey(key string) error {
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
	if errors.Is(err, fs.ErrNotExist) && (op == "read" || op == "download") {
		return &pipeline.Error{Op: op + " artifact", Kind: pipeline.NotFound, Reason: fmt.Sprintf("there is no artifact %s", key), Err: err}
	}
	return &pipeline.Error{
		Op: op + " artifact " + key, Kind: pipeline.Unavailable, Err: err,
		Reason: fmt.Sprintf("%s: %v", s.where, err), Hint: "check that the store of the artifacts can be reached, has room, and may be written",
	}
}
