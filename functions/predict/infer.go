package predict

import (
	"context"
	"slices"
	"time"

	"github.com/kafkaml/kafkaml/functions/predict/batching"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
)

// result is one output of a request.
type result struct {
	name  string
	dtype codec.DType
	shape []int // of one row
	data  []byte
}

// infer predicts the rows in pieces of the size that suits the model,
// together with what else comes at the time.
func (r *requests) infer(ctx context.Context, in rowsOf) ([]result, error) {
	began := time.Now()
	results, err := r.inferRows(ctx, in)
	if err == nil {
		r.metrics.done(wayRequest, in.rows, began)
	}
	return results, err
}

func (r *requests) inferRows(ctx context.Context, in rowsOf) ([]result, error) {
	lane := r.tensors
	for i, t := range in.layout {
		if !slices.Equal(t.Shape, lane.Layout[i].Shape) { // a size that the model leaves open
			return r.inferAlone(ctx, in)
		}
	}
	var results []result
	for from := 0; from < in.rows; {
		n := min(r.model.predictor.Limit(), in.rows-from)
		it := &batching.Item{Rows: n, Data: make([][]byte, len(in.data))}
		for k, t := range lane.Layout {
			it.Data[k] = in.data[k][from*t.Bytes() : (from+n)*t.Bytes()]
		}
		at := from
		it.Receive = func(outputs []framework.Output, result, row int) {
			results = collect(results, outputs, result, at+row, in.rows)
		}
		if err := lane.Do(ctx, it); err != nil {
			return nil, err
		}
		from += n
	}
	return results, nil
}

// inferAlone predicts rows of a shape that records do not have.
func (r *requests) inferAlone(ctx context.Context, in rowsOf) ([]result, error) {
	batch, err := r.model.predictor.NewBatch(in.layout)
	if err != nil {
		return nil, err
	}
	for row := range in.rows {
		for k, dst := range batch.Next() {
			copy(dst, in.data[k][row*len(dst):])
		}
	}
	var results []result
	var failed error
	for from := 0; from < in.rows && failed == nil; {
		to := min(from+r.model.predictor.Limit(), in.rows)
		batching.Predict(ctx, batch, from, to, func(outputs []framework.Output, result, row int) {
			results = collect(results, outputs, result, row, in.rows)
		}, func(_ int, err error) { failed = err })
		from = to
	}
	return results, failed
}

// collect copies a row of the outputs into the results.
func collect(results []result, outputs []framework.Output, from, into, rows int) []result {
	for k := range outputs {
		o := &outputs[k]
		if len(results) <= k {
			results = append(results, result{name: o.Name, dtype: o.DType, shape: slices.Clone(o.Shape), data: make([]byte, rows*o.Size)})
		}
		copy(results[k].data[into*o.Size:], o.Row(from))
	}
	return results
}
