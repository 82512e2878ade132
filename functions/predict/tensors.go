package predict

import (
	"encoding/json"
	"slices"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// datatypes are the Open Inference Protocol's names of the types.
var datatypes = map[string]codec.DType{
	"BOOL":  codec.Bool,
	"UINT8": codec.Uint8, "UINT16": codec.Uint16, "UINT32": codec.Uint32, "UINT64": codec.Uint64,
	"INT8": codec.Int8, "INT16": codec.Int16, "INT32": codec.Int32, "INT64": codec.Int64,
	"FP16": codec.Float16, "FP32": codec.Float32, "FP64": codec.Float64, "BF16": codec.BFloat16,
	"BYTES": codec.String,
}

func datatypeOf(d codec.DType) string {
	for name, have := range datatypes {
		if have == d {
			return name
		}
	}
	return ""
}

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
		return codec.Tensor{}, nil, pipeline.Invalidf("datatype", "%q is not a type", g.Datatype)
	}
	to, _ := codec.ParseDType(want.DType) // of the model's own signature
	if (as == codec.String) != (to == codec.String) {
		return codec.Tensor{}, nil, pipeline.Invalidf("datatype", "%s does not fit the model, which takes %s", g.Datatype, datatypeOf(to))
	}
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
	if to == codec.String {
		data, err := readTexts(nil, elements, g.Data)
		return row, data, err
	}
	raw := make([]byte, elements*as.Size())
	if err := readNumbers(raw, as, g.Data); err != nil {
		return row, nil, err
	}
	data := make([]byte, elements*to.Size())
	return row, data, codec.Cast(data, to, raw, as)
}

// checkAsked refuses to give an output that the model does not have.
func checkAsked(asked []inferOutput, outputs []pipeline.Tensor) error {
	for _, o := range asked {
		if !slices.ContainsFunc(outputs, func(t pipeline.Tensor) bool { return t.Name == o.Name }) {
			return pipeline.Invalidf("outputs", "the model has no output %q", o.Name)
		}
	}
	return nil
}
