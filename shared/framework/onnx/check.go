package onnx

import (
	"context"
	"fmt"
	"slices"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/rows"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Check implements framework.Checker: it runs the graph on one record and on two, and
// compares the shapes of its outputs with those that it declares. What takes records of
// an open size is loaded only: which sizes it can take is not known.
func (Framework) Check(o framework.PredictorOptions) error {
	p, err := loadPredictor(o)
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }()
	for _, in := range p.inputs {
		if slices.Min(append(in.Shape, 0)) < 0 {
			return nil
		}
	}
	for i := range p.outputs {
		if out := &p.outputs[i]; out.dtype != codec.Float16 && out.dtype != codec.BFloat16 { // of which the binding makes no tensors
			out.size = -1 // the library makes the tensor, of the shape that it has
		}
	}
	b, err := p.newBatch(rows.FirstLayout(p.inputs, nil))
	if err != nil {
		return err
	}
	for n := 1; n <= 2; n++ {
		b.Blank()
		if err := b.Predict(context.Background(), 0, n); err != nil {
			return atFault(fmt.Errorf("on zeros, in a batch of %d: %w", n, err), runs)
		}
		for i, out := range b.outputs {
			declared := p.export[i].Shape
			if !slices.EqualFunc(declared, out.Shape, func(d, has int) bool { return d < 0 || d == has }) {
				return atFault(otherShape(out.Name, declared, out.Shape), shapes)
			}
		}
	}
	return nil
}

// otherShape is the error of an output that has another shape than its graph declares.
func otherShape[S any](name string, declared []int, has S) error {
	return fmt.Errorf("it declares %v for the output %q of a record, and computes %v", declared, name, has)
}

// What to do about a graph.
const (
	shapes = "export it again so that its first size is the number of records everywhere, and every output has the shape that is declared for it"
	runs   = "an inference begins with a record of zeros, so it must take them, in batches of any size"
)

func atFault(err error, hint string) error {
	return &pipeline.Error{Kind: pipeline.Invalid, Reason: "the graph cannot be served: " + err.Error(), Hint: hint, Err: err}
}
