package artifact_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkaml/kafkaml/shared/artifact"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// savedModel are the files of one, some of them compressed.
var savedModel = map[string]string{
	"model/saved_model.pb":                                 strings.Repeat("graph", 1000),
	"model/variables/variables.index":                      "index",
	"model/variables/variables.data-00000-of-00001":        "\x00\x01weights",
	"model/assets/":                                        "",
	"keras/config.json":                                    `{"class_name": "Sequential"}`,
	"keras/" + strings.Repeat("n", 100) + "/weights.h5":    "",
	"model/name with spaces and ünicode, which is allowed": "x",
}

func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// filesOf is what folderOf was given; only empty folders are named.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path := filepath.Join(dir, name)
		if d.IsDir() {
			inside, err := os.ReadDir(path)
			if len(inside) == 0 {
				files[name+"/"] = ""
			}
			return err
		}
		content, err := os.ReadFile(path)
		files[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestFolderGoesThroughTheStore(t *testing.T) {
	contract(t, func(t *testing.T, s *artifact.Store) {
		if err := s.PutDir(t.Context(), "models/1/v1/model.zip", folderOf(t, savedModel)); err != nil {
			t.Fatal(err)
		}
		parent := t.TempDir()
		dir := filepath.Join(parent, "model")
		if err := s.GetDir(t.Context(), "models/1/v1/model.zip", dir); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(savedModel, filesOf(t, dir)); diff != "" {
			t.Errorf("(-put +got)\n%s", diff)
		}
		if err := s.GetDir(t.Context(), "models/1/v1/model.zip", dir); err == nil {
			t.Error("a folder with content was replaced")
		}
		if err := s.GetDir(t.Context(), "models/2/v1/model.zip", filepath.Join(parent, "other")); pipeline.KindOf(err) != pipeline.NotFound {
			t.Errorf("get of what is not there: %v", err)
		}
		left, err := os.ReadDir(parent)
		if err != nil || len(left) != 1 {
			t.Errorf("beside the folder is left %v, %v", left, err)
		}
	})
}

func TestZipsOfTheSameContentAreTheSame(t *testing.T) {
	var first, second bytes.Buffer
	if err := artifact.WriteZip(&first, folderOf(t, savedModel)); err != nil {
		t.Fatal(err)
	}
	later := folderOf(t, savedModel)
	stamp := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(later, "model/saved_model.pb"), stamp, stamp); err != nil {
		t.Fatal(err)
	}
	if err := artifact.WriteZip(&second, later); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the bytes differ")
	}
}

func TestLinksAreNotZipped(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := artifact.WriteZip(&bytes.Buffer{}, dir); err == nil || !strings.Contains(err.Error(), "link") {
		t.Errorf("got %v", err)
	}
}

// archive makes a zip of entries as they are, good or not.
func archive(t testing.TB, entries ...zip.FileHeader) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		w, err := z.CreateHeader(&e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.Comment)); err != nil && !strings.HasSuffix(e.Name, "/") {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// file is an entry whose content is its comment.
func file(name, content string, mode fs.FileMode) zip.FileHeader {
	h := zip.FileHeader{Name: name, Comment: content, Method: zip.Deflate}
	h.SetMode(mode)
	return h
}

func TestRefusedArchives(t *testing.T) {
	small := artifact.Limits{Entries: 3, Bytes: 100}
	lying := archive(t, file("a", strings.Repeat("0", 5000), 0o644))
	for i := 0; i+4 < len(lying); i++ { // its headers say 10 bytes, not 5,000
		if lying[i] == 0x88 && lying[i+1] == 0x13 && lying[i+2] == 0 && lying[i+3] == 0 {
			lying[i], lying[i+1] = 10, 0
		}
	}
	cases := map[string]struct {
		archive []byte
		word    string
	}{
		"no zip":                {[]byte("PK something else"), "not a zip"},
		"nothing":               {nil, "not a zip"},
		"parent":                {archive(t, file("../x", "", 0o644)), "../x"},
		"parent in the middle":  {archive(t, file("a/../../x", "", 0o644)), "a/../../x"},
		"parent as a folder":    {archive(t, file("../", "", fs.ModeDir|0o755)), "../"},
		"absolute":              {archive(t, file("/etc/x", "", 0o644)), "/etc/x"},
		"backslash":             {archive(t, file(`..\x`, "", 0o644)), "not allowed"},
		"NUL":                   {archive(t, file("a\x00b", "", 0o644)), "not allowed"},
		"dot":                   {archive(t, file(".", "", 0o644)), "not allowed"},
		"empty":                 {archive(t, file("", "", 0o644)), "not allowed"},
		"not clean":             {archive(t, file("a//b", "", 0o644)), "not allowed"},
		"link":                  {archive(t, file("link", "/etc/passwd", fs.ModeSymlink|0o777)), "neither"},
		"device":                {archive(t, file("null", "", fs.ModeDevice|0o666)), "neither"},
		"twice":                 {archive(t, file("a", "1", 0o644), file("a", "2", 0o644)), "twice"},
		"file as a folder":      {archive(t, file("a", "1", 0o644), file("a/b", "2", 0o644)), "a/b"},
		"too many":              {archive(t, file("a", "", 0o644), file("b", "", 0o644), file("c", "", 0o644), file("d", "", 0o644)), "at most 3"},
		"too large":             {archive(t, file("a", strings.Repeat("0", 101), 0o644)), "more than 100"},
		"too large together":    {archive(t, file("a", strings.Repeat("0", 60), 0o644), file("b", strings.Repeat("0", 60), 0o644)), "more than 100"},
		"larger than it says":   {lying, "a"},
		"shorter than it says":  {archive(t, file("a", "1", 0o644))[:20], "not a zip"},
		"damaged":               {bytes.Replace(archive(t, zip.FileHeader{Name: "a", Comment: "content"}), []byte("content"), []byte("CONTENT"), 1), "cannot be read"},
		"unknown compression":   {archive0xff(t), "cannot be read"},
		"link, then through it": {archive(t, file("l", "/tmp", fs.ModeSymlink|0o777), file("l/x", "", 0o644)), "neither"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "in")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			err := artifact.ReadZip(bytes.NewReader(c.archive), int64(len(c.archive)), dir, small)
			if pipeline.KindOf(err) != pipeline.Invalid || !strings.Contains(err.Error(), c.word) {
				t.Errorf("got %v", err)
			}
			outside, err := os.ReadDir(filepath.Dir(dir))
			if err != nil || len(outside) != 1 {
				t.Errorf("outside is %v, %v", outside, err)
			}
		})
	}
}

// archive0xff is a zip whose one entry claims a compression nobody knows.
func archive0xff(t testing.TB) []byte {
	b := archive(t, zip.FileHeader{Name: "a", Comment: "content"})
	b[8] = 0xff
	if i := bytes.Index(b, []byte("PK\x01\x02")); i >= 0 {
		b[i+10] = 0xff
	}
	return b
}

func FuzzReadZip(f *testing.F) {
	f.Add(archive(f, file("model/saved_model.pb", "graph", 0o644), file("model/variables/", "", fs.ModeDir|0o755)))
	f.Add(archive(f, file("../x", "1", 0o644)))
	f.Add(archive(f, file("l", "/tmp", fs.ModeSymlink|0o777)))
	f.Add(archive0xff(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		above := t.TempDir()
		dir := filepath.Join(above, "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		_ = artifact.ReadZip(bytes.NewReader(b), int64(len(b)), dir, artifact.Limits{Entries: 50, Bytes: 10_000})
		if outside, err := os.ReadDir(above); err != nil || len(outside) != 1 {
			t.Fatalf("outside is %v, %v", outside, err)
		}
		var size int64
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if !d.Type().IsRegular() {
				return fmt.Errorf("%s is not a file", path)
			}
			info, err := d.Info()
			if err == nil {
				size += info.Size()
			}
			return err
		})
		if err != nil || size > 10_001 {
			t.Fatalf("unpacked %d bytes, %v", size, err)
		}
	})
}
