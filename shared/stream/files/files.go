// Package files reads the files that people keep data in and turns their rows
// into training records: CSV, JSON lines, NumPy's NPY and NPZ, IDX (the files of
// MNIST), and Avro containers. Each is read as a stream, one row at a time,
// whatever its size.
//
// A file is opened as a source of rows, whose layout (types, shapes, names)
// gives the input_config; an encoder then writes each row in RAW, AVRO or JSON.
package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Options say how to read a file and what to make of it.
type Options struct {
	Format pipeline.Format // of the records; what suits the file unless given: RAW for arrays, AVRO for tables, JSON for JSON lines
	Label  string          // columns, fields or NPZ members that are the label, comma-separated; the likely one unless given
	Drop   string          // columns or fields to leave out, comma-separated
	Only   bool            // samples only, as for prediction: no label is looked for
	Skip   int64           // rows to leave out at the beginning
	Limit  int64           // rows to read at most; 0 for all
	DType  string          // RAW: the type on the wire, instead of the file's
	As     string          // what the file is, such as csv, where its bytes do not say; one of Kinds
	Resize string          // of pictures: the size, as 128x128 (height x width), that all are brought to
	Header Header          // of a table of text: what its first row is; the likely one unless given
	Text   string          // columns or fields that are sent as text, comma-separated; those of Inputs that take text unless given
	// Inputs are those of the models that the records are for; nil where they are
	// not known. Only their names and types count: they tell which columns are text.
	Inputs []pipeline.Tensor
	// Scheme, in AVRO, is the record schema that samples will be read by: of a table
	// its fields are sent, by name, in its order and types.
	Scheme json.RawMessage

	fields []string // of Scheme
}

// Reader gives the records of a file.
type Reader struct {
	source  source
	encoder *codec.Encoder
	format  pipeline.Format
	config  json.RawMessage
	classes []string
	labels  bool
	total   int64
	wire    codec.DType // of the samples: RAW; else 0
	label   []byte
	sample  []byte
}

// source gives the rows of a file.
type source interface {
	layout() layout
	// next gives the numbers of the next row, valid until the next call, and
	// io.EOF after the last.
	next() (label, sample codec.Array, err error)
	at() place        // of the row that next gave, or failed at
	report() []string // what to say before the first row is sent
	io.Closer
}

const op = "read file"

// Open opens one file that holds samples and labels, or a pair of files: the
// samples', then the labels'; or a folder of pictures. Which format it is o.As
// says, else its first bytes. All but NPZ, Parquet, Arrow and archives of
// pictures may be packed by gzip.
func Open(paths []string, o Options) (*Reader, error) {
	if len(paths) == 0 || len(paths) > 2 {
		return nil, pipeline.Invalidf("file", "%d files were named", len(paths)).WithHint("name one file, or the samples' and the labels'")
	}
	if err := o.readScheme(); err != nil {
		return nil, err
	}
	s, err := openSource(paths, o)
	if err != nil {
		return nil, within(paths[0], err)
	}
	r, err := newReader(s, o)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return r, nil
}

func openSource(paths []string, o Options) (source, error) {
	if len(paths) == 2 {
		return openPair(paths, o)
	}
	k, err := kindOf(paths[0], o.As)
	if err != nil {
		return nil, err
	}
	if o.Resize != "" && k != kindImages {
		return nil, pipeline.Invalidf("resize", "only pictures can be brought to another size").WithHint("leave the option out")
	}
	if o.Header != "" && k != kindCSV {
		return nil, pipeline.Invalidf("header", "only a table of text (CSV) has a first row that may be names").WithHint("leave the option out")
	}
	switch k {
	case kindJSON:
		return openJSONLines(paths[0], o)
	case kindNPY, kindIDX:
		return openPair(paths, o)
	case kindNPZ:
		return openNPZ(paths[0], o)
	case kindAvro:
		return openAvro(paths[0], o)
	case kindParquet:
		return openParquet(paths[0], o)
	case kindArrow:
		return openArrow(paths[0], o)
	case kindTFRecord:
		return openTFRecord(paths[0], o)
	case kindImages:
		return openPictures(paths[0], o)
	}
	return openCSV(paths[0], o)
}

// within is an error of a file, by its name.
func within(path string, err error) error {
	name := filepath.Base(path)
	named := func(text string) string {
		if strings.HasPrefix(text, name+" ") {
			return text
		}
		return name + ": " + text
	}
	e := &pipeline.Error{Op: op, Kind: pipeline.Invalid, Field: "file", Reason: named(err.Error()), Err: err}
	var of *pipeline.Error
	var missing *fs.PathError
	switch {
	case errors.As(err, &of) && of.Op == op: // it says all this
		return err
	case errors.As(err, &of):
		e.Kind, e.Field, e.Hint, e.Reason = of.KindOr(), of.Field, of.Hint, named(of.Message())
	case errors.As(err, &missing):
		e.Reason = fmt.Sprintf("%s: %v", missing.Path, missing.Err)
	default:
		e.Hint = codec.Hint(err)
	}
	return e
}

// fault is an error at a row.
func fault(at place, err error) error {
	e := pipeline.Invalidf("file", "%s: %v", at, err)
	var of *pipeline.Error
	if errors.As(err, &of) {
		e.Reason, e.Hint = fmt.Sprintf("%s: %s", at, of.Message()), of.Hint
	}
	if e.Hint == "" {
		e.Hint = codec.Hint(err)
	}
	e.Err = err
	return e
}

func newReader(s source, o Options) (*Reader, error) {
	l := s.layout()
	r := &Reader{source: s, format: o.Format, classes: l.classes, labels: l.label != nil}
	if r.format == "" {
		r.format = l.suits
	}
	var err error
	if r.config, err = l.config(r.format, o.DType); err != nil {
		return nil, err
	}
	if r.config, err = o.byScheme(r.format, r.config); err != nil {
		return nil, err
	}
	if r.encoder, err = codec.NewEncoder(r.format, r.config); err != nil {
		return nil, err
	}
	if r.format == pipeline.RAW {
		r.wire = l.sample.dtype
		if o.DType != "" {
			r.wire, _ = codec.ParseDType(o.DType) // the config has passed
		}
	}
	r.encoder.Divide(l.sample.counts(), l.label.counts())
	r.encoder.MarkTexts(l.sample.marks())
	r.total = l.after(o)
	for range o.Skip {
		if _, _, err := s.next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fault(s.at(), err)
		}
	}
	if o.Limit > 0 {
		r.source = &limited{s, o.Limit}
	}
	return r, nil
}

// after is how many rows are left to send, 0 where the file does not say.
func (l layout) after(o Options) int64 {
	if l.total == unknown {
		return o.Limit
	}
	n := max(0, l.total-o.Skip)
	if o.Limit > 0 {
		n = min(n, o.Limit)
	}
	return n
}

// limited ends a source early.
type limited struct {
	source
	left int64
}

func (l *limited) next() (label, sample codec.Array, err error) {
	if l.left == 0 {
		return label, sample, io.EOF
	}
	l.left--
	return l.source.next()
}

// Next gives the next record: its key (nil without labels) and its value, valid
// until the next call. After the last it gives io.EOF.
func (r *Reader) Next() (label, sample []byte, err error) {
	l, s, err := r.source.next()
	if errors.Is(err, io.EOF) {
		return nil, nil, io.EOF
	}
	if err != nil {
		return nil, nil, r.fault(err)
	}
	if r.sample, err = r.encoder.Sample(r.sample[:0], s); err != nil {
		return nil, nil, r.fault(err)
	}
	if !r.labels {
		return nil, r.sample, nil
	}
	if r.label, err = r.encoder.Label(r.label[:0], l); err != nil {
		return nil, nil, r.fault(fmt.Errorf("label: %w", err))
	}
	return r.label, r.sample, nil
}

func (r *Reader) fault(err error) error {
	e := pipeline.Error{Op: op}
	var of *pipeline.Error
	if errors.As(fault(r.source.at(), err), &of) {
		e.Kind, e.Field, e.Reason, e.Hint, e.Err = pipeline.Invalid, of.Field, of.Reason, of.Hint, err
	}
	return &e
}

// Format is the format of the records.
func (r *Reader) Format() pipeline.Format { return r.format }

// Config is the input_config that describes them.
func (r *Reader) Config() json.RawMessage { return r.config }

// Report says, a line each, what was taken for the header, the label and the
// sample, the first rows as they are read, and what looks wrong in the file: it
// is to be shown before the first record is sent.
func (r *Reader) Report() []string {
	notes := r.source.report()
	if t, ok := r.inner().(*table); ok && r.format == pipeline.JSON && t.infinite() {
		notes = append(notes, "warning: JSON has no Infinity: it is sent as null and becomes NaN; --format AVRO keeps it")
	}
	return notes
}

// Total is how many records Next will give, 0 where the file does not say.
func (r *Reader) Total() int64 { return r.total }

// Classes are the names of the classes where the file's labels are text: a
// label is an index into them.
func (r *Reader) Classes() []string { return r.classes }

// Close closes the files.
func (r *Reader) Close() error { return r.source.Close() }
