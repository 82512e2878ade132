package keras

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const importable = "testdata/import/"

func TestImport(t *testing.T) {
	w := sharedWorker(t)
	tests := map[string]struct {
		format, untrainable, noONNX string
		parts                       []string // of what is left
	}{
		"trained.keras":     {"keras", "", "", []string{"exported/keras", "exported/model", "exported/open.onnx", "trained/model.keras", "trained/model.onnx", "trained/savedmodel"}},
		"uncompiled.keras":  {"keras", "without being compiled", "", []string{"trained/model.keras", "trained/model.onnx", "trained/savedmodel"}},
		"custom_loss.keras": {"keras", "its loss", "", []string{"trained/model.keras", "trained/model.onnx", "trained/savedmodel"}},
		"words.keras":       {"keras", "", "StringLookup has no ONNX form", []string{"exported/model", "trained/model.keras", "trained/savedmodel"}},
		"lstm.keras":        {"keras", "", "", []string{"exported/keras", "exported/model", "exported/open.onnx", "trained/model.keras", "trained/model.onnx", "trained/savedmodel"}}, // its graph holds a loop
		"trained.zip":       {"savedmodel", "no training step", "", []string{"trained/model.onnx", "trained/savedmodel"}},
	}
	for file, tt := range tests {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			got, err := w.Import(t.Context(), importable+file, dir)
			if err != nil {
				t.Fatal(err)
			}
			if got.Format != tt.format || !strings.Contains(got.Export.Untrainable, tt.untrainable) || (got.Export.Untrainable == "") != (tt.untrainable == "") || !strings.Contains(got.Export.NoONNX, tt.noONNX) {
				t.Errorf("got %+v", got)
			}
			if parts, err := filepath.Glob(filepath.Join(dir, "*", "*")); err != nil || !slices.Equal(parts, below(dir, tt.parts)) {
				t.Errorf("left are %v, %v", parts, err)
			}
			want := "onnx"
			if tt.noONNX != "" {
				want = "tensorflow"
			}
			if got.Serving.Engine != want {
				t.Errorf("served by %+v", got.Serving)
			}
		})
	}
}

func below(dir string, names []string) (all []string) {
	for _, n := range names {
		all = append(all, filepath.Join(dir, n))
	}
	return all
}

// rewritten is a copy of an archive without what is not to be kept, and with more.
func rewritten(t *testing.T, file string, keep func(name string) bool, more ...func(*zip.Writer)) string {
	t.Helper()
	from, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	var b bytes.Buffer
	to := zip.NewWriter(&b)
	for _, f := range from.File {
		if !keep(f.Name) {
			continue
		}
		if err := to.Copy(f); err != nil {
			t.Fatal(err)
		}
	}
	for _, add := range more {
		add(to)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return saved(t, b.Bytes())
}

func saved(t *testing.T, content []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// entry adds an entry of a mode.
func entry(name string, mode fs.FileMode, content []byte) func(*zip.Writer) {
	return func(z *zip.Writer) {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(mode)
		if w, err := z.CreateHeader(h); err == nil {
			_, _ = w.Write(content) // a buffer takes it
		}
	}
}

func all(string) bool { return true }

func without(part string) func(string) bool {
	return func(name string) bool { return !strings.Contains(name, part) }
}

// TestImportRefuses are files that a person could have, and some that only an
// attacker has. Nothing is left of them.
func TestImportRefuses(t *testing.T) {
	w := sharedWorker(t)
	trained, whole := importable+"trained.keras", importable+"trained.zip"
	content, err := os.ReadFile(trained)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ file, says, hint string }{
		"bytecode":          {importable + "lambda.keras", "Python bytecode in a Lambda layer", "export it as a SavedModel"},
		"an unknown layer":  {importable + "custom_layer.keras", "it needs Twice", "register its source"},
		"no weights":        {rewritten(t, trained, without("weights")), "has no weights", "model.save"},
		"others' weights":   {rewritten(t, trained, without("weights"), copied(t, importable+"words.keras", "model.weights.h5")), "weights are missing or are not those", "model.save"},
		"no signature":      {importable + "unsigned.zip", "no signature serving_default", "signatures="},
		"assets":            {importable + "assets.zip", "vocabulary files", "list"},
		"no variables":      {rewritten(t, whole, without("variables/")), "variables are missing", "zip the whole folder"},
		"no graph":          {rewritten(t, whole, without("saved_model.pb"), entry("model/saved_model.pb", 0o644, []byte("text"))), "saved_model.pb is no whole SavedModel", "zip the whole folder"},
		"no JSON":           {rewritten(t, trained, without("config.json"), entry("config.json", 0o644, []byte("text"))), "config.json is no JSON", "send the file again"},
		"weights of text":   {rewritten(t, trained, without("weights"), entry("model.weights.h5", 0o644, []byte("text"))), "model.weights.h5 is no whole HDF5 file", "send the file again"},
		"no layers":         {rewritten(t, trained, without("config.json"), entry("config.json", 0o644, []byte(`{"module": "keras", "class_name": "Sequential", "config": {}}`))), "'layers'", "model.save"},
		"cut off":           {saved(t, content[:len(content)/2]), "cannot be read", "send the file again"},
		"damaged":           {saved(t, damaged(content)), "", ""},
		"no model":          {rewritten(t, trained, func(string) bool { return false }, entry("readme.txt", 0o644, []byte("text"))), "neither", ".keras"},
		"of PyTorch":        {rewritten(t, trained, func(string) bool { return false }, entry("model/data.pkl", 0o644, []byte("text"))), "PyTorch", "input_names=['x'], dynamic_axes={'x': {0: 'batch'}}, external_data=False"},
		"an ONNX file":      {rewritten(t, trained, func(string) bool { return false }, entry("model.onnx", 0o644, []byte("text"))), "ONNX", "itself"},
		"a link":            {rewritten(t, whole, all, entry("model/variables/link", fs.ModeSymlink|0o777, []byte("/etc/passwd"))), "is a link", "zip"},
		"a path upwards":    {rewritten(t, whole, all, entry("model/../../x", 0o644, nil)), "outside", "zip"},
		"an absolute path":  {rewritten(t, whole, all, entry("/tmp/x", 0o644, nil)), "outside", "zip"},
		"a path of Windows": {rewritten(t, whole, all, entry(`C:\x`, 0o644, nil)), "outside", "zip"},
		"a bomb":            {rewritten(t, whole, all, entry("model/bomb", 0o644, make([]byte, 64<<20))), "packed size", "zip -0"},
		"an entry twice":    {rewritten(t, whole, all, entry("model/saved_model.pb", 0o644, nil)), "twice", "anew"},
		"two models":        {rewritten(t, whole, all, entry("other/saved_model.pb", 0o644, nil)), "several", "one of them"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			_, err := w.Import(t.Context(), tt.file, dir)
			var e *pipeline.Error
			if !errors.As(err, &e) || e.Kind != pipeline.Invalid || e.Field != "content" || e.Op != importOp || e.Hint == "" || !strings.Contains(e.Reason, tt.says) || !strings.Contains(e.Hint, tt.hint) || strings.Contains(e.Reason, "/import/") {
				t.Errorf("got %#v, want a refusal with %q and %q", err, tt.says, tt.hint)
			}
			if left, err := filepath.Glob(filepath.Join(dir, framework.ImportedTrained)); err != nil || len(left) > 0 {
				t.Error("something is left:", left, err)
			}
		})
	}
}

// copied adds an entry of another archive.
func copied(t *testing.T, file, name string) func(*zip.Writer) {
	return func(to *zip.Writer) {
		from, err := zip.OpenReader(file)
		if err != nil {
			t.Fatal(err)
		}
		defer from.Close()
		for _, f := range from.File {
			if f.Name == name {
				if err := to.Copy(f); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// damaged changes a byte in the middle of an archive.
func damaged(content []byte) []byte {
	b := bytes.Clone(content)
	b[len(b)/2] ^= 0xff
	return b
}

func TestArchiveOfTooMuch(t *testing.T) {
	_, err := openArchive(importable+"trained.zip", 1000)
	var e *pipeline.Error
	if !errors.As(err, &e) || !strings.Contains(e.Reason, "larger than") || !strings.Contains(e.Hint, "memory") {
		t.Errorf("got %v", err)
	}
}
