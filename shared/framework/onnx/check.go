package onnx

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/framework/rows"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// openSizes are what stands for the sizes of a record that a graph leaves open, until
// it runs on one: a graph may need windows or pictures of some size.
var openSizes = []int{1, 8, 32, 224}

// mostBlank bounds the elements of an input that is made of such sizes.
const mostBlank = 1 << 22

// Check implements framework.Checker: it runs the graph on one record and on two, and
// compares the shapes of its outputs with those that it declares; where it leaves sizes
// open, on two of the openSizes. That it runs on none of them is no fault of it: which it
// takes is not known.
func (Framework) Check(o framework.PredictorOptions) error {
	p, err := loadPredictor(o)
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }()
	for i := range p.outputs {
		if out := &p.outputs[i]; out.dtype != codec.Float16 && out.dtype != codec.BFloat16 { // of which the binding makes no tensors
			out.size = -1 // the library makes the tensor, of the shape that it has
		}
	}
	at := slices.IndexFunc(p.inputs, func(in rows.Input) bool { return slices.Min(append(in.Shape, 0)) < 0 })
	if at < 0 {
		return p.tryOn(rows.FirstLayout(p.inputs, nil))
	}
	began, ran := time.Now(), false
	for _, size := range openSizes {
		layout, ok := layoutOf(p.inputs, size)
		if !ok {
			break
		}
		switch tried := p.tryOn(layout); {
		case errors.Is(tried, errRun) && !ran:
			err = tried
		case errors.Is(tried, errRun):
			return nil
		case tried != nil || ran:
			return tried
		default: // on one more size: an output may have had the declared one by chance
			ran = true
			// A larger one may take a hundred times as long: its two runs are stopped
			// where the check would take longer than one run may.
			if p.deadline = (p.deadline - time.Since(began)) / 2; p.deadline <= 0 {
				return nil
			}
		}
	}
	if ran {
		return nil
	}
	return &pipeline.Error{
		Kind: pipeline.Unavailable, Err: err,
		Reason: fmt.Sprintf("the input %q of a record has the open sizes %v, and of zeros in sizes of %v none ran: send it records of a size that it takes; the last said: %v", p.inputs[at].Name, p.inputs[at].Shape, openSizes, err),
	}
}

// layoutOf is a record with size where a graph leaves one open, and whether it is of
// bounded size.
func layoutOf(inputs []rows.Input, size int) ([]codec.Tensor, bool) {
	layout := rows.FirstLayout(inputs, nil)
	for i, in := range inputs {
		for k, d := range in.Shape {
			if d < 0 {
				layout[i].Shape[k] = size
			}
		}
		elements := 1
		for _, d := range layout[i].Shape {
			if elements *= d; size > 1 && elements > mostBlank {
				return nil, false
			}
		}
	}
	return layout, true
}

// slow is how long zeros may take where more is tried than whether the graph runs.
const slow = 2 * time.Second

// errRun is that a graph did not run on a record.
var errRun = errors.New("on zeros")

// tryOn runs the graph on one record of zeros and on two.
func (p *Predictor) tryOn(layout []codec.Tensor) error {
	b, err := p.newBatch(layout)
	if err != nil {
		return err
	}
	began := time.Now()
	for n := 1; n <= 2; n++ {
		b.Blank()
		if err := b.Predict(context.Background(), 0, n); err != nil {
			return atFault(fmt.Errorf("%w, in a batch of %d: %w", errRun, n, err), cmp.Or(pipeline.RejectionOf(err).Hint, runs))
		}
		for i, out := range b.outputs {
			declared := p.export[i].Shape
			if !slices.EqualFunc(declared, out.Shape, func(d, has int) bool { return d < 0 || d == has }) {
				return atFault(otherShape(out.Name, declared, out.Shape), shapes)
			}
		}
	}
	if time.Since(began) > slow {
		return nil
	}
	if name := p.mixed(layout); name != "" {
		return atFault(fmt.Errorf("the output %q of a record depends on the records beside it, which are those that come at the same time", name), single)
	}
	return nil
}

// mixed names an output of a record that is another where the record is predicted with
// one beside it, empty where there is none. Outputs that are another each time, as of
// graphs that draw numbers, are none. They are far apart, since sums, and the scales of
// numbers that are quantized as they come, may differ a little.
func (p *Predictor) mixed(layout []codec.Tensor) string {
	alone, again := p.first(layout, 1), p.first(layout, 1)
	beside := p.first(layout, 2)
	for i, out := range p.export {
		if len(beside) > i && len(again) > i && len(alone) > i && !apart(alone[i], again[i]) && apart(alone[i], beside[i]) {
			return out.Name
		}
	}
	return ""
}

// first is what a graph gives for the first of n records of numbers from 0 to 1, by
// output; nil where it does not run on them, and for what is no floating-point number.
func (p *Predictor) first(layout []codec.Tensor, n int) (outputs [][]float64) {
	b, err := p.newBatch(layout)
	if err != nil {
		return nil
	}
	for r := range n {
		b.Blank()
		for i := range layout {
			stored, dtype := b.Of(i, r, r+1)
			if !dtype.Float() {
				continue
			}
			numbers := make([]byte, 8*layout[i].Elements())
			for k := range layout[i].Elements() {
				_, v := math.Modf(float64(k+1)*math.Phi + 0.4*float64(r))
				binary.LittleEndian.PutUint64(numbers[8*k:], math.Float64bits(v))
			}
			if codec.Cast(stored, dtype, numbers, codec.Float64) != nil {
				return nil
			}
		}
	}
	if b.Predict(context.Background(), 0, n) != nil {
		return nil
	}
	for _, out := range b.outputs {
		var numbers []float64
		if out.DType.Float() {
			row := out.Row(0)
			wide := make([]byte, 8*len(row)/out.DType.Size())
			if codec.Cast(wide, codec.Float64, row, out.DType) != nil {
				return nil
			}
			for ; len(wide) > 0; wide = wide[8:] {
				numbers = append(numbers, math.Float64frombits(binary.LittleEndian.Uint64(wide)))
			}
		}
		outputs = append(outputs, numbers)
	}
	return outputs
}

// apart reports whether numbers differ by more than a tenth of the largest.
func apart(a, b []float64) bool {
	most, largest := 0.0, 0.0
	for i := range min(len(a), len(b)) {
		most, largest = max(most, math.Abs(a[i]-b[i])), max(largest, math.Abs(a[i]), math.Abs(b[i]))
	}
	return most > 0.1*largest+1e-4
}

// otherShape is the error of an output that has another shape than its graph declares.
func otherShape[S any](name string, declared []int, has S) error {
	return fmt.Errorf("it declares %v for the output %q of a record, and computes %v", declared, name, has)
}

// What to do about a graph.
const (
	shapes = "export it again so that its first size is the number of records everywhere, and every output has the shape that is declared for it"
	single = "export it in evaluation mode (model.eval()), so that no operation reaches across the first size, as a softmax over axis 0 does"
	runs   = "an inference begins with a record of zeros, so it must take them, in batches of any size"
)

func atFault(err error, hint string) error {
	return &pipeline.Error{Kind: pipeline.Invalid, Reason: "the graph cannot be served: " + err.Error(), Hint: hint, Err: err}
}
