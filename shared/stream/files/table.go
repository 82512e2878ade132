package files

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// row is one row of a table: for each column its numbers, NaN for those that
// are missing, or its text.
type row struct {
	cells []cell
}

type cell struct {
	numbers []float64
	text    string
	isText  bool
}

func (c *cell) reset() { c.numbers, c.text, c.isText = c.numbers[:0], "", false }

// rowReader reads a table from its beginning.
type rowReader interface {
	columns() []string
	read(r *row) error // io.EOF after the last
	io.Closer
}

// table reads a file twice: first to learn what its columns hold, then to hand
// out its rows.
type table struct {
	rowReader
	found   []column
	samples []int // columns of the sample, in order
	labels  []int // columns of the label
	classes []string
	suits   pipeline.Format
	total   int64
	row     row
	label   []byte
	sample  []byte
}

// column is what the first reading learnt of a column.
type column struct {
	name    string
	count   int  // numbers in each cell
	whole   bool // no fraction was seen
	null    bool // a number was missing
	largest float64
	words   map[string]int // the texts, at most maxClasses
	numeric bool           // a number was seen
	sample  string         // a text, to show
}

// maxClasses bounds the names of classes that are kept: more are no label.
const maxClasses = 10_000

// openTable learns the columns by one reading and begins the second.
func openTable(open func() (rowReader, error), suits pipeline.Format, o Options) (*table, error) {
	t := &table{suits: suits}
	if err := t.learn(open); err != nil {
		return nil, err
	}
	if err := t.choose(o); err != nil {
		return nil, err
	}
	var err error
	t.rowReader, err = open()
	t.row.cells = make([]cell, len(t.found))
	return t, err
}

func (t *table) learn(open func() (rowReader, error)) error {
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close() // it was only read
	for _, name := range r.columns() {
		t.found = append(t.found, column{name: name, whole: true})
	}
	current := row{cells: make([]cell, len(t.found))}
	for {
		err := r.read(&current)
		if errors.Is(err, io.EOF) {
			break
		}
		t.total++
		if err == nil {
			err = t.see(&current)
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", t.total, err)
		}
	}
	if t.total == 0 {
		return fmt.Errorf("holds no rows")
	}
	return nil
}

func (t *table) see(r *row) error {
	for i := range t.found {
		if err := t.found[i].see(&r.cells[i]); err != nil {
			return fmt.Errorf("column %q: %w", t.found[i].name, err)
		}
	}
	return nil
}

func (c *column) see(v *cell) error {
	if v.isText {
		c.sample = v.text
		if c.words == nil {
			c.words = map[string]int{}
		}
		if len(c.words) < maxClasses {
			c.words[v.text] = 0
		}
		return nil
	}
	if c.count == 0 {
		c.count = len(v.numbers)
	}
	if len(v.numbers) != c.count {
		return fmt.Errorf("holds %d numbers, %d before", len(v.numbers), c.count)
	}
	for _, f := range v.numbers {
		if math.IsNaN(f) {
			c.null = true
			continue
		}
		c.numeric = true
		c.whole = c.whole && f == math.Trunc(f)
		c.largest = max(c.largest, math.Abs(f))
	}
	return nil
}

func (t *table) layout() layout {
	l := layout{suits: t.suits, sample: t.describe(t.samples), classes: t.classes, total: t.total}
	if len(t.labels) > 0 {
		label := t.describe(t.labels)
		if label.dtype == codec.Float32 && t.whole(t.labels) {
			label.dtype = codec.Int32
		}
		if len(label.shape) == 1 && label.shape[0] == 1 {
			label.shape = nil
		}
		l.label = &label
	}
	return l
}

func (t *table) whole(columns []int) bool {
	return !slices.ContainsFunc(columns, func(i int) bool { return !t.found[i].whole || t.found[i].null })
}

// describe tells the types of some columns. In RAW they share one: float32,
// which the models take, or float64 where that would round a whole number.
func (t *table) describe(columns []int) array {
	const exact = 1 << 24 // of float32
	a := array{dtype: codec.Float32}
	n := 0
	for _, i := range columns {
		c := &t.found[i]
		f := field{name: c.name, avro: "double", count: max(1, c.count), null: c.null}
		switch {
		case c.whole && c.largest <= math.MaxInt32:
			f.avro = "int"
		case c.whole && c.largest < 1<<53:
			f.avro = "long"
		}
		if c.whole && c.largest > exact {
			a.dtype = codec.Float64
		}
		a.fields = append(a.fields, f)
		n += f.count
	}
	a.shape = []int{n}
	return a
}

func (t *table) next() (label, sample codec.Array, err error) {
	if err := t.read(&t.row); err != nil {
		return label, sample, err
	}
	if t.sample, err = t.numbers(t.sample[:0], t.samples); err != nil {
		return label, sample, err
	}
	t.label, err = t.numbers(t.label[:0], t.labels)
	return codec.Array{DType: codec.Float64, Data: t.label}, codec.Array{DType: codec.Float64, Data: t.sample}, err
}

func (t *table) numbers(dst []byte, columns []int) ([]byte, error) {
	for _, i := range columns {
		c := &t.row.cells[i]
		if c.isText {
			n, known := t.found[i].words[c.text]
			if !known {
				return dst, fmt.Errorf("column %q: the file has changed: %q is new", t.found[i].name, c.text)
			}
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(float64(n)))
		}
		for _, f := range c.numbers {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
		}
	}
	return dst, nil
}
