package files

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

type kind int

const (
	kindCSV kind = iota + 1
	kindJSON
	kindNPY
	kindNPZ
	kindIDX
	kindAvro
)

// Kinds are what a file can be said to be.
func Kinds() []string { return []string{"csv", "jsonl", "npy", "npz", "idx", "avro"} }

// kindOf tells what a file is: by as, else by its name, else by its first bytes.
func kindOf(path, as string) (kind, error) {
	if as != "" {
		if i := slices.Index(Kinds(), strings.ToLower(as)); i >= 0 {
			return []kind{kindCSV, kindJSON, kindNPY, kindNPZ, kindIDX, kindAvro}[i], nil
		}
		return 0, pipeline.Invalidf("as", "%q is no kind of file", as).WithHint("use one of %s", strings.Join(Kinds(), ", "))
	}
	if about, err := os.Stat(path); err == nil && about.IsDir() {
		return 0, folder(path)
	}
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(path)), ".gz")
	switch filepath.Ext(name) {
	case ".csv", ".tsv", ".tab":
		return kindCSV, nil
	case ".jsonl", ".ndjson", ".json":
		return kindJSON, nil
	case ".npy":
		return kindNPY, nil
	case ".npz":
		return kindNPZ, nil
	case ".avro":
		return kindAvro, nil
	}
	if strings.Contains(name, "idx") || strings.HasSuffix(name, "ubyte") {
		return kindIDX, nil
	}
	return byContent(path, name)
}

// byContent tells what a file is whose name does not say.
func byContent(path, name string) (kind, error) {
	from, closer, err := openPlain(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = closer() }() // it was only read
	start, _ := from.Peek(4 << 10)  // a shorter file gives what it has
	switch {
	case bytes.HasPrefix(start, []byte("\x93NUMPY")):
		return kindNPY, nil
	case bytes.HasPrefix(start, []byte("Obj\x01")):
		return kindAvro, nil
	}
	if err := foreign(name, start); err != nil {
		return 0, err
	}
	e := pipeline.Invalidf("file", "its name does not say its format")
	if text := strings.TrimLeft(strings.TrimPrefix(string(start), "\ufeff"), " \t\r\n"); readable(start) && text != "" {
		as := "csv"
		if text[0] == '{' || strings.HasPrefix(text, "[{") {
			as = "jsonl"
		}
		return 0, e.WithHint("it is text: --as %s reads it as %s", as, map[string]string{"csv": "a table (CSV)", "jsonl": "JSON lines"}[as])
	}
	return 0, e.WithHint("name it with --as: one of %s", strings.Join(Kinds(), ", "))
}

// readable reports whether bytes are text.
func readable(start []byte) bool {
	if bytes.HasPrefix(start, []byte{0xff, 0xfe}) || bytes.HasPrefix(start, []byte{0xfe, 0xff}) || zeros(start, 0) || zeros(start, 1) {
		return true // UTF-16
	}
	return !bytes.ContainsFunc(start, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n\f", r) })
}

// folder refuses a folder by what it holds.
func folder(path string) error {
	e := pipeline.Invalidf("file", "is a folder")
	pictures, _ := filepath.Glob(filepath.Join(path, "*", "*"))
	for _, p := range pictures {
		switch strings.ToLower(filepath.Ext(p)) {
		case ".png", ".jpg", ".jpeg", ".bmp", ".gif":
			return e.WithHint(`write its pictures into one file of arrays: python -c 'import keras, numpy; d = keras.utils.image_dataset_from_directory("%s", batch_size=None); x, y = zip(*d.as_numpy_iterator()); numpy.savez("images.npz", x=numpy.stack(x), y=y)'`, filepath.Base(path))
		}
	}
	return e.WithHint("name the file within it that holds the records, or put them into one file")
}

// foreign refuses a file of another kind, known by its first bytes or its name,
// with the way to one that can be read.
func foreign(path string, start []byte) error {
	name := filepath.Base(path)
	what := content(start)
	if by, known := endings[filepath.Ext(strings.TrimSuffix(strings.ToLower(name), ".gz"))]; known && (what == "" || what == zipped || what == workbook) {
		what = by
		if (by == spreadsheet || by == workbook) && readable(start) { // text under the name of one
			what = ""
		}
	}
	if what == "" {
		return nil
	}
	cure := cures[what]
	if strings.Contains(cure, "%s") {
		cure = fmt.Sprintf(cure, name)
	}
	return pipeline.Invalidf("file", "is %s, not a file of records that can be read", what).WithHint("%s", cure)
}

// isNot says that bytes are not of a format, and of which they are.
func isNot(format string, start []byte) error {
	if what := content(start); what != "" {
		return fmt.Errorf("is not %s but %s", format, what)
	}
	if readable(start) && len(start) > 0 && !bytes.ContainsFunc(start, func(r rune) bool { return r > '~' }) {
		return fmt.Errorf("is not %s: it begins with the text %s", format, quoted(string(start)))
	}
	return fmt.Errorf("is not %s", format)
}
