package onnxgraph

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	mostSides  = 100       // inputs or outputs of a model
	mostRank   = 16        // of one record
	mostRecord = 256 << 20 // bytes of one record's tensor
	mostLabel  = 200       // bytes of a name that people read
)

// Description is what a graph says of itself.
type Description struct {
	Inputs, Outputs []pipeline.Tensor
	Dropped         []string // why outputs that the graph has are not among Outputs
	Parameters      int64    // values of its initializers
	Opset           int64    // of ai.onnx; 0 where it uses ai.onnx.ml alone
	Producer        string   // that wrote it, may be empty
	ProducerVersion string
}

// Describe verifies a finished graph as Verify does and gives its own inputs and
// outputs. Each must hold any number of records as its first size. Outputs of
// text or of no tensor are left out where others are left. The error is an
// Invalid *pipeline.Error.
func Describe(file []byte) (d Description, err error) {
	m, err := check(file)
	if err != nil {
		return d, refused(err)
	}
	d.Opset, d.Producer, d.ProducerVersion = m.opsets[onnx], shown(m.producer), shown(m.producerVersion)
	for i := range m.graph.initializers {
		d.Parameters += m.graph.initializers[i].elements
	}
	if d.Inputs, err = m.graph.takesItself(); err != nil {
		return d, refused(err)
	}
	if err = m.graph.givesItself(&d); err != nil {
		return d, refused(err)
	}
	return d, nil
}

// shown is a text of a file as it can be shown, empty where it cannot.
func shown(text string) string {
	if len(text) > mostLabel || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ""
	}
	return text
}

// takesItself are the inputs of a graph that has all its weights.
func (g *graph) takesItself() (all []pipeline.Tensor, err error) {
	for _, v := range g.open() {
		if v.dtype == 0 {
			return nil, refuse("export it with tensors as inputs", "its input %.100q is no tensor", v.name)
		}
		t, err := v.record("input")
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	if len(all) == 0 || len(all) > mostSides {
		return nil, fmt.Errorf("it has %d inputs, 1 to %d are allowed", len(all), mostSides)
	}
	return all, nil
}

// open are the inputs that have no value in the graph.
func (g *graph) open() []value {
	defaults := map[string]bool{}
	for _, t := range g.initializers {
		defaults[t.name] = true
	}
	return slices.DeleteFunc(slices.Clone(g.inputs), func(v value) bool { return defaults[v.name] })
}

// givesItself notes the outputs of a graph.
func (g *graph) givesItself(d *Description) error {
	for _, v := range g.outputs {
		switch {
		case v.dtype == 0 && g.makes(v.name, "ZipMap"):
			return refuse("convert it with zipmap=False (options={'zipmap': False} of skl2onnx), which gives the probabilities as one tensor",
				"its output %.100q is a list of maps, made by ZipMap", v.name)
		case v.dtype == 0:
			d.Dropped = append(d.Dropped, fmt.Sprintf("the output %q is no tensor and is left out", shown(v.name)))
			continue
		case v.dtype == typeString:
			d.Dropped = append(d.Dropped, fmt.Sprintf("the output %q holds text and is left out", shown(v.name)))
			continue
		}
		t, err := v.record("output")
		if err != nil {
			return err
		}
		d.Outputs = append(d.Outputs, t)
	}
	if len(d.Outputs) == 0 || len(d.Outputs) > mostSides {
		return refuse("export it with numbers as outputs: of a classifier, its probabilities",
			"it has %d outputs of numbers, 1 to %d are allowed: it gives %s", len(d.Outputs), mostSides, list(g.outputs))
	}
	return nil
}

// makes reports whether the value of a name is made by an operator.
func (g *graph) makes(name, op string) bool {
	return slices.ContainsFunc(g.nodes, func(n node) bool { return n.op == op && slices.Contains(n.outputs, name) })
}

// record is a value as a tensor of one record.
func (v value) record(what string) (t pipeline.Tensor, err error) {
	k := kinds[v.dtype]
	switch {
	case shown(v.name) == "":
		return t, refuse("name it in the export (input_names, output_names)", "its %s %.100q has no name that can be shown, of at most %d bytes", what, v.name, mostLabel)
	case v.dtype == typeString:
		return t, refuse(toNumbers, "its %s %q takes text", what, v.name)
	case k.dtype == 0:
		return t, refuse("export it with another type", "its %s %q is %s, which no record holds", what, v.name, v)
	case !v.shaped:
		return t, refuse("infer its shapes and save it again: onnx.shape_inference.infer_shapes(model)", "its %s %q is of no known shape", what, v.name)
	case len(v.dims) == 0:
		return t, refuse("export it with a first size for the records in each input and output, which is open", "its %s %q is a single number, however many records there are", what, v.name)
	case !v.anyRecords(what):
		return t, refuse("export it with an open first size: dynamic_axes or dynamic_shapes of torch.onnx.export, [None, n] in initial_types of skl2onnx and onnxmltools",
			"its %s %q is %s: the first size must be open, for any number of records", what, v.name, v)
	case len(v.dims) > mostRank+1:
		return t, fmt.Errorf("its %s %q has %d sizes, at most %d are allowed", what, v.name, len(v.dims), mostRank+1)
	}
	t = pipeline.Tensor{Name: v.name, DType: k.name, Shape: []int{}}
	bytes := k.bits / 8
	for _, d := range v.dims[1:] {
		if d == 0 || d > mostRecord || bytes*max(d, 1) > mostRecord {
			return t, fmt.Errorf("its %s %q is %s: a record has 1 to %d bytes", what, v.name, v, mostRecord)
		}
		bytes *= max(d, 1)
		t.Shape = append(t.Shape, int(d))
	}
	if what == "output" && t.Elements() < 0 && (k.dtype == codec.Float16 || k.dtype == codec.BFloat16) {
		return t, refuse("cast it to float32 in the model", "its output %q is %s of an open size", v.name, k.name)
	}
	return t, nil
}
