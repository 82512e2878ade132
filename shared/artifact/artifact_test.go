package artifact_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/artifact/artifacttest"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// contract runs a test of what a store promises on each kind of store.
func contract(t *testing.T, test func(t *testing.T, s *artifact.Store)) {
	for name, address := range map[string]func(t *testing.T) string{
		"file":           func(t *testing.T) string { return "file://" + filepath.Join(t.TempDir(), "artifacts") },
		"s3":             func(t *testing.T) string { return artifacttest.S3(t) },
		"s3 with prefix": func(t *testing.T) string { return artifacttest.S3(t) + "&prefix=kafkaml/" },
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t, address(t))) })
	}
}

func open(t *testing.T, address string) *artifact.Store {
	t.Helper()
	s, err := artifact.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func put(t *testing.T, s *artifact.Store, key, content string) {
	t.Helper()
	if err := s.Put(t.Context(), key, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, s *artifact.Store, key string) string {
	t.Helper()
	r, size, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	if int64(len(b)) != size {
		t.Errorf("%s is said to have %d bytes and has %d", key, size, len(b))
	}
	return string(b)
}

func missing(t *testing.T, s *artifact.Store, key string) {
	t.Helper()
	_, _, err := s.Get(t.Context(), key)
	if pipeline.KindOf(err) != pipeline.NotFound || !strings.Contains(err.Error(), key) {
		t.Errorf("get of %s, which is not there: %v", key, err)
	}
	if found, err := s.Exists(t.Context(), key); found || err != nil {
		t.Errorf("%s exists: %v, %v", key, found, err)
	}
}

func TestPutAndGet(t *testing.T) {
	contract(t, func(t *testing.T, s *artifact.Store) {
		missing(t, s, "models/1/v1/model.zip")
		put(t, s, "models/1/v1/model.zip", "first")
		put(t, s, "models/1/v1/empty", "")
		if got := get(t, s, "models/1/v1/model.zip"); got != "first" {
			t.Errorf("got %q", got)
		}
		if got := get(t, s, "models/1/v1/empty"); got != "" {
			t.Errorf("got %q", got)
		}
		put(t, s, "models/1/v1/model.zip", "second")
		if got := get(t, s, "models/1/v1/model.zip"); got != "second" {
			t.Errorf("after another put: %q", got)
		}
		if found, err := s.Exists(t.Context(), "models/1/v1/model.zip"); !found || err != nil {
			t.Errorf("exists: %v, %v", found, err)
		}
	})
}

func TestLargeBlob(t *testing.T) {
	content := make([]byte, 20<<20) // more than one part of a multipart upload
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(content)
	contract(t, func(t *testing.T, s *artifact.Store) {
		if err := s.Put(t.Context(), "large", struct{ io.Reader }{bytes.NewReader(content)}); err != nil {
			t.Fatal(err)
		}
		if get(t, s, "large") != string(content) {
			t.Error("what is read is not what was written")
		}
	})
}

// cut is a reader that fails in the middle.
type cut struct{ io.Reader }

var errCut = errors.New("cut off")

func (c cut) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if errors.Is(err, io.EOF) {
		err = errCut
	}
	return n, err
}

func TestAPutThatFailsChangesNothing(t *testing.T) {
	contract(t, func(t *testing.T, s *artifact.Store) {
		put(t, s, "a/kept", "old")
		half := func() io.Reader { return cut{strings.NewReader(strings.Repeat("new", 4<<20))} }
		for _, key := range []string{"a/kept", "a/fresh"} {
			if err := s.Put(t.Context(), key, half()); !errors.Is(err, errCut) {
				t.Errorf("put of %s: %v", key, err)
			}
		}
		if got := get(t, s, "a/kept"); got != "old" {
			t.Errorf("a put that failed left %d bytes", len(got))
		}
		missing(t, s, "a/fresh")
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Put(ended, "a/kept", strings.NewReader("new")); !errors.Is(err, context.Canceled) {
			t.Errorf("put with a context that has ended: %v", err)
		}
		if got := get(t, s, "a/kept"); got != "old" {
			t.Errorf("after it: %q", got)
		}
	})
}

func TestReadersSeeOneOfTwoPuts(t *testing.T) {
	contract(t, func(t *testing.T, s *artifact.Store) {
		versions := []string{strings.Repeat("a", 300_000), strings.Repeat("b", 300_000)}
		put(t, s, "contended", versions[0])
		var writers sync.WaitGroup
		for _, content := range versions {
			writers.Go(func() {
				for range 5 {
					if err := s.Put(t.Context(), "contended", strings.NewReader(content)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 10 {
			if got := get(t, s, "contended"); got != versions[0] && got != versions[1] {
				t.Errorf("read a mixture of %d bytes", len(got))
			}
		}
		writers.Wait()
	})
}

func TestDeleteStopsAtASlash(t *testing.T) {
	contract(t, func(t *testing.T, s *artifact.Store) {
		keys := []string{"results/1/attempt-1/model.keras", "results/1/attempt-2/savedmodel.zip", "results/10/attempt-1/model.keras"}
		for _, key := range keys {
			put(t, s, key, key)
		}
		for range 2 { // the second time there is nothing left to delete
			if err := s.Delete(t.Context(), "results/1"); err != nil {
				t.Fatal(err)
			}
		}
		missing(t, s, keys[0])
		missing(t, s, keys[1])
		if got := get(t, s, keys[2]); got != keys[2] {
			t.Errorf("got %q", got)
		}
		if err := s.Delete(t.Context(), keys[2]); err != nil {
			t.Fatal(err)
		}
		missing(t, s, keys[2])
	})
}

func TestListStopsAtASlash(t *testing.T) {
	contract(t, func(t *testing.T, s *artifact.Store) {
		if got, err := s.List(t.Context(), "models"); err != nil || len(got) != 0 {
			t.Errorf("an empty store lists %v, %v", got, err)
		}
		began := time.Now().Add(-2 * time.Second) // stores count in seconds
		for _, key := range []string{"models/b/model.zip", "models/b/keras.zip", "models/a/x/y", "models/c", "modelsx/d"} {
			put(t, s, key, key)
		}
		got, err := s.List(t.Context(), "models")
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, e := range got {
			keys = append(keys, e.Key)
			if e.Modified.Before(began) {
				t.Errorf("%s was modified %v", e.Key, e.Modified)
			}
		}
		if want := []string{"models/a", "models/b", "models/c"}; !slices.Equal(keys, want) {
			t.Errorf("listed %v, want %v", keys, want)
		}
	})
}

func TestRefusedKeys(t *testing.T) {
	s := open(t, "file://"+t.TempDir())
	for _, key := range []string{"", "/", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/.", ".hidden", "a b", "a\\b", "a\x00", "é", "a.attrs", strings.Repeat("a", 501)} {
		_, _, getting := s.Get(t.Context(), key)
		_, looking := s.Exists(t.Context(), key)
		for what, err := range map[string]error{
			"put": s.Put(t.Context(), key, strings.NewReader("")), "get": getting, "exists": looking, "delete": s.Delete(t.Context(), key),
		} {
			if pipeline.KindOf(err) != pipeline.Invalid {
				t.Errorf("%s of %q: %v", what, key, err)
			}
		}
	}
}

func TestRefusedStores(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	bucket := artifacttest.S3(t)
	for name, c := range map[string]struct {
		address string
		kind    pipeline.Kind
		word    string
	}{
		"no scheme":      {"/var/lib", pipeline.Invalid, "neither"},
		"another scheme": {"gs://bucket", pipeline.Invalid, "gs"},
		"no URL":         {"s3://%zz", pipeline.Invalid, "cannot be read"},
		"relative path":  {"file://artifacts", pipeline.Unavailable, "slash"},
		"under a file":   {"file://" + file + "/x", pipeline.Unavailable, "file"},
		"no such bucket": {strings.Replace(bucket, "models", "other", 1), pipeline.Invalid, "s3://other"},
		"no such server": {"s3://models?endpoint=http://127.0.0.1:1&region=us-east-1&use_path_style=true", pipeline.Unavailable, "s3://models"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := artifact.Open(t.Context(), c.address)
			if pipeline.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.word) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// The hint names what is wrong of a bucket: its address, its name or who asks.
func TestHintsOfBuckets(t *testing.T) {
	bucket := artifacttest.S3(t)
	for name, c := range map[string]struct{ address, id, secret, reason, hint string }{
		"no server":    {"s3://models?endpoint=http://127.0.0.1:1&region=us-east-1&use_path_style=true", "test", "test-secret", "connection refused", "see that the store runs"},
		"no bucket":    {strings.Replace(bucket, "models", "other", 1), "test", "test-secret", "no such bucket", "check the bucket of ARTIFACT_URL"},
		"wrong secret": {bucket, "test", "another", "the store refuses: Access Denied", "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"},
		"unknown key":  {bucket, "nobody", "test-secret", "no such bucket", "do not know the key, AWS_ACCESS_KEY_ID"}, // what versitygw says
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", c.id)
			t.Setenv("AWS_SECRET_ACCESS_KEY", c.secret)
			var e *pipeline.Error
			_, err := artifact.Open(t.Context(), c.address)
			if !errors.As(err, &e) || !strings.Contains(e.Reason, c.reason) || strings.Contains(e.Reason, "\n") || !strings.Contains(e.Hint, c.hint) {
				t.Errorf("got %v, hint %q", err, e.Hint)
			}
		})
	}
}
