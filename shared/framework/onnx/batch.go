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

// values are the tensors of the records [from, to): inputs, some of them in the
// memory of a call, and outputs, nil where the library is to make one.
func (b *Batch) values(c *call, from, to int) (inputs, outputs []ort.Value, err error) {
	kept, ok := b.memory.kept[span{from, to}]
	if !ok {
		if kept, err = b.tensors(from, to); err != nil {
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
		stored, dtype := b.Of(i, from, to)
		if inputs[i], err = c.cast(i, b, stored, dtype, to-from); err != nil {
			return nil, nil, fmt.Errorf("input %q: %w", b.p.inputs[i].Name, err)
		}
	}
	if slices.Contains(outputs, nil) {
		outputs = slices.Clone(outputs)
	}
	return inputs, outputs, nil
}

// tensors makes tensors over the memory of the records [from, to) and of their
// outputs, and keeps them.
func (b *Batch) tensors(from, to int) (t tensors, err error) {
	m, n := b.memory, to-from
	for i, out := range b.p.outputs { // first: where memory moves, tensors are forgotten
		if out.size > 0 && m.outputs[i].size() < n*out.size {
			m.forget()
			m.outputs[i].grow(max(n*out.size, 2*m.outputs[i].size()))
		}
	}
	if len(m.kept) >= mostKept {
		m.forget()
	}
	t = tensors{make([]ort.Value, len(b.direct)), make([]ort.Value, len(b.p.outputs))}
	for i, direct := range b.direct {
		if direct && err == nil {
			stored, dtype := b.Of(i, from, to)
			t.inputs[i], err = tensorOver(stored, dtype, b.Shape(i, n))
		}
	}
	for i, out := range b.p.outputs {
		if out.size > 0 && err == nil {
			shape := []int64{int64(n)}
			for _, d := range out.shape {
				shape = append(shape, int64(d))
			}
			t.outputs[i], err = tensorOver(m.outputs[i].bytes[:n*out.size], out.dtype, shape)
		}
	}
	if err != nil {
		t.destroy()
		return t, err
	}
	m.kept[span{from, to}] = t
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
		if len(shape) != len(out.shape)+1 || shape[0] != int64(n) {
			return rows.NotARowEach(out.name, shape, n)
		}
		o.Data, o.Size, o.Shape = data, len(data)/n, o.Shape[:0]
		for _, d := range shape[1:] {
			o.Shape = append(o.Shape, int(d))
		}
	}
	return nil
}
