// Package rows has what the predictors of all frameworks share: it gathers the
// stored bytes of records, fits them to a model's inputs, and learns how many
// records a batch should hold. It links no library of a framework.
package rows

import (
	"context"
	"fmt"
	"slices"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Input is one input of a model.
type Input struct {
	Name  string
	DType codec.DType
	Shape []int // of one record, -1 where the model leaves it open
}

// Tensors describes inputs for a person.
func Tensors(inputs []Input) []pipeline.Tensor {
	all := make([]pipeline.Tensor, len(inputs))
	for i, in := range inputs {
		all[i] = pipeline.Tensor{Name: in.Name, DType: in.DType.String(), Shape: in.Shape}
	}
	return all
}

// FirstLayout is the layout of the record that a model is warmed with: that of
// the stored records, or where each batch has another one, that of the model's own
// types, where a size that the model leaves open is 1.
func FirstLayout(inputs []Input, stored []codec.Tensor) []codec.Tensor {
	if stored != nil {
		return stored
	}
	all := make([]codec.Tensor, len(inputs))
	for i, in := range inputs {
		shape := make([]int, len(in.Shape))
		for k, d := range in.Shape {
			shape[k] = max(d, 1)
		}
		all[i] = codec.Tensor{Name: in.Name, DType: in.DType, Shape: shape}
	}
	return all
}

// Gather holds the stored bytes of records, one contiguous run an input. It is
// what a framework.Batch is before it is predicted: one goroutine at a time may
// use it; after Reset it is used again, with the memory it has.
type Gather struct {
	columns []column
	rows    [][]byte // what Next gives, made once
	n       int
	text    bool // an input is text
	pending bool // the text of the last record is still in rows
	grow    func(input int, old []byte, size int) []byte
}

// column is one input: record i lies at [i*size, (i+1)*size).
type column struct {
	dtype    codec.DType
	size     int     // bytes of one record as stored
	shape    []int64 // of a tensor of one record: batch dimension first
	slab     []byte
	elements int   // of a record
	ends     []int // of text, whose records differ in size: where each ends in slab
}

// NewGather is empty, for records stored as layout says. grow gives room for
// more bytes of an input, what is in the old room kept; nil leaves that to Go.
func NewGather(inputs []Input, layout []codec.Tensor, grow func(input int, old []byte, size int) []byte) (*Gather, error) {
	if len(layout) != len(inputs) {
		return nil, pipeline.Invalidf("inputs", "%d tensors are given, the model takes %d", len(layout), len(inputs))
	}
	if grow == nil {
		grow = Grow
	}
	g := &Gather{columns: make([]column, len(layout)), rows: make([][]byte, len(layout)), grow: grow}
	for i, t := range layout {
		shape, err := fit(inputs[i], t)
		if err != nil {
			return nil, err
		}
		g.columns[i] = column{dtype: t.DType, size: t.Bytes(), shape: shape, elements: t.Elements()}
		g.text = g.text || t.DType == codec.String
	}
	return g, nil
}

// Grow gives room of Go's for size bytes.
func Grow(_ int, old []byte, size int) []byte {
	grown := make([]byte, size)
	copy(grown, old)
	return grown
}

// fit is the shape, batch dimension first, in which records stored as t are
// fed: the model's, where it is known, else the record's own.
func fit(in Input, t codec.Tensor) ([]int64, error) {
	shape := in.Shape
	if slices.Contains(shape, -1) {
		if len(shape) != len(t.Shape) {
			return nil, misfit(in, t)
		}
		for i, d := range shape {
			if d >= 0 && d != t.Shape[i] {
				return nil, misfit(in, t)
			}
		}
		shape = t.Shape
	}
	n := 1
	dims := []int64{1}
	for _, d := range shape {
		n *= d
		dims = append(dims, int64(d))
	}
	if n != t.Elements() || (t.DType == codec.String) != (in.DType == codec.String) {
		return nil, misfit(in, t)
	}
	return dims, nil
}

func misfit(in Input, t codec.Tensor) error {
	return pipeline.Invalidf(t.Name, "%s of shape %v does not fit the model's input %q: %s of shape %v",
		t.DType, t.Shape, in.Name, in.DType, in.Shape)
}

// Reset empties it.
func (g *Gather) Reset() {
	g.n, g.pending = 0, false
	for i := range g.columns {
		if c := &g.columns[i]; c.dtype == codec.String {
			c.slab, c.ends = c.slab[:0], c.ends[:0]
		}
	}
}

// Len is how many records it holds.
func (g *Gather) Len() int { return g.n }

// Next adds a record and gives the places for its bytes, one an input, valid
// until the next call. The caller fills them, or gives the record up by Drop.
func (g *Gather) Next() [][]byte {
	if g.text {
		g.settle()
		g.pending = true
	}
	for i := range g.columns {
		c := &g.columns[i]
		if c.dtype == codec.String {
			g.rows[i] = g.rows[i][:0]
			continue
		}
		end := (g.n + 1) * c.size
		if end > len(c.slab) {
			c.slab = g.grow(i, c.slab, max(end, 2*len(c.slab)))
		}
		g.rows[i] = c.slab[end-c.size : end : end]
	}
	g.n++
	return g.rows
}

// Blank adds a record of zeros and empty texts.
func (g *Gather) Blank() {
	for i, row := range g.Next() {
		clear(row)
		if c := &g.columns[i]; c.dtype == codec.String {
			for range c.elements {
				row = codec.AppendText(row, "")
			}
			g.rows[i] = row
		}
	}
}

// Warm predicts one record of zeros by an empty batch, so that the first record
// does not pay for what a library does at the first run.
func Warm(b interface {
	Blank()
	Predict(ctx context.Context, from, to int) error
},
) error {
	b.Blank()
	if err := b.Predict(context.Background(), 0, 1); err != nil {
		return &pipeline.Error{Op: "open model", Kind: pipeline.Internal, Reason: "the model fails on zeros: " + err.Error(), Err: err}
	}
	return nil
}

// Drop takes the last record off again.
func (g *Gather) Drop() {
	g.settle()
	g.n--
	for i := range g.columns {
		if c := &g.columns[i]; c.dtype == codec.String {
			c.slab, c.ends = c.slab[:len(c.slab)-len(c.of(g.n, g.n+1))], c.ends[:g.n]
		}
	}
}

// settle takes the text of the last record out of what Next gave.
func (g *Gather) settle() {
	if !g.pending {
		return
	}
	g.pending = false
	for i := range g.columns {
		if c := &g.columns[i]; c.dtype == codec.String {
			c.slab = append(c.slab, g.rows[i]...)
			c.ends = append(c.ends, len(c.slab))
		}
	}
}

// Within refuses records [from, to) that it does not hold.
func (g *Gather) Within(from, to int) error {
	if from < 0 || from >= to || to > g.n {
		return fmt.Errorf("predict records [%d, %d) of %d", from, to, g.n)
	}
	g.settle()
	return nil
}

// Inputs is how many there are.
func (g *Gather) Inputs() int { return len(g.columns) }

// Of gives the bytes of the records [from, to) of an input, and the type in
// which they are stored.
func (g *Gather) Of(input, from, to int) ([]byte, codec.DType) {
	c := &g.columns[input]
	return c.of(from, to), c.dtype
}

// Shape is that of a tensor of n records of an input.
func (g *Gather) Shape(input, n int) []int64 {
	shape := slices.Clone(g.columns[input].shape)
	shape[0] = int64(n)
	return shape
}

// Dims are those of a tensor of one record of an input, the batch first. They
// are not to be changed.
func (g *Gather) Dims(input int) []int64 { return g.columns[input].shape }

// Elements is how many values a record has of an input.
func (g *Gather) Elements(input int) int { return g.columns[input].elements }

func (c *column) of(from, to int) []byte {
	if c.dtype != codec.String {
		return c.slab[from*c.size : to*c.size]
	}
	start := 0
	if from > 0 {
		start = c.ends[from-1]
	}
	return c.slab[start:c.ends[to-1]]
}

// NotARowEach is the error of a model whose output has another number of rows
// than it was given records.
func NotARowEach(output string, shape []int64, n int) error {
	return &pipeline.Error{
		Op: "predict", Kind: pipeline.Internal, Field: output,
		Reason: fmt.Sprintf("the model gives shape %v for %d records, not a row for each", shape, n),
	}
}
