package files

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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
	kindParquet
	kindArrow
	kindTFRecord
	kindImages
)

// The first bytes of files that say what they are.
const (
	numpyMagic   = "\x93NUMPY"
	avroMagic    = "Obj\x01"
	parquetMagic = "PAR1"
	arrowFile    = "ARROW1"
	arrowStream  = "\xff\xff\xff\xff"
)

// Kinds are what a file can be said to be.
func Kinds() []string {
	return []string{"csv", "jsonl", "npy", "npz", "idx", "avro", "parquet", "arrow", "tfrecord", "images"}
}

// kindOf tells what a file is: by as, else by its first bytes, whatever its
// name. Only where those are no sign of anything its name counts.
func kindOf(path, as string) (kind, error) {
	if as != "" {
		if i := slices.Index(Kinds(), strings.ToLower(as)); i >= 0 {
			return kindCSV + kind(i), nil
		}
		return 0, pipeline.Invalidf("as", "%q is no kind of file", as).WithHint("use one of %s", strings.Join(Kinds(), ", "))
	}
	if about, err := os.Stat(path); err == nil && about.IsDir() {
		return kindImages, nil
	}
	from, closer, err := openPlain(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = closer() }() // it was only read
	start, _ := from.Peek(4 << 10)  // a shorter file gives what it has
	if k := byBytes(start); k != 0 {
		return k, nil
	}
	if bytes.HasPrefix(start, []byte("PK")) {
		if k := archived(path); k != 0 {
			return k, nil
		}
	}
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(path)), ".gz")
	if k := byName(name); k != 0 {
		return k, nil
	}
	return ofText(name, start)
}

// byBytes tells what a file of numbers in binary is.
func byBytes(start []byte) kind {
	begins := func(magic string) bool { return bytes.HasPrefix(start, []byte(magic)) }
	switch {
	case begins(numpyMagic):
		return kindNPY
	case begins(avroMagic):
		return kindAvro
	case begins(parquetMagic) && !readable(start), begins("PARE") && !readable(start):
		return kindParquet
	case begins(arrowFile) && !readable(start), begins(arrowStream):
		return kindArrow
	case isTFRecord(start):
		return kindTFRecord
	case len(start) > 4 && start[0] == 0 && start[1] == 0 && start[3] > 0 && start[3] < 9 && idxTypes[start[2]] != 0:
		return kindIDX
	}
	return 0
}

// archived tells what a zip archive holds: arrays, or pictures.
func archived(path string) kind {
	z, err := zip.OpenReader(path)
	if err != nil {
		return 0
	}
	defer func() { _ = z.Close() }() // it was only read
	if len(members(&z.Reader)) > 0 {
		return kindNPZ
	}
	if slices.ContainsFunc(z.File, func(f *zip.File) bool { return f.Name == "[Content_Types].xml" }) {
		return 0 // a document with pictures in it
	}
	for _, f := range z.File {
		switch strings.ToLower(filepath.Ext(f.Name)) {
		case ".png", ".jpg", ".jpeg":
			return kindImages
		}
	}
	return 0
}

// byName tells what a file is whose bytes do not: it is cut, damaged or empty,
// or the text of a table, unless it is of JSON.
func byName(name string) kind {
	switch filepath.Ext(name) {
	case ".npy":
		return kindNPY
	case ".npz":
		return kindNPZ
	case ".avro":
		return kindAvro
	case ".parquet", ".pq":
		return kindParquet
	case ".arrow", ".feather":
		return kindArrow
	case ".tfrecord", ".tfrecords":
		return kindTFRecord
	}
	if idxNamed.MatchString(name) {
		return kindIDX
	}
	return 0
}

// idxNamed is how files of IDX are named: x.idx, x-idx3-ubyte, x.idx3. A table may be
// named idx.csv.
var idxNamed = regexp.MustCompile(`(ubyte|\.idx|idx[1-8])$`)

// ofText tells what a text is: JSON, or a table.
func ofText(name string, start []byte) (kind, error) {
	if err := foreign(name, start); err != nil {
		return 0, err
	}
	json := slices.Contains([]string{".jsonl", ".ndjson", ".json"}, filepath.Ext(name))
	text := strings.TrimLeft(strings.TrimPrefix(string(start), "\ufeff"), " \t\r\n")
	switch {
	case strings.HasPrefix(text, "{"), strings.HasPrefix(strings.TrimLeft(strings.TrimPrefix(text, "["), " \t\r\n"), "{"):
		return kindJSON, nil
	case json && (!readable(start) || !looksLikeTable(text)):
		return kindJSON, nil
	case readable(start):
		return kindCSV, nil
	}
	return 0, pipeline.Invalidf("file", "neither its bytes nor its name say its format").WithHint("name it with --as: one of %s", strings.Join(Kinds(), ", "))
}

// looksLikeTable reports whether each of the first lines has as many separators.
func looksLikeTable(text string) bool {
	if strings.HasPrefix(text, "[") {
		return false
	}
	lines := firstLines(text)
	return len(lines) > 1 && slices.ContainsFunc(separators, func(s rune) bool { return steady(lines, s) > 0 })
}

// readable reports whether bytes are text.
func readable(start []byte) bool {
	if bytes.HasPrefix(start, []byte{0xff, 0xfe}) || bytes.HasPrefix(start, []byte{0xfe, 0xff}) || zeros(start, 0) || zeros(start, 1) {
		return true // UTF-16
	}
	return !bytes.ContainsFunc(start, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n\f", r) })
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
