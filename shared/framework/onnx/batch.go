package onnx

import (
	"fmt"
	"runtime"
	"slices"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/rows"
)

// Batch gathers the stored bytes of records and holds the outputs of the last
// prediction. One goroutine at a time may use it; after Reset it is used again,
// with the memory it has.
type Batch struct {
	*rows.Gather
	p       *Predictor
	direct  []bool // inputs that are stored in the model's own type, and fed where they lie
	memory  *memory
	outputs []framework.Output
}

// NewBatch is an empty batch of records stored as layout says. It grows with
// what is put into it; Limit says how much is worth while.
func (p *Predictor) NewBatch(layout []codec.Tensor) (framework.Batch, error) {
	b, err := p.newBatch(layout)
	if err != nil { // a nil *Batch would be no nil Batch
		return nil, err
	}
	return b, nil
}

func (p *Predictor) newBatch(layout []codec.Tensor) (*Batch, error) {
	b := &Batch{p: p, memory: newMemory(len(p.inputs), len(p.outputs)), outputs: make([]framework.Output, len(p.outputs))}
	for i := range layout {
		b.direct = append(b.direct, i < len(p.inputs) && layout[i].DType == p.inputs[i].DType)
	}
	m, direct := b.memory, b.direct // not b, which is to be found unused
	var err error
	b.Gather, err = rows.NewGather(p.inputs, layout, func(input int, old []byte, size int) []byte {
		if !direct[input] {
			return rows.Grow(input, old, size)
		}
		m.forget()
		return m.inputs[input].grow(size)
	})
	if err != nil {
		return nil, err
	}
	for i, out := range p.outputs {
		b.outputs[i] = framework.Output{Name: out.name, DType: out.dtype, Shape: slices.Clone(out.shape), Size: out.size}
	}
	runtime.AddCleanup(b, (*memory).free, m)
	return b, nil
}

// Outputs are those of the last prediction, in the order of the export.
func (b *Batch) Outputs() []framework.Output { return b.outputs }

// castBytes bounds the memory in which a call casts inputs, and so how many records
// of a batch the graph takes at once: what was cast is still in the processor's
// cache when it is read, and a batch of 2,048 digits takes 6 MiB less. leastPiece
// records are taken however large they are.
const (
	castBytes  = 2 << 20
	leastPiece = 16
)

// piece is how many records the graph takes at once of a batch of n.
func (b *Batch) piece(n int) int {
	bytes := 0 // of a record that is cast
	for i, in := range b.p.inputs {
		if !b.direct[i] {
			bytes += b.Elements(i) * in.DType.Size()
		}
	}
	for _, out := range b.p.outputs {
		if out.size < 0 { // the library makes the tensor of each run
			return n
		}
	}
	if bytes == 0 {
		return n
	}
	return min(n, max(leastPiece, castBytes/bytes))
}

// run runs the graph on the records [from, to), piece by piece, and gives the
// outputs of the last piece.
func (b *Batch) run(c *call, from, to int) (outputs []ort.Value, err error) {
	b.room(to - from)
	piece := b.piece(to - from)
	for at := from; at < to; at += piece {
		inputs, made, err := b.values(c, span{at, min(at+piece, to), at - from})
		if err != nil {
			return nil, err
		}
		if err := b.p.session.RunWithOptions(inputs, made, c.watch.options); err != nil {
			return nil, err
		}
		outputs = made
	}
	return outputs, nil
}

// room makes room for the outputs of n records.
func (b *Batch) room(n int) {
	m := b.memory
	for i, out := range b.p.outputs {
		if out.size > 0 && m.outputs[i].size() < n*out.size {
			m.forget() // the memory moves
			m.outputs[i].grow(max(n*out.size, 2*m.outputs[i].size()))
		}
	}
}

// values are the tensors of some records: inputs, some of them in the memory of a
// call, and outputs, nil where the library is to make one.
func (b *Batch) values(c *call, of span) (inputs, outputs []ort.Value, err error) {
	kept, ok := b.memory.kept[of]
	if !ok {
		if kept, err = b.tensors(of); err != nil {
			return nil, nil, err
		}
	}
	inputs, outputs = kept.inputs, kept.outputs
	if slices.Contains(b.direct, false) {
		copy(c.inputs, kept.inputs)
		inputs = c.inputs
	}
	for i, direct := range b.direct {
		if direct {
			continue
		}
		stored, dtype := b.Of(i, of.from, of.to)
		if inputs[i], err = c.cast(i, b, stored, dtype, of.to-of.from); err != nil {
			return nil, nil, fmt.Errorf("input %q: %w", b.p.inputs[i].Name, err)
		}
	}
	if slices.Contains(outputs, nil) {
		outputs = slices.Clone(outputs)
	}
	return inputs, outputs, nil
}

// tensors makes tensors over the memory of some records and of their outputs, and
// keeps them.
func (b *Batch) tensors(of span) (t tensors, err error) {
	m, n := b.memory, of.to-of.from
	if len(m.kept) >= mostKept {
		m.forget()
	}
	t = tensors{make([]ort.Value, len(b.direct)), make([]ort.Value, len(b.p.outputs))}
	for i, direct := range b.direct {
		if direct && err == nil {
			stored, dtype := b.Of(i, of.from, of.to)
			t.inputs[i], err = tensorOver(stored, dtype, b.Shape(i, n))
		}
	}
	for i, out := range b.p.outputs {
		if out.size > 0 && err == nil {
			shape := []int64{int64(n)}
			for _, d := range out.shape {
				shape = append(shape, int64(d))
			}
			t.outputs[i], err = tensorOver(m.outputs[i].bytes[of.at*out.size:][:n*out.size], out.dtype, shape)
		}
	}
	if err != nil {
		t.destroy()
		return t, err
	}
	m.kept[of] = t
	return t, nil
}

// take keeps the values that a run gave as the outputs of n rows.
func (b *Batch) take(values []ort.Value, n int) error {
	for i, out := range b.p.outputs {
		o := &b.outputs[i]
		if out.size > 0 {
			o.Data = b.memory.outputs[i].bytes[:n*out.size]
			continue
		}
		shape := values[i].GetShape()
		data, err := bytesOf(values[i])
		if err != nil {
			return fmt.Errorf("output %q: %w", out.name, err)
		}
		if len(shape) == 0 || shape[0] != int64(n) {
			return rows.NotARowEach(out.name, shape, n)
		}
		if len(shape) != len(out.shape)+1 {
			return otherShape(out.name, out.shape, shape[1:])
		}
		o.Data, o.Size, o.Shape = data, len(data)/n, o.Shape[:0]
		for _, d := range shape[1:] {
			o.Shape = append(o.Shape, int(d))
		}
	}
	return nil
}
