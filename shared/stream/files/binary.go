package files

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
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
		return codec.Array{}, fmt.Errorf("%s ends %d rows before the number that its header gives: %w", r.name, r.count+1, err)
	}
	if size := r.dtype.Size(); r.swap && size > 1 {
		for i := 0; i < len(r.buf); i += size {
			slices.Reverse(r.buf[i : i+size])
		}
	}
	return codec.Array{DType: r.dtype, Data: r.buf}, nil
}

func (r *rows) array() array { return array{dtype: r.dtype, shape: r.shape} }

// pair is a file of samples and one of labels, read side by side.
type pair struct {
	x, y  *rows // y is nil without labels
	total int64
}

// openPair opens a file of samples and, where one is named, one of labels.
func openPair(paths []string, o Options) (source, error) {
	x, err := openRows(paths[0])
	if err != nil {
		return nil, err
	}
	if len(paths) == 1 {
		if !o.Only {
			return nil, errors.Join(pipeline.Invalidf("file", "%s holds samples only", paths[0]).
				WithHint("name the file of the labels as well, or send samples only"), x.close())
		}
		return newPair(x, nil)
	}
	y, err := openRows(paths[1])
	if err != nil {
		return nil, errors.Join(err, x.close())
	}
	return newPair(x, y)
}

func newPair(x, y *rows) (source, error) {
	p := &pair{x: x, y: y, total: x.count}
	if y != nil && y.count != x.count {
		return nil, errors.Join(pipeline.Invalidf("file", "%s has %d rows, %s has %d", x.name, x.count, y.name, y.count), p.Close())
	}
	return p, nil
}

func openRows(path string) (*rows, error) {
	from, closer, err := openPlain(path)
	if err != nil {
		return nil, err
	}
	r := &rows{name: path, from: from, close: closer}
	if kindOf(path) == kindIDX {
		err = r.idxHeader()
	} else {
		err = r.npyHeader()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), closer())
	}
	return r, nil
}

// openPlain opens a file and, where its name ends in .gz, unpacks it.
func openPlain(path string) (io.Reader, func() error, error) {
	const readAhead = 1 << 20
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if !strings.HasSuffix(strings.ToLower(path), ".gz") {
		return bufio.NewReaderSize(f, readAhead), f.Close, nil
	}
	z, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return bufio.NewReaderSize(z, readAhead), func() error { return errors.Join(z.Close(), f.Close()) }, nil
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
	if sample, err = p.x.next(); err != nil || p.y == nil {
		return label, sample, err
	}
	label, err = p.y.next()
	return label, sample, err
}

func (p *pair) Close() error {
	if p.y == nil {
		return p.x.close()
	}
	return errors.Join(p.x.close(), p.y.close())
}
