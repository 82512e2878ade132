package predict

import (
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/functions/predict/output"
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
		return in, pipeline.Invalidf("inputs", "%d are given, the model takes %d", len(given), len(inputs)).WithHint("it takes %s", namesOf(inputs))
	}
	for _, want := range inputs {
		i := slices.IndexFunc(given, func(g inferInput) bool { return g.Name == want.Name })
		if i < 0 {
			return in, pipeline.Invalidf("inputs", "the input %q is missing", want.Name).WithHint("the model takes %s", namesOf(inputs))
		}
		g := given[i]
		if len(g.Shape) == 0 || g.Shape[0] < 1 || g.Shape[0] > maxRows || in.rows >= 0 && g.Shape[0] != in.rows {
			return in, pipeline.Invalidf("inputs", "%q of shape %v: the first size is the number of rows, 1 or more and the same for all inputs", g.Name, g.Shape)
		}
		in.rows = g.Shape[0]
		layout, data, err := readTensor(&g, want)
		if err != nil {
			return in, pipeline.Invalidf("inputs", "%q: %s", g.Name, output.ReasonOf(err))
		}
		in.layout, in.data = append(in.layout, layout), append(in.data, data)
	}
	return in, nil
}

func readTensor(g *inferInput, want pipeline.Tensor) (codec.Tensor, []byte, error) {
	row, as, elements, err := checkTensor(g, want)
	switch {
	case err != nil:
		return row, nil, err
	case as == codec.String && g.raw != nil:
		return row, g.raw, checkTexts(g.raw, elements)
	case as == codec.String:
		data, err := readTexts(nil, elements, g.Data)
		return row, data, err
	}
	raw := g.raw
	if raw == nil {
		raw = make([]byte, elements*as.Size())
		if err := readNumbers(raw, as, g.Data); err != nil {
			return row, nil, err
		}
	} else if err := checkBinary(raw, as, elements); err != nil {
		return row, nil, err
	}
	if as == row.DType {
		return row, raw, nil
	}
	data := make([]byte, elements*row.DType.Size())
	return row, data, codec.Cast(data, row.DType, raw, as)
}

// checkTensor gives the layout of a row, the type of the given elements and
// their number.
func checkTensor(g *inferInput, want pipeline.Tensor) (row codec.Tensor, as codec.DType, elements int, err error) {
	as, ok := datatypes[g.Datatype]
	if !ok {
		return row, as, 0, pipeline.Invalidf("datatype", "%q is not a type", g.Datatype)
	}
	to, _ := codec.ParseDType(want.DType) // of the model's own signature
	row = codec.Tensor{Name: want.Name, DType: to, Shape: want.Shape}
	if want.Elements() < 0 {
		row.Shape = g.Shape[1:]
	}
	elements = 1
	for _, d := range g.Shape {
		if d < 0 || d > maxBody || elements*d > maxBody { // an element takes a byte of a body at least
			return row, as, 0, pipeline.Invalidf("shape", "%v is too large", g.Shape)
		}
		elements *= d
	}
	switch {
	case (as == codec.String) != (to == codec.String):
		err = pipeline.Invalidf("datatype", "%s does not fit the model, which takes %s", g.Datatype, datatypeOf(to))
	case elements == 0 || elements != g.Shape[0]*row.Elements():
		err = pipeline.Invalidf("shape", "%v does not fit the model's %v", g.Shape, append([]int{-1}, want.Shape...))
	case g.Parameters.SharedMemory != nil:
		err = pipeline.Invalidf("shared_memory_region", "shared memory cannot be read here").WithHint("send the data in the request")
	case g.raw == nil && elements > len(g.Data):
		err = pipeline.Invalidf("data", "has fewer elements than its shape")
	}
	return row, as, elements, err
}

// checkBinary holds the length of binary data against the shape.
func checkBinary(raw []byte, d codec.DType, elements int) error {
	if want := elements * d.Size(); len(raw) != want {
		return pipeline.Invalidf("data", "has %d bytes, and %d elements of %s have %d", len(raw), elements, datatypeOf(d), want)
	}
	if d != codec.Bool {
		return nil
	}
	if i := slices.IndexFunc(raw, func(b byte) bool { return b > 1 }); i >= 0 {
		return pipeline.Invalidf("data", "byte %d is %d, and a BOOL is 0 or 1", i, raw[i])
	}
	return nil
}

// checkTexts holds binary data of text against the shape.
func checkTexts(raw []byte, elements int) error {
	rest := raw
	for i := range elements {
		var ok bool
		if _, rest, ok = codec.CutText(rest); !ok {
			return pipeline.Invalidf("data", "%d bytes end within element %d of %d: each has its length before it, in 4 bytes, little-endian", len(raw), i, elements)
		}
	}
	if len(rest) > 0 {
		return pipeline.Invalidf("data", "%d bytes are left over after %d elements", len(rest), elements)
	}
	return nil
}

// checkAsked refuses to give an output that the model does not have, and in
// another form than it is.
func checkAsked(asked []inferOutput, outputs []pipeline.Tensor) error {
	for _, o := range asked {
		switch {
		case !slices.ContainsFunc(outputs, func(t pipeline.Tensor) bool { return t.Name == o.Name }):
			return pipeline.Invalidf("outputs", "the model has no output %q", o.Name).WithHint("it has %s", namesOf(outputs))
		case o.Parameters.Classification != nil:
			return pipeline.Invalidf("outputs", "%q: its parameter classification is not served", o.Name).WithHint("take the output as it is")
		case o.Parameters.SharedMemory != nil:
			return pipeline.Invalidf("outputs", "%q: shared memory cannot be written here", o.Name).WithHint("take the output in the answer")
		}
	}
	return nil
}

func namesOf(tensors []pipeline.Tensor) string {
	all := make([]string, len(tensors))
	for i, t := range tensors {
		all[i] = t.Name
	}
	return strings.Join(all, ", ")
}
