package tensorflow

import (
	"context"
	"fmt"
	"runtime"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/rows"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// predictBatch is how many records Predict runs at once, less where they are
// large.
const predictBatch = 512

// Predict runs the model over a split without training it.
func (t *Trainer) Predict(ctx context.Context, s framework.Split, each func(framework.Predicted) error) error {
	f := newFeeder(s, t.columns, t.predictRows(), 0, chunkBytes, nil)
	order, err := t.outputOrder()
	if err != nil {
		return err
	}
	calls := func(yield func(call) bool) {
		for first := int64(0); first < s.Len(); {
			c := call{pass: framework.Stored, first: first, steps: 1, rows: int(min(int64(f.batch), s.Len()-first))}
			if !yield(c) {
				return
			}
			first += int64(c.rows)
		}
	}
	return walk(ctx, f, calls, func(c call, b *buffer) error {
		feeds, err := t.servingFeeds(b)
		if err != nil {
			return err
		}
		got, err := t.serve.Call(feeds)
		runtime.KeepAlive(b) // it owns the tensors' text
		if err != nil {
			return err
		}
		outputs := make([]framework.Output, len(order))
		for i, at := range order {
			if outputs[i], err = outputOf(t.options.Export.Outputs[i].Name, got[at], c.rows); err != nil {
				return err
			}
		}
		return each(framework.Predicted{Records: c.rows, Columns: b.dst, Outputs: outputs})
	})
}

func (t *Trainer) predictRows() int {
	record := 1
	for _, c := range t.columns {
		record += c.room()
	}
	return max(1, min(predictBatch, chunkBytes/4/record))
}

// outputOrder maps the export's outputs to those of Call, which are sorted.
func (t *Trainer) outputOrder() ([]int, error) {
	var order []int
	for _, o := range t.options.Export.Outputs {
		at := -1
		for i, name := range t.serve.Outputs {
			if name == o.SignatureName() {
				at = i
			}
		}
		if at < 0 {
			return nil, fmt.Errorf("the model has no output %q", o.Name)
		}
		order = append(order, at)
	}
	return order, nil
}

// servingFeeds are a buffer's inputs for the serving signature.
func (t *Trainer) servingFeeds(b *buffer) (map[tf.Output]*tf.Tensor, error) {
	named := map[string]*tf.Tensor{}
	for i, in := range t.options.Export.Inputs {
		named[in.SignatureName()] = b.named[t.columns[i].name]
	}
	return t.serve.Feeds(named)
}

// outputOf is a tensor of some records as the output name.
func outputOf(name string, t *tf.Tensor, records int) (framework.Output, error) {
	d, err := outputType(t.DataType())
	if err != nil {
		return framework.Output{}, fmt.Errorf("output %q: %w", name, err)
	}
	shape := t.Shape()
	if len(shape) == 0 || shape[0] != int64(records) {
		return framework.Output{}, rows.NotARowEach(name, shape, records)
	}
	o := framework.Output{Name: name, DType: d, Shape: make([]int, len(shape)-1)}
	for i, d := range shape[1:] {
		o.Shape[i] = int(d)
	}
	return o, readOutput(&o, t, records)
}

// readOutput makes what a tensor holds the data of an output of some records:
// numbers in its own memory, texts as a copy.
func readOutput(o *framework.Output, t *tf.Tensor, records int) error {
	if o.DType == codec.String {
		if err := readTexts(o, t, records); err != nil {
			return &pipeline.Error{Op: "predict", Kind: pipeline.Invalid, Field: o.Name, Reason: err.Error(), Err: err}
		}
		return nil
	}
	o.Data = Bytes(t)
	o.Size = len(o.Data) / records
	return nil
}
