package predict

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework/tensorflow"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// inferRequest is the body of an inference request.
type inferRequest struct {
	ID      string        `json:"id"`
	Inputs  []inferInput  `json:"inputs"`
	Outputs []inferOutput `json:"outputs"`
}

type inferInput struct {
	Name     string          `json:"name"`
	Shape    []int           `json:"shape"`
	Datatype string          `json:"datatype"`
	Data     json.RawMessage `json:"data"`
}

type inferOutput struct {
	Name string `json:"name"`
}

// rowsOf are the tensors of a request in the model's types.
type rowsOf struct {
	rows   int
	layout []codec.Tensor // of one row
	data   [][]byte
}

// infer answers POST /v2/models/{name}/infer.
func (s *Service) infer(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	var request inferRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		writeRefusal(w, statusOf(&pipeline.Error{Kind: pipeline.Invalid, Err: err}, http.StatusBadRequest), err)
		return
	}
	in, err := readTensors(request.Inputs, s.predictor.Inputs())
	if err == nil {
		err = s.checkOutputs(request.Outputs)
	}
	if err != nil {
		writeRefusal(w, http.StatusBadRequest, err)
		return
	}
	results, err := s.inferRows(r.Context(), in)
	if err != nil {
		writeRefusal(w, statusOf(err, http.StatusBadRequest), err)
		return
	}
	s.metrics.done(wayRequest, in.rows, began)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.appendResponse(nil, request, in.rows, results)) // the client may be gone
}

func (s *Service) checkOutputs(asked []inferOutput) error {
	for _, o := range asked {
		if !slices.ContainsFunc(s.predictor.Outputs(), func(t pipeline.Tensor) bool { return t.Name == o.Name }) {
			return pipeline.Invalidf("outputs", "the model has no output %q", o.Name)
		}
	}
	return nil
}

// maxRows bounds one request, whatever the size of its rows.
const maxRows = 1 << 20

// readTensors checks a request's tensors against the model's inputs and casts
// them to its types.
func readTensors(given []inferInput, inputs []pipeline.Tensor) (rowsOf, error) {
	in := rowsOf{rows: -1}
	if len(given) != len(inputs) {
		return in, pipeline.Invalidf("inputs", "%d are given, the model takes %d", len(given), len(inputs))
	}
	for _, want := range inputs {
		i := slices.IndexFunc(given, func(g inferInput) bool { return g.Name == want.Name })
		if i < 0 {
			return in, pipeline.Invalidf("inputs", "the input %q is missing", want.Name)
		}
		g := given[i]
		if len(g.Shape) == 0 || g.Shape[0] < 1 || g.Shape[0] > maxRows || in.rows >= 0 && g.Shape[0] != in.rows {
			return in, pipeline.Invalidf("inputs", "%q of shape %v: the first size is the number of rows, 1 or more and the same for all inputs", g.Name, g.Shape)
		}
		in.rows = g.Shape[0]
		layout, data, err := readTensor(g, want)
		if err != nil {
			return in, pipeline.Invalidf("inputs", "%q: %v", g.Name, err)
		}
		in.layout, in.data = append(in.layout, layout), append(in.data, data)
	}
	return in, nil
}

func readTensor(g inferInput, want pipeline.Tensor) (codec.Tensor, []byte, error) {
	as, ok := datatypes[g.Datatype]
	if !ok {
		return codec.Tensor{}, nil, pipeline.Invalidf("datatype", "%q is not a type of numbers", g.Datatype)
	}
	to, _ := codec.ParseDType(want.DType) // of the model's own signature
	row := codec.Tensor{Name: want.Name, DType: to, Shape: want.Shape}
	if want.Elements() < 0 {
		row.Shape = g.Shape[1:]
	}
	elements := 1
	for _, d := range g.Shape {
		if d < 0 || d > maxBody || elements*d > maxBody { // a number takes two bytes of a body at least
			return row, nil, pipeline.Invalidf("shape", "%v is too large", g.Shape)
		}
		elements *= d
	}
	if elements == 0 || elements != g.Shape[0]*row.Elements() {
		return row, nil, pipeline.Invalidf("shape", "%v does not fit the model's %v", g.Shape, append([]int{-1}, want.Shape...))
	}
	if elements > len(g.Data) {
		return row, nil, pipeline.Invalidf("data", "has fewer numbers than its shape")
	}
	raw := make([]byte, elements*as.Size())
	if err := readNumbers(raw, as, g.Data); err != nil {
		return row, nil, err
	}
	data := make([]byte, elements*to.Size())
	return row, data, codec.Cast(data, to, raw, as)
}

// result is one output of a request.
type result struct {
	name  string
	dtype codec.DType
	shape []int // of one row
	data  []byte
}

// inferRows predicts the rows in pieces of the size that suits the model,
// together with what else comes at the time.
func (s *Service) inferRows(ctx context.Context, in rowsOf) ([]result, error) {
	lane := s.tensors
	for i, t := range in.layout {
		if !slices.Equal(t.Shape, lane.layout[i].Shape) { // a size that the model leaves open
			return s.inferAlone(ctx, in)
		}
	}
	var results []result
	for from := 0; from < in.rows; {
		n := min(s.predictor.Limit(), in.rows-from)
		it := &item{rows: n, data: make([][]byte, len(in.data))}
		for k, size := range lane.size {
			it.data[k] = in.data[k][from*size : (from+n)*size]
		}
		at := from
		it.take = func(outputs []tensorflow.Output, row, into int) {
			results = collect(results, outputs, row, at+into, in.rows)
		}
		if err := lane.do(ctx, it); err != nil {
			return nil, err
		}
		from += n
	}
	return results, nil
}

// inferAlone predicts rows of a shape that records do not have.
func (s *Service) inferAlone(ctx context.Context, in rowsOf) ([]result, error) {
	batch, err := s.predictor.NewBatchOf(in.layout)
	if err != nil {
		return nil, err
	}
	for r := range in.rows {
		for k, dst := range batch.Next() {
			copy(dst, in.data[k][r*len(dst):])
		}
	}
	var results []result
	var failed error
	for from := 0; from < in.rows && failed == nil; {
		to := min(from+s.predictor.Limit(), in.rows)
		s.predictRows(ctx, batch, from, to, func(outputs []tensorflow.Output, result, row int) {
			results = collect(results, outputs, result, row, in.rows)
		}, func(_ int, err error) { failed = err })
		from = to
	}
	return results, failed
}

// collect copies a row of the outputs into the results.
func collect(results []result, outputs []tensorflow.Output, from, into, rows int) []result {
	for k := range outputs {
		o := &outputs[k]
		if len(results) <= k {
			results = append(results, result{name: o.Name, dtype: o.DType, shape: slices.Clone(o.Shape), data: make([]byte, rows*o.Size)})
		}
		copy(results[k].data[into*o.Size:], o.Row(from))
	}
	return results
}

// appendResponse writes the answer; data is flat, row-major.
func (s *Service) appendResponse(dst []byte, request inferRequest, rows int, results []result) []byte {
	dst = append(dst, `{"model_name":`...)
	dst = appendString(dst, s.job.Name)
	dst = append(append(append(dst, `,"model_version":"`...), s.version()...), '"')
	if request.ID != "" {
		dst = appendString(append(dst, `,"id":`...), request.ID)
	}
	dst = append(dst, `,"outputs":[`...)
	first := true
	for _, r := range results {
		if len(request.Outputs) > 0 && !slices.Contains(request.Outputs, inferOutput{r.name}) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendString(append(dst, `{"name":`...), r.name)
		dst = append(append(append(dst, `,"datatype":"`...), datatypeOf(r.dtype)...), `","shape":[`...)
		dst = strconv.AppendInt(dst, int64(rows), 10)
		for _, d := range r.shape {
			dst = strconv.AppendInt(append(dst, ','), int64(d), 10)
		}
		dst = append(appendNumbers(append(dst, `],"data":[`...), r.dtype, r.data), `]}`...)
	}
	return append(dst, `]}`...)
}

func appendString(dst []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string always marshals
	return append(dst, quoted...)
}
