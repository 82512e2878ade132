package predict

import (
	"context"
	"slices"
	"time"

	"github.com/kafkaml/kafkaml/functions/predict/batching"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
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
	rest, room := slices.Clone(in.data), int64(mostAnswer)
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
			results = collect(results, outputs, result, at+row, in.rows, &room)
		}
		if err := lane.Do(ctx, it); err != nil {
			return nil, err
		}
		if room < 0 {
			return nil, largeAnswer(in.rows)
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
	room := int64(mostAnswer)
	for from := 0; from < in.rows && failed == nil; {
		to := min(from+r.model.predictor.Limit(), in.rows)
		mark := r.model.suspects.Beside()
		batching.Predict(ctx, batch, from, to, func(outputs []framework.Output, result, row int) {
			results = collect(results, outputs, result, row, in.rows, &room)
		}, func(_ int, err error) { failed = err })
		mark.End()
		if room < 0 {
			return nil, largeAnswer(in.rows)
		}
		from = to
	}
	return results, failed
}

// mostAnswer bounds the outputs of a request: a row of one byte may be answered by
// thousands of numbers.
const mostAnswer = 32 << 20

func largeAnswer(rows int) error {
	return pipeline.Invalidf("inputs", "the outputs of %d rows take more than %d MiB", rows, mostAnswer>>20).WithHint("ask for fewer rows at once")
}

// collect copies a row of the outputs into the results, as long as there is room.
func collect(results []result, outputs []framework.Output, from, into, rows int, room *int64) []result {
	if len(results) == 0 {
		for k := range outputs {
			*room -= int64(rows) * int64(outputs[k].Size)
		}
	}
	for k := range outputs {
		o := &outputs[k]
		if o.DType == codec.String {
			*room -= int64(len(o.Row(from)))
		}
	}
	if *room < 0 {
		return results
	}
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
