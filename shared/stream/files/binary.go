package files

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// rows is one array file: as many arrays of one shape as it has rows.
type rows struct {
	name  string
	dtype codec.DType
	shape []int // of a row
	count int64
	swap  bool // big-endian: IDX
	from  io.Reader
	close func() error
	buf   []byte

	row                         int64
	largest                     float64 // of whole numbers
	lacking, infinite           int64   // rows with NaN, with Infinity
	firstLacking, firstInfinite int64
}

// maxRow bounds what a header can make us allocate.
const maxRow = 64 << 20

// prepare takes the file's whole shape, rows first.
func (r *rows) prepare(shape []int) error {
	if len(shape) == 0 {
		return errors.New("holds a single number, not rows")
	}
	size := r.dtype.Size()
	for _, d := range shape[1:] {
		if d < 1 || size > maxRow/d {
			return fmt.Errorf("rows of shape %v cannot be read", shape[1:])
		}
		size *= d
	}
	r.count, r.shape, r.buf = int64(shape[0]), shape[1:], make([]byte, size)
	return nil
}

// next reads a row; it is valid until the next call.
func (r *rows) next() (codec.Array, error) {
	if r.count == 0 {
		return codec.Array{}, io.EOF
	}
	r.count--
	if _, err := io.ReadFull(r.from, r.buf); err != nil {
		return codec.Array{}, fmt.Errorf("%s ends within the row: it lacks %d of the rows that its header gives", r.name, r.count+1)
	}
	if size := r.dtype.Size(); r.swap && size > 1 {
		for i := 0; i < len(r.buf); i += size {
			slices.Reverse(r.buf[i : i+size])
		}
	}
	r.row++
	r.look()
	return codec.Array{DType: r.dtype, Data: r.buf}, nil
}

// look counts rows that hold NaN or Infinity.
func (r *rows) look() {
	nan, inf := codec.NotFinite(r.dtype, r.buf)
	r.largest = max(r.largest, codec.LargestInteger(r.dtype, r.buf))
	if nan {
		if r.lacking++; r.lacking == 1 {
			r.firstLacking = r.row
		}
	}
	if inf {
		if r.infinite++; r.infinite == 1 {
			r.firstInfinite = r.row
		}
	}
}

func (r *rows) array() array { return array{dtype: r.dtype, shape: r.shape} }

// pair is a file of samples and one of labels, read side by side.
type pair struct {
	x, y  *rows // y is nil without labels
	total int64
	row   int64
}

// openPair opens a file of samples and, where one is named, one of labels.
func openPair(paths []string, o Options) (source, error) {
	x, err := openRows(paths[0], o)
	if err != nil {
		return nil, err
	}
	if o.Label != "" || o.Drop != "" {
		return nil, errors.Join(pipeline.Invalidf("file", "an array has no columns that --label or --drop could name").
			WithHint("name two files, the samples' and the labels', without --label and --drop"), x.close())
	}
	if len(paths) == 1 {
		if !o.Only {
			return nil, errors.Join(pipeline.Invalidf("file", "%s holds samples only", paths[0]).
				WithHint("name the file of the labels as well, or send samples only"), x.close())
		}
		return newPair(x, nil)
	}
	y, err := openRows(paths[1], o)
	if err != nil {
		return nil, errors.Join(err, x.close())
	}
	return newPair(x, y)
}

func newPair(x, y *rows) (*pair, error) {
	p := &pair{x: x, y: y, total: x.count}
	if y != nil && y.count != x.count {
		return nil, errors.Join(pipeline.Invalidf("file", "%s has %d rows, %s has %d", x.name, x.count, y.name, y.count), p.Close())
	}
	return p, nil
}

func openRows(path string, o Options) (*rows, error) {
	k, err := kindOf(path, o.As)
	if err != nil {
		return nil, err
	}
	from, closer, err := openPlain(path)
	if err != nil {
		return nil, err
	}
	start, _ := from.Peek(512) // a shorter file gives what it has
	r := &rows{name: filepath.Base(path), from: from, close: closer}
	switch k {
	case kindIDX:
		err = r.idxHeader()
	case kindNPY:
		err = r.npyHeader()
	default:
		err = pipeline.Invalidf("file", "is not of NPY or IDX, and a pair of files is read from those only")
	}
	if err != nil {
		if other := foreign(path, start); other != nil && content(start) != "an NPY file" {
			err = other
		}
		return nil, errors.Join(within(path, err), closer())
	}
	return r, nil
}

func (p *pair) layout() layout {
	l := layout{suits: pipeline.RAW, sample: p.x.array(), total: p.total}
	if p.y != nil {
		y := p.y.array()
		l.label = &y
	}
	return l
}

func (p *pair) next() (label, sample codec.Array, err error) {
	if sample, err = p.x.next(); errors.Is(err, io.EOF) {
		return label, sample, err
	}
	if p.row++; err != nil || p.y == nil {
		return label, sample, err
	}
	if label, err = p.y.next(); err == nil && p.y.lacking > 0 && len(p.y.shape) == 0 {
		err = pipeline.Invalidf("label", "is NaN").WithHint("take the records without a label out of both arrays")
	}
	return label, sample, err
}

func (p *pair) at() place { return place{row: p.row} }

// report says which member of an archive was taken for what.
func (p *pair) report() []string {
	if p.y == nil {
		return []string{fmt.Sprintf("sample: %s of %s; label: none", shapeOf(p.x.shape), p.x.name)}
	}
	return []string{fmt.Sprintf("sample: %s of %s; label: %s of %s", shapeOf(p.x.shape), p.x.name, shapeOf(p.y.shape), p.y.name)}
}

// found is what was seen in the rows so far.
func (p *pair) found() (notes []string) {
	for _, r := range []*rows{p.x, p.y} {
		if r == nil {
			continue
		}
		if r.lacking > 0 {
			notes = append(notes, fmt.Sprintf("warning: %d of %d rows of %s hold NaN, first row %d", r.lacking, p.row, r.name, r.firstLacking))
		}
		if r.infinite > 0 {
			notes = append(notes, fmt.Sprintf("warning: %d of %d rows of %s hold Infinity, first row %d", r.infinite, p.row, r.name, r.firstInfinite))
		}
	}
	return notes
}

func shapeOf(shape []int) string {
	if len(shape) == 0 {
		return "one number"
	}
	return strings.ReplaceAll(sizes(shape), " ", "x")
}

func (p *pair) Close() error {
	if p.y == nil {
		return p.x.close()
	}
	return errors.Join(p.x.close(), p.y.close())
}
