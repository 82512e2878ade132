package train

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/disk"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
)

// memoryBytes is how large a decoded stream may be to stay in memory, indexes
// for shuffling included; a larger one lies in a file.
const memoryBytes = 256 << 20

// field is one tensor within a row.
type field struct {
	codec.Tensor
	at, bytes int
}

// cache holds the decoded records in the order of the stream: rows of a fixed
// size, each the stored bytes of inputs, then labels. Of text, the row holds the
// place in a store beside it. It is written once, then sealed, then read.
type cache struct {
	pulse   *pulse // beats as records are read for the trainer; nil for none
	fields  []field
	inputs  int // of fields
	row     int // bytes
	records int64

	memory []byte // all rows; nil where file is used
	file   *os.File
	out    *bufio.Writer
	dir    string
	last   []byte // the row that next gave out
	dst    [][]byte
	text   *textStore // nil where no field is text
	open   bool       // the text of last is still in dst
	undone bool       // last holds no record
	// fills are, by field, what stands for NaN in each element; nil: NaN does.
	fills [][]float64
}

// newCache makes room for total records: in memory where they fit so many
// bytes, else in a file of dir.
func newCache(dir string, inputs, labels []codec.Tensor, total, memory int64) (*cache, error) {
	c := &cache{inputs: len(inputs), dir: dir}
	for _, t := range append(append([]codec.Tensor{}, inputs...), labels...) {
		f := field{t, c.row, t.Bytes()}
		if t.DType == codec.String {
			f.bytes, c.text = placeBytes, &textStore{dir: dir, limit: memory}
		}
		c.fields = append(c.fields, f)
		c.row += f.bytes
	}
	c.dst = make([][]byte, len(c.fields))
	if total*int64(c.row+indexBytes) <= memory {
		c.memory = make([]byte, 0, total*int64(c.row))
		return c, nil
	}
	if err := room(dir, total*int64(c.row)); err != nil {
		return nil, err
	}
	var err error
	if c.file, err = unnamed(dir); err != nil {
		return nil, op("make the cache", err)
	}
	c.out = bufio.NewWriterSize(c.file, 1<<20)
	c.last = make([]byte, c.row)
	return c, nil
}

// unnamed makes a file without a name: the system frees it when it is closed or
// the process ends, however it ends.
func unnamed(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "records-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// room refuses a stream that the disk cannot hold, before it is read.
func room(dir string, need int64) error {
	free, err := disk.Free(dir)
	if err != nil {
		return op("look for room for the cache", err)
	}
	if most := free - platform.LeftFree(free); need > most {
		return &pipeline.Error{
			Op: "read the stream", Kind: pipeline.Unavailable,
			Reason: fmt.Sprintf("its %d MiB of tensors do not fit the %d MiB that a training may take of what is free in %s", need>>20, most>>20, dir),
			Hint:   "free disk space, or set TMPDIR to a folder with more",
		}
	}
	return nil
}

// next gives the memory of the next row, inputs and labels, to be filled
// before the call after.
func (c *cache) next() (inputs, labels [][]byte, err error) {
	if err := c.settle(); err != nil {
		return nil, nil, err
	}
	var row []byte
	if c.memory != nil {
		end := len(c.memory) + c.row
		if end > cap(c.memory) {
			return nil, nil, errors.New("the stream holds more records than its ranges say")
		}
		row = c.memory[len(c.memory):end]
		c.memory = c.memory[:end]
	} else {
		if c.records > 0 && !c.undone {
			if _, err := c.out.Write(c.last); err != nil {
				return nil, nil, op("write the cache", err)
			}
		}
		row = c.last
	}
	c.records++
	c.undone = false
	for i, f := range c.fields {
		if c.text != nil && f.DType == codec.String {
			c.dst[i] = c.dst[i][:0] // a buffer of its own, which what decodes grows
			continue
		}
		c.dst[i] = row[f.at : f.at+f.bytes]
	}
	c.last, c.open = row, c.text != nil
	return c.dst[:c.inputs], c.dst[c.inputs:], nil
}

// undo takes back the row that next gave out.
func (c *cache) undo() {
	c.records--
	c.undone, c.open = true, false
	if c.memory != nil {
		c.memory = c.memory[:len(c.memory)-c.row]
	}
}

// restart forgets all rows, for a cache that is filled again and again. It is one in
// memory.
func (c *cache) restart() error {
	c.memory, c.records, c.open, c.undone = c.memory[:0], 0, false, false
	if c.text == nil {
		return nil
	}
	return c.text.forget()
}

// widen makes room for total records in one that is filled again and again.
func (c *cache) widen(total int64) {
	if more := int(total)*c.row - len(c.memory); more > 0 {
		c.memory = slices.Grow(c.memory, more)
	}
}

// forget forgets the first rows, unless there are no others: those stay to be looked
// at until restart. It is for one that is filled again and again.
func (c *cache) forget(first int64) {
	if first < c.records {
		c.memory = c.memory[:copy(c.memory, c.memory[first*int64(c.row):])]
		c.records -= first
	}
}

// settle stores the text of the row that next gave out.
func (c *cache) settle() error {
	if !c.open {
		return nil
	}
	c.open = false
	for i, f := range c.fields {
		if f.DType != codec.String {
			continue
		}
		p, err := c.text.add(c.dst[i])
		if err != nil {
			return err
		}
		p.put(c.last[f.at:])
	}
	return nil
}

// again stores the text of the row that next gave out in place of what was
// stored before, for a cache of one row that is filled again and again.
func (c *cache) again() error {
	if c.text == nil {
		return nil
	}
	if err := c.text.forget(); err != nil {
		return err
	}
	c.open = true
	return c.settle()
}

// seal ends the writing.
func (c *cache) seal() error {
	if err := c.settle(); err != nil {
		return err
	}
	if c.text != nil {
		if err := c.text.seal(); err != nil {
			return err
		}
	}
	if c.file == nil {
		return nil
	}
	if c.records > 0 && !c.undone {
		if _, err := c.out.Write(c.last); err != nil {
			return op("write the cache", err)
		}
	}
	if err := c.out.Flush(); err != nil {
		return op("write the cache", err)
	}
	c.out = nil
	return nil
}

// rows gives the rows from first on: a part of the memory, or read into buf.
func (c *cache) rows(first int64, n int, buf []byte) ([]byte, error) {
	at, size := first*int64(c.row), n*c.row
	if c.memory != nil {
		return c.memory[at : at+int64(size)], nil
	}
	if _, err := c.file.ReadAt(buf[:size], at); err != nil {
		return nil, op("read the cache", err)
	}
	return buf[:size], nil
}

// close frees what the cache holds.
func (c *cache) close() error {
	c.memory = nil
	var errs []error
	if c.text != nil {
		errs = append(errs, c.text.close())
	}
	if c.file != nil {
		errs = append(errs, c.file.Close())
	}
	return errors.Join(errs...)
}
