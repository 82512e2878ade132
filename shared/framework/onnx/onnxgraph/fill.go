package onnxgraph

import (
	"fmt"
	"io"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kafkaml/kafkaml/shared/codec"
)

// Weight is the value of an input that is a weight.
type Weight struct {
	Name  string
	DType codec.DType
	Shape []int
	Data  []byte // little-endian, row-major
}

// Fill writes the model of open, an ONNX file whose weights are inputs of its
// graph, with the values of weights in place of the inputs of their names. It
// never holds the weights a second time. An error of open or of the weights is
// an Invalid *pipeline.Error.
func Fill(w io.Writer, open []byte, weights []Weight) error {
	m, err := parse(open)
	if err != nil {
		return refused(err)
	}
	if err := m.graph.takes(weights); err != nil {
		return refused(err)
	}
	head, graph, tail := cut(open, 7)
	f := filling{}
	for _, x := range weights {
		f.tensors = append(f.tensors, tensorHead(x))
		f.data = append(f.data, x.Data)
	}
	f.rest = withoutInputs(graph, weights)
	size := f.size()
	head = protowire.AppendVarint(protowire.AppendTag(slices.Clone(head), 7, protowire.BytesType), uint64(size))
	if len(head)+size+len(tail) > mostModel {
		return refused(refuse("serve it by TensorFlow", "with its weights it has more than %d bytes", mostModel))
	}
	if _, err := w.Write(head); err != nil {
		return fmt.Errorf("write ONNX model: %w", err)
	}
	if err := f.write(w); err != nil {
		return fmt.Errorf("write ONNX model: %w", err)
	}
	if _, err := w.Write(tail); err != nil {
		return fmt.Errorf("write ONNX model: %w", err)
	}
	return nil
}

// takes holds weights against the inputs of their names.
func (g *graph) takes(weights []Weight) error {
	seen := map[string]bool{}
	for _, x := range weights {
		if seen[x.Name] {
			return fmt.Errorf("the weight %q is given twice", x.Name)
		}
		seen[x.Name] = true
		if err := find(g.inputs, Tensor{Name: x.Name, DType: x.DType, Shape: x.Shape}, "weight", false, holds); err != nil {
			return err
		}
		n := x.DType.Size()
		for _, d := range x.Shape {
			n *= d
		}
		if len(x.Data) != n {
			return fmt.Errorf("the weight %q of %s %v has %d bytes, not %d", x.Name, x.DType, x.Shape, n, len(x.Data))
		}
	}
	return nil
}

// holds is for weights, whose shape a graph may leave open.
func holds(size, given int64) bool { return given >= 0 && (size == given || size == -1) }

// cut finds the only member of a number in a message that parse has read: what
// is before it, its bytes, and what is after it.
func cut(b []byte, number protowire.Number) (head, inside, tail []byte) {
	for at := 0; at < len(b); {
		n, kind, tag := protowire.ConsumeTag(b[at:])
		end := at + tag + protowire.ConsumeFieldValue(n, kind, b[at+tag:])
		if n == number {
			inside, _ = protowire.ConsumeBytes(b[at+tag:])
			return b[:at], inside, b[end:]
		}
		at = end
	}
	return b, nil, nil
}

// withoutInputs is a GraphProto without the inputs that are weights, in pieces.
func withoutInputs(graph []byte, weights []Weight) (pieces [][]byte) {
	filled := map[string]bool{}
	for _, x := range weights {
		filled[x.Name] = true
	}
	from := 0
	for at := 0; at < len(graph); {
		n, kind, tag := protowire.ConsumeTag(graph[at:])
		end := at + tag + protowire.ConsumeFieldValue(n, kind, graph[at+tag:])
		if n == 11 {
			info, _ := protowire.ConsumeBytes(graph[at+tag:])
			if _, name, _ := cut(info, 1); filled[string(name)] {
				pieces = append(pieces, graph[from:at])
				from = end
			}
		}
		at = end
	}
	return append(pieces, graph[from:])
}

// filling is a GraphProto to be written: initializers, each a head and its
// data, then the rest.
type filling struct {
	tensors, data, rest [][]byte
}

func (f *filling) size() (n int) {
	for _, all := range [][][]byte{f.tensors, f.data, f.rest} {
		for _, b := range all {
			n += len(b)
		}
	}
	return n
}

func (f *filling) write(w io.Writer) error {
	for i := range f.tensors {
		if _, err := w.Write(f.tensors[i]); err != nil {
			return err
		}
		if _, err := w.Write(f.data[i]); err != nil {
			return err
		}
	}
	for _, b := range f.rest {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// tensorHead is an initializer as a member of a GraphProto, up to where its raw
// data begins.
func tensorHead(x Weight) []byte {
	var t []byte
	for _, d := range x.Shape {
		t = protowire.AppendVarint(protowire.AppendTag(t, 1, protowire.VarintType), uint64(d)) // #nosec G115 -- takes has seen that it is none below 0
	}
	dtype, _ := typeOf(x.DType)
	t = protowire.AppendVarint(protowire.AppendTag(t, 2, protowire.VarintType), uint64(dtype)) // #nosec G115 -- a small number
	t = protowire.AppendString(protowire.AppendTag(t, 8, protowire.BytesType), x.Name)
	t = protowire.AppendVarint(protowire.AppendTag(t, 9, protowire.BytesType), uint64(len(x.Data)))
	member := protowire.AppendTag(nil, 5, protowire.BytesType)
	member = protowire.AppendVarint(member, uint64(len(t)+len(x.Data))) // #nosec G115 -- a length
	return append(member, t...)
}

// Inputs names the inputs of a graph in their order, weights among them.
func Inputs(model []byte) ([]string, error) {
	m, err := parse(model)
	if err != nil {
		return nil, refused(err)
	}
	names := make([]string, len(m.graph.inputs))
	for i, in := range m.graph.inputs {
		names[i] = in.name
	}
	return names, nil
}
