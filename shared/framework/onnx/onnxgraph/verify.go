// Package onnxgraph reads ONNX graphs that strangers made: it verifies them by
// an allow list before anything loads them, and writes weights into a graph that
// was exported with its weights as inputs. It runs no graph and links nothing.
package onnxgraph

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	mostModel       = 2<<30 - 1 // bytes of a file, which is one protobuf message
	mostTensors     = 2 << 30   // bytes of all tensors of a model
	mostInitialized = 100_000   // tensors of a model
)

// Want says what a graph must take and give.
type Want struct {
	Inputs, Outputs []Tensor
	Open            []Tensor // inputs that are weights to be filled in; nil: none may be left
}

// Tensor is an input or output of a graph.
type Tensor struct {
	Name  string
	DType codec.DType
	Shape []int // of one record, the batch left out; of a weight the whole; -1 where it is open
}

// WantOf is what the graph of an export must take and give, its open weights
// left out.
func WantOf(e pipeline.Export) (w Want, err error) {
	for _, side := range []struct {
		of []pipeline.Tensor
		to *[]Tensor
	}{{e.Inputs, &w.Inputs}, {e.Outputs, &w.Outputs}} {
		for _, t := range side.of {
			d, err := codec.ParseDType(t.DType)
			if err != nil {
				return Want{}, refused(fmt.Errorf("%q: %w", t.Name, err))
			}
			*side.to = append(*side.to, Tensor{Name: t.SignatureName(), DType: d, Shape: t.Shape})
		}
	}
	return w, nil
}

// refusal is an error that says what to do.
type refusal struct{ reason, hint string }

func (r *refusal) Error() string { return r.reason }

func refuse(hint, format string, args ...any) error {
	return &refusal{fmt.Sprintf(format, args...), hint}
}

// PyTorch's exporter puts weights into a second file unless told not to.
var errExternal = refuse("save it as one file: with external_data=False of torch.onnx.export, or by onnx.save(onnx.load(path), other)", "it keeps its values in another file")

// toNumbers is what to do about text.
const toNumbers = "let the model take numbers: encode text before it; a model of Keras that takes text is served from its .keras file or SavedModel"

// refused is the error that people read.
func refused(err error) error {
	if err == nil {
		return nil
	}
	hint := "export the model again, with operators of ai.onnx and ai.onnx.ml only, as one file"
	var r *refusal
	switch {
	case errors.As(err, &r):
		hint = r.hint
	case errors.Is(err, io.ErrUnexpectedEOF):
		hint = "send the file again: it may have been cut off"
	}
	return &pipeline.Error{
		Op: "verify ONNX graph", Kind: pipeline.Invalid, Field: "model", Err: err,
		Reason: "the ONNX graph is refused: " + strings.ToValidUTF8(err.Error(), "\uFFFD"), Hint: hint,
	}
}

// Verify checks a graph before anything loads it: only operators that compute,
// nothing outside of the file, sizes within bounds, just the inputs of want, and
// its outputs, beside which it may have others. It reads the file as any protobuf parser does, or refuses it.
// The error is an Invalid *pipeline.Error.
func Verify(file []byte, want Want) error {
	m, err := check(file)
	if err != nil {
		return refused(err)
	}
	return refused(m.graph.checkInterface(want))
}

// check reads a file and checks all but its inputs and outputs.
func check(file []byte) (*model, error) {
	if len(file) > mostModel {
		return nil, fmt.Errorf("%d bytes, more than %d", len(file), mostModel)
	}
	m, err := parse(file)
	if err != nil {
		return nil, err
	}
	if err := m.checkVersions(); err != nil {
		return nil, err
	}
	c := checker{opsets: m.opsets, made: map[string]bool{}, taken: map[string]bool{}}
	if err := c.graph(m.graph, nil); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(c.taken)) {
		if !c.made[name] && name != "" { // nothing is an operand that may be left out
			return nil, fmt.Errorf("%.100q is taken, but nothing makes it", name)
		}
	}
	return m, m.graph.checkPassed()
}

// checkPassed refuses an output that is an input as it comes: ONNX Runtime does
// not write that into the memory it is given for outputs, which then holds zeros.
func (g *graph) checkPassed() error {
	for _, out := range g.outputs {
		if slices.ContainsFunc(g.inputs, func(in value) bool { return in.name == out.name }) {
			return refuse("put an Identity between the two, or leave the output out", "its output %.100q is its input, which no operator has computed", out.name)
		}
	}
	return nil
}

func (m *model) checkVersions() error {
	if m.ir < leastIR || m.ir > mostIR {
		return refuse("save it with another: model.ir_version = 10, then onnx.save(model, path)", "its format has version %d, %d to %d are known", m.ir, leastIR, mostIR)
	}
	if len(m.opsets) == 0 {
		return fmt.Errorf("it does not say in which version it uses operators")
	}
	for domain, version := range m.opsets {
		o, ok := opsets[domain]
		if !ok { // exporters name domains of which they use no operator
			continue
		}
		if version < o.least || version > o.most {
			return refuse("convert it: onnx.version_converter.convert_version(model, 18)",
				"it uses the operators of %s in version %d, %d to %d are known", domain, version, o.least, o.most)
		}
	}
	return nil
}

// checker goes through a graph and the graphs within it.
type checker struct {
	opsets         map[string]int64
	tensors, bytes int64           // so far
	made, taken    map[string]bool // values of all graphs
}

func (c *checker) graph(g *graph, around *constants) error {
	for i := range g.initializers {
		if err := c.tensor(&g.initializers[i]); err != nil {
			return err
		}
	}
	made, err := g.checkNames()
	if err != nil {
		return err
	}
	maps.Copy(c.made, made)
	for _, v := range g.outputs {
		c.taken[v.name] = true
	}
	known := g.scope(around)
	for i := range g.nodes {
		if err := c.node(&g.nodes[i], known); err != nil {
			return g.nodes[i].at(err)
		}
	}
	return nil
}

// checkNames holds that each value is made once, and gives their names.
func (g *graph) checkNames() (made map[string]bool, err error) {
	made = map[string]bool{}
	take := func(name string) error {
		if made[name] {
			return fmt.Errorf("%.100q is made twice", name)
		}
		made[name] = true
		return nil
	}
	for _, v := range g.inputs {
		if err := take(v.name); err != nil {
			return nil, err
		}
	}
	initialized := map[string]bool{}
	for _, t := range g.initializers {
		if initialized[t.name] || t.name == "" {
			return nil, fmt.Errorf("tensor %.100q is there twice, or has no name", t.name)
		}
		initialized[t.name], made[t.name] = true, true // an input of its name has it as default
	}
	for i := range g.nodes {
		for _, o := range g.nodes[i].outputs {
			if o == "" {
				continue // not wanted
			}
			if err := take(o); err != nil {
				return nil, g.nodes[i].at(err)
			}
		}
	}
	return made, nil
}

func (c *checker) tensor(t *tensor) error {
	c.tensors++
	c.bytes += t.bytes
	if c.tensors > mostInitialized || c.bytes > mostTensors {
		return fmt.Errorf("tensor %.100q: %d tensors of %d bytes, more than %d or %d", t.name, c.tensors, c.bytes, mostInitialized, int64(mostTensors))
	}
	if t.dtype == typeString {
		return refuse(toNumbers, "tensor %.100q holds text", t.name)
	}
	return nil
}

func (c *checker) node(n *node, known *constants) error {
	for _, name := range n.inputs {
		c.taken[name] = true
	}
	if operators[n.domain] == nil {
		hint := "export it without custom operators"
		if n.domain == microsoft {
			hint = "send the model as it was before ONNX Runtime optimized or quantized it, which brings these in"
		}
		return refuse(hint, "it uses operators of %.100q: only ai.onnx and ai.onnx.ml are allowed", n.domain)
	}
	if n.domain == onnx && textual[n.op] {
		return refuse(toNumbers, "the operator %s works on text", n.op)
	}
	if _, imported := c.opsets[n.domain]; !imported || !operators[n.domain][n.op] {
		return refuse("use operators of ai.onnx and ai.onnx.ml that only compute", "the operator %.100s of %.100q is not allowed", n.op, n.domain)
	}
	seen := map[string]bool{}
	for i := range n.attributes {
		a := &n.attributes[i]
		if seen[a.name] {
			return fmt.Errorf("the attribute %.100q is there twice", a.name)
		}
		seen[a.name] = true
		for k := range a.tensors {
			if err := c.tensor(&a.tensors[k]); err != nil {
				return err
			}
		}
		if len(a.graphs) > 0 && (n.domain != onnx || !bodies[n.op]) {
			return fmt.Errorf("the attribute %.100q holds a graph", a.name)
		}
		for _, body := range a.graphs {
			if err := c.graph(body, known); err != nil {
				return err
			}
			if err := n.checkLoop(body); err != nil {
				return err
			}
		}
	}
	if err := n.checkSingle(known); err != nil {
		return err
	}
	if err := n.checkOperands(known); err != nil {
		return err
	}
	return n.checkSize(known)
}
