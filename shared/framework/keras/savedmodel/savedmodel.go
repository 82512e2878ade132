// Package savedmodel reads the parts of a SavedModel's saved_model.pb that
// decide what running its graph can do: nodes, functions, who calls whom,
// signatures, the saver.
//
// It is for bytes that nobody vouches for. It knows no more of the messages
// than it reports, and refuses what two parsers could read differently: a
// singular member, a map key, a node or a function that comes twice. Member
// numbers are those of tensorflow/core/framework and core/protobuf.
package savedmodel

import (
	"fmt"

	"github.com/kafkaml/kafkaml/shared/protofield"
)

// Model is one SavedModel.
type Model struct {
	Nodes       []Node // of the graph itself
	Functions   map[string]*Function
	Signatures  map[string]Signature
	Saver       Saver
	Tags        []string
	MetaGraphs  int // one, in what Keras exports
	Assets      int // files that the graph would read at its start
	Gradients   int // functions bound as gradients of others
	Collections []string
}

// Function is one function of the library.
type Function struct {
	Name  string
	Args  []Arg
	Outs  []string // names of its outputs, in order
	Attrs map[string]Attr
	Nodes []Node
	Rets  map[string]string // output name to the tensor in the body
}

// Arg is one argument of a function.
type Arg struct {
	Name string
	Type DType
}

// Node is one operation.
type Node struct {
	Name   string
	Op     string
	Inputs []string
	Device string
	Attrs  map[string]Attr
}

// Attr is one attribute of a node. Lists are gathered into the same members.
type Attr struct {
	Calls   []string // functions that it names
	Strings []string
	Ints    []int64
	Types   []DType
	Shapes  []Shape
	Tensors []Constant
	True    bool // it is a boolean, and true
}

// Constant is a tensor in the file. Shape is what it claims: a few bytes may
// stand for a large tensor of one value.
type Constant struct {
	Type    DType
	Shape   Shape
	Strings []string // of a string tensor
	Ints    []int64  // of one of int32; of more than some few, the first
}

// Shape holds the sizes of the axes, -1 for an open one.
type Shape struct {
	Dims        []int64
	UnknownRank bool
}

// Signature is one entry point.
type Signature struct {
	Inputs, Outputs map[string]TensorInfo
	Defaults        int // inputs with a default value
}

// TensorInfo is one input or output of a signature.
type TensorInfo struct {
	Name  string // of the tensor in the graph: "node:0"
	Type  DType
	Shape Shape
	Plain bool // a dense tensor, not sparse or composite
}

// Saver names what saves and restores the variables.
type Saver struct {
	Filename string // tensor to feed with the path prefix
	Save     string // tensor to fetch to save
	Restore  string // operation to run to restore
}

// Parse reads the bytes of a saved_model.pb.
func Parse(b []byte) (*Model, error) {
	m, r := &Model{Functions: map[string]*Function{}, Signatures: map[string]Signature{}}, &reader{}
	err := r.walk(b, numbers(1), func(f protofield.Field) error {
		if f.Number != 2 {
			return nil
		}
		if m.MetaGraphs++; m.MetaGraphs > 1 {
			return fmt.Errorf("more than one graph")
		}
		return m.metaGraph(r, f.Bytes)
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Model) metaGraph(r *reader, b []byte) error {
	var signatures entries[Signature]
	var collections entries[struct{}]
	err := r.walk(b, numbers(1, 2, 3, 7), func(f protofield.Field) (err error) {
		switch f.Number {
		case 1:
			return m.info(r, f.Bytes)
		case 2:
			return m.graph(r, f.Bytes)
		case 3:
			m.Saver, err = r.parseSaver(f.Bytes)
			return err
		case 4:
			return collections.add(r, f.Bytes, func([]byte) (struct{}, error) { return struct{}{}, nil })
		case 5:
			return signatures.add(r, f.Bytes, r.parseSignature)
		case 6:
			m.Assets++
		}
		return nil
	})
	for name, s := range signatures {
		m.Signatures[name] = s
	}
	for name := range collections {
		m.Collections = append(m.Collections, name)
	}
	return err
}

func (m *Model) info(r *reader, b []byte) error {
	return r.walk(b, 0, func(f protofield.Field) error {
		if f.Number == 4 {
			m.Tags = append(m.Tags, string(f.Bytes))
		}
		return nil
	})
}

func (m *Model) graph(r *reader, b []byte) error {
	seen := map[string]bool{}
	return r.walk(b, numbers(2, 4), func(f protofield.Field) error {
		switch f.Number {
		case 1:
			return r.addNode(&m.Nodes, seen, f.Bytes)
		case 2:
			return m.library(r, f.Bytes)
		}
		return nil
	})
}

func (m *Model) library(r *reader, b []byte) error {
	return r.walk(b, 0, func(f protofield.Field) error {
		switch f.Number {
		case 1:
			fn, err := r.parseFunction(f.Bytes)
			if err != nil {
				return fmt.Errorf("function %q: %w", fn.Name, err)
			}
			if m.Functions[fn.Name] != nil {
				return fmt.Errorf("function %q: %w", fn.Name, errRepeated)
			}
			m.Functions[fn.Name] = fn
		case 2: // 3 are gradients by name, which only Python looks up
			m.Gradients++
		}
		return nil
	})
}

func (r *reader) parseSaver(b []byte) (s Saver, err error) {
	err = r.walk(b, numbers(1, 2, 3), func(f protofield.Field) error {
		switch f.Number {
		case 1:
			s.Filename = string(f.Bytes)
		case 2:
			s.Save = string(f.Bytes)
		case 3:
			s.Restore = string(f.Bytes)
		}
		return nil
	})
	return s, err
}

func (r *reader) parseSignature(b []byte) (Signature, error) {
	var in, out entries[TensorInfo]
	s := Signature{}
	err := r.walk(b, numbers(3), func(f protofield.Field) error {
		switch f.Number {
		case 1:
			return in.add(r, f.Bytes, r.parseTensorInfo)
		case 2:
			return out.add(r, f.Bytes, r.parseTensorInfo)
		case 4:
			s.Defaults++
		}
		return nil
	})
	s.Inputs, s.Outputs = in, out
	return s, err
}

func (r *reader) parseTensorInfo(b []byte) (t TensorInfo, err error) {
	if err := r.spend(ofTensor); err != nil {
		return t, err
	}
	t.Plain = true
	err = r.walk(b, numbers(1, 2, 3, 4, 5), func(f protofield.Field) (err error) {
		switch f.Number {
		case 1:
			t.Name = string(f.Bytes)
		case 2:
			t.Type = DType(f.Value)
		case 3:
			t.Shape, err = r.parseShape(f.Bytes)
		case 4, 5: // coordinates of a sparse tensor, a composite one
			t.Plain = false
		}
		return err
	})
	return t, err
}
