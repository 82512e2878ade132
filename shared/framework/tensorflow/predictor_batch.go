package tensorflow

import (
	"fmt"

	tf "github.com/galeone/tensorflow/tensorflow/go"

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
	fed     map[int]fed // by number of records: tensors to fill again
	held    int         // bytes of fed
	feeds   map[tf.Output]*tf.Tensor
	outputs []framework.Output
	results []*tf.Tensor // own the memory of outputs
}

// fed are the tensors of some number of records, by input.
type fed struct {
	tensors []*tf.Tensor
	texts   []*texts // nil for numbers; they own the memory of their tensor's strings
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

func (p *Predictor) newBatch(stored []codec.Tensor) (*Batch, error) {
	g, err := rows.NewGather(p.inputs, stored, nil)
	if err != nil {
		return nil, err
	}
	return &Batch{
		Gather: g, p: p, fed: map[int]fed{}, feeds: make(map[tf.Output]*tf.Tensor, len(stored)),
		outputs: make([]framework.Output, len(p.export.Outputs)),
	}, nil
}

// Outputs are those of the last prediction, in the order of the export.
func (b *Batch) Outputs() []framework.Output { return b.outputs }

// feed fills tensors of exactly to-from records. No padding: the graph takes
// any number of rows, and exact batches measured the same.
func (b *Batch) feed(from, to int) (map[tf.Output]*tf.Tensor, error) {
	into, err := b.tensors(to - from)
	if err != nil {
		return nil, err
	}
	for i, in := range b.p.inputs {
		stored, dtype := b.Of(i, from, to)
		if x := into.texts[i]; x != nil {
			err = x.fill(stored, (to-from)*b.Elements(i))
		} else {
			err = rows.Cast(Bytes(into.tensors[i]), in.DType, stored, dtype)
		}
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", in.Name, err)
		}
		b.feeds[b.p.feeds[i]] = into.tensors[i]
	}
	return b.feeds, nil
}

// tensors are the feeds of n records. They are kept by n, while all kept ones
// together are not larger than two batches of the limit.
func (b *Batch) tensors(n int) (fed, error) {
	if kept, ok := b.fed[n]; ok {
		return kept, nil
	}
	bytes := 0
	made := fed{make([]*tf.Tensor, len(b.p.inputs)), make([]*texts, len(b.p.inputs))}
	for i, in := range b.p.inputs {
		shape := b.Shape(i, n)
		var err error
		if in.DType == codec.String {
			if made.texts[i], err = newTexts(shape...); err == nil {
				made.tensors[i] = made.texts[i].tensor
			}
		} else {
			made.tensors[i], err = NewTensor(in.DType, shape...)
		}
		if err != nil {
			return fed{}, fmt.Errorf("input %q: %w", in.Name, err)
		}
		bytes += len(Bytes(made.tensors[i]))
	}
	if b.held > 0 && b.held+bytes > 2*bytes/n*max(n, b.p.Limit()) {
		b.p.spent(b.held)
		clear(b.fed)
		b.held = 0
	}
	b.held += bytes
	b.fed[n] = made
	return made, nil
}

// take keeps the results as the outputs of n rows.
func (b *Batch) take(results []*tf.Tensor, n int) error {
	bytes := 0
	for i, r := range results {
		shape := r.Shape()
		if len(shape) == 0 || shape[0] != int64(n) {
			return rows.NotARowEach(b.p.export.Outputs[i].Name, shape, n)
		}
		o := &b.outputs[i]
		o.Name, o.DType = b.p.export.Outputs[i].Name, b.p.types[i]
		if err := readOutput(o, r, n); err != nil {
			return err
		}
		o.Shape = o.Shape[:0]
		for _, d := range shape[1:] {
			o.Shape = append(o.Shape, int(d))
		}
		bytes += len(o.Data)
	}
	b.results = results
	b.p.spent(bytes)
	return nil
}
