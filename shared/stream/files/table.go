package files

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// rowReader reads a table from its beginning.
type rowReader interface {
	columns() []string
	leaveOut(column int) // its cells are not read
	read(r *row) error   // io.EOF after the last
	lineNumber() int64   // of the last row; 0 where the file has no lines
	io.Closer
}

// table reads a file twice: first to learn what its columns hold, then to hand
// out its rows.
type table struct {
	rowReader
	file    string
	found   []column
	samples []int // columns of the sample, in order
	labels  []int // columns of the label
	classes []string
	suits   pipeline.Format
	total   int64
	row     row
	place   place
	label   numbers
	sample  numbers
	learnt  learnt
}

// learnt is what the first reading learnt of the rows. Those that are left out
// at the beginning or the end do not count.
type learnt struct {
	skip, limit int64
	missing     int64 // rows with a missing number
	textless    int64 // rows with a missing text
	empty       int64 // rows without any value, which are no records
	firstEmpty  place
	shown       []shown
	notes       []string
	about       func(of func(column int) bool) []string // what the numbers of some columns are
	separator   string                                  // of a table of text, as an argument of pandas; empty for a comma
	ofText      bool                                    // a table of text
	recordFirst bool                                    // a table of text whose first row is no header
	guessed     bool                                    // the first row of a table of text is one, as it seems
}

// openTable learns the columns by one reading and begins the second.
func openTable(path string, open func() (rowReader, error), suits pipeline.Format, o Options) (*table, error) {
	t := &table{file: filepath.Base(path), suits: suits, learnt: learnt{skip: o.Skip, limit: o.Limit}}
	drop, err := t.learn(open, o)
	if err != nil {
		return nil, err
	}
	if err := t.choose(o); err != nil {
		return nil, err
	}
	if t.rowReader, err = open(); err != nil {
		return nil, err
	}
	t.place, t.row.cells = place{}, make([]cell, len(t.found))
	if err := t.leave(t.rowReader, drop); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

func (t *table) learn(open func() (rowReader, error), o Options) (drop []string, err error) {
	r, err := open()
	if err != nil {
		return nil, err
	}
	defer r.Close() // it was only read
	for _, name := range r.columns() {
		t.found = append(t.found, column{name: name, whole: true, least: math.Inf(1), most: math.Inf(-1)})
	}
	if c, ok := r.(*csvReader); ok {
		t.learnt.ofText, t.learnt.notes, t.learnt.recordFirst = true, c.notes, !c.named
		t.learnt.guessed = c.named && o.Header == ""
		if c.csv.Comma != ',' {
			t.learnt.separator = fmt.Sprintf("sep=%q, ", string(c.csv.Comma))
		}
	}
	if of, ok := r.(interface {
		notes(of func(column int) bool) []string
	}); ok {
		t.learnt.about = of.notes
	}
	drop = list(o.Drop, r.columns())
	if err := t.leave(r, drop); err != nil {
		return nil, err
	}
	if err := t.markTexts(o); err != nil {
		return nil, err
	}
	if err := t.readAll(r); err != nil {
		return nil, fault(t.place, err)
	}
	if t.total == 0 {
		return nil, fmt.Errorf("holds no rows")
	}
	return drop, t.unseen(r, drop)
}

// leave tells a reader which columns are not wanted.
func (t *table) leave(r rowReader, drop []string) error {
	for _, name := range drop {
		if i := t.index(name); i >= 0 {
			t.found[i].left = true
			r.leaveOut(i)
			continue
		}
		j, ok := r.(*jsonLines)
		if !ok {
			return t.noColumn(name)
		}
		j.more[name] = false
	}
	return nil
}

// unseen refuses a name to drop that no row of JSON had.
func (t *table) unseen(r rowReader, drop []string) error {
	if j, ok := r.(*jsonLines); ok {
		for _, name := range drop {
			if seen, later := j.more[name]; later && !seen {
				return t.noColumn(name)
			}
		}
	}
	return nil
}

func (t *table) readAll(r rowReader) error {
	current := row{cells: make([]cell, len(t.found))}
	for {
		err := r.read(&current)
		if errors.Is(err, io.EOF) {
			return nil
		}
		t.place.row++
		t.place.line = r.lineNumber()
		if err != nil {
			return err
		}
		if current.empty {
			t.learnt.hole(t.place)
			continue
		}
		t.total++
		if err := t.see(&current); err != nil {
			return err
		}
	}
}

func (l *learnt) hole(at place) {
	if l.empty++; l.empty == 1 {
		l.firstEmpty = at
	}
}

// sent reports whether the row of a number, from 1, is sent.
func (l *learnt) sent(n int64) bool {
	return n > l.skip && (l.limit <= 0 || n <= l.skip+l.limit)
}

func (t *table) see(r *row) error {
	sent, missing, textless := t.learnt.sent(t.total), false, false
	for i := range t.found {
		c := &t.found[i]
		if c.left {
			continue
		}
		textless = c.asText.see(&r.cells[i], t.place, sent) || textless
		lacks, err := c.see(&r.cells[i], t.place)
		if err != nil && !c.asText.wanted {
			return pipeline.Invalidf("file", "column %q: %v", c.name, err)
		}
		if lacks && sent {
			missing = missing || !c.asText.wanted
			if c.missing++; c.missing == 1 {
				c.firstMissing = t.place
			}
		}
	}
	if missing {
		t.learnt.missing++
	}
	if textless {
		t.learnt.textless++
	}
	if sent && len(t.learnt.shown) < rowsShown {
		t.learnt.shown = append(t.learnt.shown, t.show(r))
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
	return !slices.ContainsFunc(columns, func(i int) bool { return !t.sentAsText(i) && (!t.found[i].whole || t.found[i].null) })
}

// sentAsText reports whether a column is one of text, of the sample.
func (t *table) sentAsText(i int) bool {
	return t.found[i].asText.wanted && !slices.Contains(t.labels, i)
}

// describe tells the types of some columns. In RAW numbers share one: float32,
// which the models take, or float64 or int64 where that would round a whole
// number.
func (t *table) describe(columns []int) array {
	a := array{dtype: codec.Float32}
	n := 0
	for _, i := range columns {
		c := &t.found[i]
		if t.sentAsText(i) {
			a.fields = append(a.fields, c.textField())
			continue
		}
		f := field{name: c.name, avro: "double", count: max(1, c.count), null: c.null}
		switch {
		case c.whole && c.largest() <= math.MaxInt32:
			f.avro = "int"
		case c.whole && c.exact != 0, c.whole && c.largest() < rounds:
			f.avro = "long"
		}
		if c.whole && c.largest() > exactInFloat32 && a.dtype == codec.Float32 {
			a.dtype = codec.Float64
		}
		if c.exact != 0 && c.whole {
			a.dtype = codec.Int64
			a.inexact = t.inexact(c, columns)
		}
		a.fields = append(a.fields, f)
		n += f.count
	}
	a.shape = []int{n}
	return a
}

// inexact is why columns that RAW would write as int64 cannot be, nil where
// they can.
func (t *table) inexact(large *column, columns []int) error {
	if t.whole(columns) {
		return nil
	}
	return pipeline.Invalidf("format", "column %q holds whole numbers such as %d, which float64 rounds, beside fractions or missing numbers, and RAW has one type for all", large.name, large.exact).
		WithHint("--format AVRO or JSON keeps every digit; --drop %s leaves the column out", flagText(large.name))
}

func (t *table) next() (label, sample codec.Array, err error) {
	for {
		if err := t.read(&t.row); err != nil {
			if !errors.Is(err, io.EOF) {
				t.place = place{t.place.row + 1, t.lineNumber()}
			}
			return label, sample, err
		}
		t.place = place{t.place.row + 1, t.lineNumber()}
		if !t.row.empty {
			break
		}
	}
	if err := t.sample.fill(t, t.samples); err != nil {
		return label, sample, err
	}
	err = t.label.fill(t, t.labels)
	return t.label.array(), t.sample.array(), err
}

func (t *table) at() place { return t.place }
