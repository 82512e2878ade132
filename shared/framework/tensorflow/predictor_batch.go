package tensorflow

import (
	"fmt"
	"slices"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Batch gathers the stored bytes of records, one contiguous run an input, and
// holds the outputs of the last prediction. One goroutine at a time may use
// it; after Reset it is used again, with the memory it has.
type Batch struct {
	p       *Predictor
	inputs  []gather
	rows    [][]byte // what Next gives, made once
	n       int
	text    bool        // an input is text
	pending bool        // the text of the last record is still in rows
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

// gather is one input of a batch: record i lies at [i*size, (i+1)*size).
type gather struct {
	dtype codec.DType
	size  int     // bytes of one record as stored
	shape []int64 // of a tensor of one record: batch dimension first
	slab  []byte
	texts int   // elements of a record of text
	ends  []int // of text, whose records differ in size: where each ends in slab
}

// of gives the bytes of the records [from, to).
func (in *gather) of(from, to int) []byte {
	if in.dtype != codec.String {
		return in.slab[from*in.size : to*in.size]
	}
	start := 0
	if from > 0 {
		start = in.ends[from-1]
	}
	return in.slab[start:in.ends[to-1]]
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
	if len(stored) != len(p.inputs) {
		return nil, pipeline.Invalidf("inputs", "%d tensors are given, the model takes %d", len(stored), len(p.inputs))
	}
	b := &Batch{
		p: p, inputs: make([]gather, len(stored)), rows: make([][]byte, len(stored)),
		fed: map[int]fed{}, feeds: make(map[tf.Output]*tf.Tensor, len(stored)),
		outputs: make([]framework.Output, len(p.outputs)),
	}
	for i, t := range stored {
		shape, err := fit(p.inputs[i], t)
		if err != nil {
			return nil, err
		}
		b.inputs[i] = gather{dtype: t.DType, size: t.Bytes(), shape: shape, texts: t.Elements()}
		b.text = b.text || t.DType == codec.String
	}
	return b, nil
}

// fit is the shape, batch dimension first, in which records stored as t are
// fed: the model's, where it is known, else the record's own.
func fit(in feed, t codec.Tensor) ([]int64, error) {
	shape := in.shape
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
	if n != t.Elements() || (t.DType == codec.String) != (in.dtype == codec.String) {
		return nil, misfit(in, t)
	}
	return dims, nil
}

func misfit(in feed, t codec.Tensor) error {
	return pipeline.Invalidf(t.Name, "%s of shape %v does not fit the model's input %q: %s of shape %v",
		t.DType, t.Shape, in.name, in.dtype, in.shape)
}

// Reset empties the batch; the outputs stay valid.
func (b *Batch) Reset() {
	b.n, b.pending = 0, false
	for i := range b.inputs {
		if in := &b.inputs[i]; in.dtype == codec.String {
			in.slab, in.ends = in.slab[:0], in.ends[:0]
		}
	}
}

// Len is how many records the batch holds.
func (b *Batch) Len() int { return b.n }

// Next adds a record and gives the places for its bytes, one an input, valid
// until the next call. The caller fills them, or gives the record up by Drop.
func (b *Batch) Next() [][]byte {
	if b.text {
		b.settle()
		b.pending = true
	}
	for i := range b.inputs {
		in := &b.inputs[i]
		if in.dtype == codec.String {
			b.rows[i] = b.rows[i][:0]
			continue
		}
		end := (b.n + 1) * in.size
		if end > len(in.slab) {
			grown := make([]byte, max(end, 2*len(in.slab)))
			copy(grown, in.slab)
			in.slab = grown
		}
		b.rows[i] = in.slab[end-in.size : end : end]
	}
	b.n++
	return b.rows
}

// Drop takes the last record off again.
func (b *Batch) Drop() {
	b.settle()
	b.n--
	for i := range b.inputs {
		if in := &b.inputs[i]; in.dtype == codec.String {
			in.slab, in.ends = in.slab[:len(in.slab)-len(in.of(b.n, b.n+1))], in.ends[:b.n]
		}
	}
}

// settle takes the text of the last record out of what Next gave.
func (b *Batch) settle() {
	if !b.pending {
		return
	}
	b.pending = false
	for i := range b.inputs {
		if in := &b.inputs[i]; in.dtype == codec.String {
			in.slab = append(in.slab, b.rows[i]...)
			in.ends = append(in.ends, len(in.slab))
		}
	}
}

// Outputs are those of the last prediction, in the order of the export.
func (b *Batch) Outputs() []framework.Output { return b.outputs }

// feed fills tensors of exactly to-from records. No padding: the graph takes
// any number of rows, and exact batches measured the same.
func (b *Batch) feed(from, to int) (map[tf.Output]*tf.Tensor, error) {
	b.settle()
	into, err := b.tensors(to - from)
	if err != nil {
		return nil, err
	}
	for i := range b.inputs {
		in := &b.inputs[i]
		if x := into.texts[i]; x != nil {
			err = x.fill(in.of(from, to), (to-from)*in.texts)
		} else {
			err = cast(Bytes(into.tensors[i]), b.p.inputs[i].dtype, in.of(from, to), in.dtype)
		}
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", b.p.inputs[i].name, err)
		}
		b.feeds[b.p.inputs[i].at] = into.tensors[i]
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
	made := fed{make([]*tf.Tensor, len(b.inputs)), make([]*texts, len(b.inputs))}
	for i, in := range b.inputs {
		shape := slices.Clone(in.shape)
		shape[0] = int64(n)
		var err error
		if in.dtype == codec.String {
			if made.texts[i], err = newTexts(shape...); err == nil {
				made.tensors[i] = made.texts[i].tensor
			}
		} else {
			made.tensors[i], err = NewTensor(b.p.inputs[i].dtype, shape...)
		}
		if err != nil {
			return fed{}, fmt.Errorf("input %q: %w", b.p.inputs[i].name, err)
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

func notARowEach(output string, shape []int64, n int) error {
	return &pipeline.Error{
		Op: "predict", Kind: pipeline.Internal, Field: output,
		Reason: fmt.Sprintf("the model gives shape %v for %d records, not a row for each", shape, n),
	}
}

// take keeps the results as the outputs of n rows.
func (b *Batch) take(results []*tf.Tensor, n int) error {
	bytes := 0
	for i, r := range results {
		shape := r.Shape()
		if len(shape) == 0 || shape[0] != int64(n) {
			return notARowEach(b.p.outputs[i].Name, shape, n)
		}
		o := &b.outputs[i]
		o.Name, o.DType = b.p.outputs[i].Name, b.p.types[i]
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
