package files

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	arrays "github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// largestBatch is what the rows of an Arrow file that stand together may take:
// they are read at once. Writers of Feather put 65,536 rows together.
const largestBatch = 1 << 30

func openArrow(path string, o Options) (source, error) {
	return openTable(path, func() (rowReader, error) { return newArrow(path) }, pipeline.AVRO, o)
}

// arrowRows reads an Arrow IPC file (Feather) or stream, a batch of rows at a
// time. Members of a struct are columns of their own (payment.amount).
type arrowRows struct {
	file   *os.File
	batch  func() (arrow.RecordBatch, error) // the next; io.EOF after the last
	held   arrow.RecordBatch
	all    []*arrowColumn
	row    int
	memory bounded
}

// arrowColumn is a column, and where its values stand in a batch.
type arrowColumn struct {
	name    string
	path    []int // of members
	about   string
	without bool
	around  []arrow.Array // the structs that it is a member of
	values  arrow.Array
}

func newArrow(path string) (rowReader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r := &arrowRows{file: f, memory: bounded{Allocator: memory.NewGoAllocator()}}
	if err := r.begin(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

func (r *arrowRows) begin() (err error) {
	defer caught(&err)
	from, err := r.stream()
	if err != nil {
		return err
	}
	s, err := ipc.NewReader(&arrowMessages{from: bufio.NewReaderSize(from, readAhead)}, ipc.WithAllocator(&r.memory), ipc.WithBodySizeLimit(largestBatch))
	if err != nil {
		return r.explain(err)
	}
	r.batch = s.Read
	for i, f := range s.Schema().Fields() {
		r.describe(f, f.Name, []int{i})
	}
	if len(r.all) == 0 {
		return errors.New("is an Arrow file without columns")
	}
	return nil
}

// stream is the file without what an Arrow file has around its stream: its magic
// at either end, and what it repeats at its end.
func (r *arrowRows) stream() (io.Reader, error) {
	var head [8]byte
	n, err := r.file.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if bytes.HasPrefix(head[:n], []byte(arrowStream)) {
		return r.file, nil
	}
	if !bytes.HasPrefix(head[:n], []byte(arrowFile)) {
		return nil, isNot("an Arrow or Feather file", head[:n])
	}
	about, err := r.file.Stat()
	if err != nil {
		return nil, err
	}
	var tail [10]byte
	size := about.Size() - int64(len(head)) - int64(len(tail))
	if size < 0 {
		return nil, cutArrow()
	}
	if _, err := r.file.ReadAt(tail[:], about.Size()-int64(len(tail))); err != nil {
		return nil, err
	}
	footer := int64(binary.LittleEndian.Uint32(tail[:4]))
	if string(tail[4:]) != arrowFile || footer > size {
		return nil, cutArrow()
	}
	return io.NewSectionReader(r.file, int64(len(head)), size-footer), nil
}

func cutArrow() error {
	return pipeline.Invalidf("file", "is an Arrow file that was cut: it does not end as one").WithHint("fetch or write the whole file again")
}

// describe adds the columns of a field.
func (r *arrowRows) describe(f arrow.Field, name string, path []int) {
	of, isStruct := f.Type.(*arrow.StructType)
	if !isStruct {
		r.all = append(r.all, &arrowColumn{name: name, path: path, about: arrowAbout(f.Type)})
		return
	}
	for i, member := range of.Fields() {
		r.describe(member, name+"."+member.Name, append(path[:len(path):len(path)], i))
	}
}

func (r *arrowRows) columns() (names []string) {
	for _, c := range r.all {
		names = append(names, c.name)
	}
	return names
}

func (r *arrowRows) leaveOut(i int) { r.all[i].without = true }

func (r *arrowRows) lineNumber() int64 { return 0 }

// notes say what the numbers of columns of dates and times are.
func (r *arrowRows) notes(of func(column int) bool) (notes []string) {
	for i, c := range r.all {
		if c.about != "" && of(i) {
			notes = append(notes, fmt.Sprintf("%s: %s", c.name, c.about))
		}
	}
	return notes
}

func (r *arrowRows) read(into *row) (err error) {
	defer caught(&err)
	for r.held == nil || r.row == int(r.held.NumRows()) {
		if err := r.next(); err != nil {
			return err
		}
	}
	into.empty = true
	for i, column := range r.all {
		c := &into.cells[i]
		c.reset()
		if column.without {
			continue
		}
		if column.null(r.row) {
			c.add(missing)
			continue
		}
		into.empty = false
		c.arrow(column.values, r.row)
	}
	r.row++
	return nil
}

// next reads a batch.
func (r *arrowRows) next() error {
	r.memory.used, r.row = 0, 0
	if r.held != nil {
		r.held.Release()
		r.held = nil
	}
	batch, err := r.batch()
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	if err != nil {
		return r.explain(err)
	}
	r.held = batch
	for _, c := range r.all {
		c.around, c.values = c.around[:0], batch.Column(c.path[0])
		for _, member := range c.path[1:] {
			of, ok := c.values.(*arrays.Struct)
			if !ok {
				return damaged(fmt.Errorf("column %q is none of structs", c.name))
			}
			c.around, c.values = append(c.around, of), of.Field(member)
		}
	}
	return nil
}

func (c *arrowColumn) null(row int) bool {
	for _, s := range c.around {
		if s.IsNull(row) {
			return true
		}
	}
	return c.values.IsNull(row)
}

func (r *arrowRows) explain(err error) error {
	var of *pipeline.Error
	switch {
	case r.memory.over:
		return tooLargeBatch()
	case errors.As(err, &of):
		return of
	}
	return damaged(err)
}

func (r *arrowRows) Close() error { return r.file.Close() }

// bounded refuses memory beyond what a batch may take. A panic is all that the
// interface leaves; what reads a batch recovers from it.
type bounded struct {
	memory.Allocator
	used int
	over bool
}

func (b *bounded) Allocate(size int) []byte {
	if b.used += size; b.used > largestBatch || b.used < 0 {
		b.over = true
		panic(errors.New("too large"))
	}
	return b.Allocator.Allocate(size)
}

func (b *bounded) Reallocate(size int, old []byte) []byte {
	if b.used += size - len(old); b.used > largestBatch || b.used < 0 {
		b.over = true
		panic(errors.New("too large"))
	}
	return b.Allocator.Reallocate(size, old)
}
