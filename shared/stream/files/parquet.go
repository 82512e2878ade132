package files

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func openParquet(path string, o Options) (source, error) {
	return openTable(path, func() (rowReader, error) { return newParquet(path) }, pipeline.AVRO, o)
}

// parquetRows reads a Parquet file column by column, side by side, with a page
// of each in memory. Members of a group are columns of their own
// (payment.amount); what is not wanted is not read.
type parquetRows struct {
	file    *os.File
	parquet *parquet.File
	leaves  []*parquetLeaf
	group   int   // that is read next
	left    int64 // rows of the one that is read
}

func newParquet(path string) (_ rowReader, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r := &parquetRows{file: f}
	if err := r.begin(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

func (r *parquetRows) begin() (err error) {
	defer caught(&err)
	about, err := r.file.Stat()
	if err != nil {
		return err
	}
	if err := parquetFooter(r.file, about.Size()); err != nil {
		return err
	}
	r.parquet, err = parquet.OpenFile(r.file, about.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return pipeline.Invalidf("file", "is a Parquet file that is damaged: %v", err).WithHint("fetch or write the whole file again")
	}
	r.leaves = parquetLeaves(r.parquet.Root(), r.parquet.Metadata().Schema)
	if len(r.leaves) == 0 {
		return errors.New("is a Parquet file without columns")
	}
	return nil
}

func (r *parquetRows) columns() (names []string) {
	for _, l := range r.leaves {
		names = append(names, l.name)
	}
	return names
}

func (r *parquetRows) leaveOut(i int) { r.leaves[i].without = true }

func (r *parquetRows) lineNumber() int64 { return 0 }

// notes say what the numbers of columns of dates and times are.
func (r *parquetRows) notes(of func(column int) bool) (notes []string) {
	for i, l := range r.leaves {
		if l.about != "" && of(i) {
			notes = append(notes, fmt.Sprintf("%s: %s", l.name, l.about))
		}
	}
	return notes
}

func (r *parquetRows) read(into *row) (err error) {
	defer caught(&err)
	for r.left == 0 {
		groups := r.parquet.RowGroups()
		if r.group == len(groups) {
			return io.EOF
		}
		if err := r.open(groups[r.group]); err != nil {
			return err
		}
		r.group++
	}
	r.left--
	into.empty = true
	for i, l := range r.leaves {
		c := &into.cells[i]
		c.reset()
		if l.without {
			continue
		}
		if l.other {
			c.kind, into.empty = anObject, false
			continue
		}
		null, err := l.read(c)
		if err != nil {
			return fmt.Errorf("column %q: %w", l.name, err)
		}
		into.empty = into.empty && null
	}
	return nil
}

// open begins a group of rows.
func (r *parquetRows) open(group parquet.RowGroup) error {
	r.left = group.NumRows()
	chunks := group.ColumnChunks()
	for _, l := range r.leaves {
		if l.without || l.other {
			continue
		}
		if err := checkChunk(r.file, &r.parquet.Metadata().RowGroups[r.group].Columns[l.index].MetaData); err != nil {
			return fmt.Errorf("column %q: %w", l.name, err)
		}
		if err := l.close(); err != nil {
			return err
		}
		l.pages = chunks[l.index].Pages()
	}
	return nil
}

func (r *parquetRows) Close() error {
	var errs []error
	for _, l := range r.leaves {
		errs = append(errs, l.close())
	}
	return errors.Join(append(errs, r.file.Close())...)
}

// read reads the cell of a row, and reports whether it is null.
func (l *parquetLeaf) read(c *cell) (null bool, err error) {
	for first := true; ; first = false {
		v, err := l.peek()
		switch {
		case errors.Is(err, io.EOF) && !first:
			return null, nil
		case errors.Is(err, io.EOF):
			return false, pipeline.Invalidf("file", "holds fewer rows than its footer says: it is damaged").WithHint("write the file again")
		case err != nil:
			return false, err
		case !first && v.RepetitionLevel() == 0:
			return null, nil
		}
		null = (first || null) && v.IsNull()
		l.take(c, v)
		l.at++
		if !l.repeats {
			return null, nil
		}
		if c.kind == aText || c.kind == aBytes { // an array of one
			c.kind = anArray
		}
	}
}

// take adds a value to a cell. Of a list that is empty there is a null that
// stands for no value.
func (l *parquetLeaf) take(c *cell, v *parquet.Value) {
	level := v.DefinitionLevel()
	switch {
	case !v.IsNull():
		l.add(c, v)
	case !l.repeats || level >= l.itemLevel || level < l.listLevel:
		c.add(missing)
	}
}

// peek gives the next value, valid until the one after it is read.
func (l *parquetLeaf) peek() (*parquet.Value, error) {
	for l.at == l.filled {
		if l.values == nil {
			page, err := l.pages.ReadPage()
			if err != nil {
				return nil, err
			}
			parquet.Release(l.page)
			l.page, l.values = page, page.Values()
		}
		n, err := l.values.ReadValues(l.buffer[:])
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if l.at, l.filled = 0, n; err != nil || n == 0 {
			l.values = nil
		}
	}
	return &l.buffer[l.at], nil
}

func (l *parquetLeaf) close() (err error) {
	if l.pages != nil {
		parquet.Release(l.page)
		err = l.pages.Close()
	}
	l.pages, l.page, l.values, l.at, l.filled = nil, nil, nil, 0, 0
	return err
}

// caught makes an error of a panic of a library that reads a damaged file.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = pipeline.Invalidf("file", "is damaged: %s", cmp.Or(fmt.Sprint(p), "it cannot be read")).WithHint("fetch or write the whole file again")
	}
}
