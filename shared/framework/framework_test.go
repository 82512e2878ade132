package framework_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func TestKindsByName(t *testing.T) {
	kinds := framework.Kinds{{Name: "first", Program: "a"}, {Name: "second", Program: "b"}}
	for name, want := range map[string]string{"": "a", "first": "a", "second": "b"} {
		if k, err := kinds.Get(name); err != nil || k.Program != want {
			t.Errorf("%q is %+v, %v", name, k, err)
		}
	}
	if _, err := kinds.Get("third"); pipeline.KindOf(err) != pipeline.Invalid {
		t.Error(err)
	}
	if _, err := framework.Frameworks(nil).Get(""); pipeline.KindOf(err) != pipeline.Invalid {
		t.Error(err)
	}
}

func TestEngines(t *testing.T) {
	s := framework.Settings{Engines: []pipeline.Engine{pipeline.Auto, "plain", "fast"}}
	for given, want := range map[pipeline.Engine]pipeline.Engine{"": pipeline.Auto, "fast": "fast"} {
		if e, err := s.Engine(given); err != nil || e != want {
			t.Errorf("%q is %q, %v", given, e, err)
		}
	}
	if _, err := s.Engine("faster"); err == nil || !strings.Contains(err.Error(), `must be auto, plain or fast, not "faster"`) {
		t.Error(err)
	}
}

func TestClass(t *testing.T) {
	for _, c := range []struct {
		label []float64
		want  int
	}{{[]float64{3}, 3}, {[]float64{0.9999}, 1}, {[]float64{0, 0, 1}, 2}, {[]float64{0.2, 0.5, 0.3}, 1}} {
		if got := framework.Class(c.label); got != c.want {
			t.Errorf("Class(%v) = %d, want %d", c.label, got, c.want)
		}
	}
}

func store(t *testing.T) *artifact.Store {
	t.Helper()
	s, err := artifact.Open(context.Background(), "file://"+t.TempDir())
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

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(filepath.Base(path)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestBlobs(t *testing.T) {
	blobs := framework.Blobs{
		{Name: "model.zip", Path: "model", Folder: true},
		{Name: "one.file", Path: "file"},
		{Name: "extra.zip", Path: "extra", Folder: true, Optional: true},
		{Name: "extra.file", Path: "extra.file", Optional: true},
	}
	s, from := store(t), t.TempDir()
	write(t, filepath.Join(from, "model", "graph"))
	if err := blobs.Put(t.Context(), s, "models/1", from); err == nil {
		t.Error("a file that is not there was stored")
	}
	write(t, filepath.Join(from, "file"))
	if err := os.Mkdir(filepath.Join(from, "extra"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i, files := range [][]string{{"file", "graph"}, {"extra.file", "file", "graph", "weights"}} {
		key := fmt.Sprint("models/", i+1)
		if err := blobs.Put(t.Context(), s, key, from); err != nil {
			t.Fatal(err)
		}
		if ok, err := blobs.Exist(t.Context(), s, key); err != nil || !ok {
			t.Error(ok, err)
		}
		to := filepath.Join(t.TempDir(), "new")
		if err := blobs.Get(t.Context(), s, key, to); err != nil {
			t.Fatal(err)
		}
		var got []string
		err := filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				got = append(got, d.Name())
			}
			return err
		})
		if slices.Sort(got); err != nil || !slices.Equal(got, files) {
			t.Errorf("%s has %v, %v; want %v", key, got, err, files)
		}
		write(t, filepath.Join(from, "extra", "weights")) // of the second model
		write(t, filepath.Join(from, "extra.file"))
	}
	if err := blobs.Get(t.Context(), s, "models/3", filepath.Join(t.TempDir(), "new")); pipeline.KindOf(err) != pipeline.NotFound {
		t.Error(err)
	}
	if ok, err := blobs.Exist(t.Context(), s, "models/3"); err != nil || ok {
		t.Error(ok, err)
	}
	content, _, err := s.Get(t.Context(), "models/1/one.file")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(content); err != nil || string(b) != "file" || content.Close() != nil {
		t.Errorf("%q, %v", b, err)
	}
}
