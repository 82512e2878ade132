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
	texts [][]byte // of text in place of data: of each row
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
	rest := slices.Clone(in.data)
	for from := 0; from < in.rows; {
		n := min(r.model.predictor.Limit(), in.rows-from)
		it := &batching.Item{Rows: n, Data: make([][]byte, len(in.data))}
		for k, t := range lane.Layout {
			var err error
			if it.Data[k], rest[k], err = codec.Cut(t, rest[k], n); err != nil {
				return nil, err
			}
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
	rest := slices.Clone(in.data)
	for range in.rows {
		row := batch.Next()
		for k, t := range in.layout {
			var first []byte
			if first, rest[k], err = codec.Cut(t, rest[k], 1); err != nil {
				return nil, err
			}
			row[k] = append(row[k][:0], first...)
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
			r := result{name: o.Name, dtype: o.DType, shape: slices.Clone(o.Shape), data: make([]byte, rows*o.Size)}
			if o.DType == codec.String {
				r.texts = make([][]byte, rows)
			}
			results = append(results, r)
		}
		if o.DType == codec.String {
			results[k].texts[into] = slices.Clone(o.Row(from))
			continue
		}
		copy(results[k].data[into*o.Size:], o.Row(from))
	}
	return results
}
