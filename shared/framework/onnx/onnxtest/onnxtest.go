// Package onnxtest makes small ONNX files for tests, good ones and forged ones,
// without any tool of ONNX.
package onnxtest

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The types of TensorProto.DataType that tests use.
const (
	Float32 = 1
	Uint8   = 2
	Int32   = 6
	Int64   = 7
	String  = 8
	Bool    = 9
	Float16 = 10
	Float64 = 11
	Uint32  = 12
)

// Model is a ModelProto. Extra bytes are written after the members, here and
// below: what a forger adds.
type Model struct {
	IR     int64            // 8 where it is 0
	Opsets map[string]int64 // ai.onnx 18 where it is nil
	Graph  Graph
	Extra  []byte
}

// Graph is a GraphProto.
type Graph struct {
	Nodes           []Node
	Initializers    []Tensor
	Inputs, Outputs []Value
	Extra           []byte
}

// Node is a NodeProto.
type Node struct {
	Name, Op, Domain string
	In, Out          []string
	Attributes       []Attribute
	Extra            []byte
}

// Attribute is an AttributeProto, its value encoded.
type Attribute struct {
	Name  string
	Type  uint64
	Value []byte
}

// Tensor is a TensorProto of raw data.
type Tensor struct {
	Name  string
	DType int
	Dims  []int64
	Raw   []byte
	Extra []byte
}

// Value is a ValueInfoProto of a tensor. A size of -1 is open; of no DType it
// has no type.
type Value struct {
	Name     string
	DType    int
	Dims     []int64
	Rankless bool
}

// Encode is the file.
func (m Model) Encode() []byte {
	if m.IR == 0 {
		m.IR = 8
	}
	if m.Opsets == nil {
		m.Opsets = map[string]int64{"": 18}
	}
	b := Number(nil, 1, m.IR)
	for domain, version := range m.Opsets {
		b = Bytes(b, 8, Number(Bytes(nil, 1, []byte(domain)), 2, version))
	}
	return append(Bytes(b, 7, m.Graph.Encode()), m.Extra...)
}

// Encode is the message.
func (g Graph) Encode() (b []byte) {
	for _, n := range g.Nodes {
		b = Bytes(b, 1, n.Encode())
	}
	b = Bytes(b, 2, []byte("graph"))
	for _, t := range g.Initializers {
		b = Bytes(b, 5, t.Encode())
	}
	for _, v := range g.Inputs {
		b = Bytes(b, 11, v.Encode())
	}
	for _, v := range g.Outputs {
		b = Bytes(b, 12, v.Encode())
	}
	return append(b, g.Extra...)
}

// Encode is the message.
func (n Node) Encode() (b []byte) {
	for _, name := range n.In {
		b = Bytes(b, 1, []byte(name))
	}
	for _, name := range n.Out {
		b = Bytes(b, 2, []byte(name))
	}
	b = Bytes(Bytes(b, 3, []byte(n.Name)), 4, []byte(n.Op))
	for _, a := range n.Attributes {
		b = Bytes(b, 5, append(Number(Bytes(nil, 1, []byte(a.Name)), 20, int64(a.Type)), a.Value...))
	}
	if n.Domain != "" {
		b = Bytes(b, 7, []byte(n.Domain))
	}
	return append(b, n.Extra...)
}

// Encode is the message.
func (t Tensor) Encode() (b []byte) {
	for _, d := range t.Dims {
		b = Number(b, 1, d)
	}
	b = Bytes(Number(b, 2, int64(t.DType)), 8, []byte(t.Name))
	if t.Raw != nil {
		b = Bytes(b, 9, t.Raw)
	}
	return append(b, t.Extra...)
}

// Encode is the message.
func (v Value) Encode() []byte {
	b := Bytes(nil, 1, []byte(v.Name))
	if v.DType == 0 {
		return b
	}
	var shape []byte
	for _, d := range v.Dims {
		dim := Bytes(nil, 2, []byte("n"))
		if d >= 0 {
			dim = Number(nil, 1, d)
		}
		shape = Bytes(shape, 1, dim)
	}
	tensor := Number(nil, 1, int64(v.DType))
	if !v.Rankless {
		tensor = Bytes(tensor, 2, shape)
	}
	return Bytes(b, 2, Bytes(nil, 1, tensor))
}

// Bytes adds a length-delimited member to a message.
func Bytes(b []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), value)
}

// Number adds a varint member to a message.
func Number(b []byte, number protowire.Number, value int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), uint64(value)) // #nosec G115 -- two's complement
}

// Valued is an attribute of a type of AttributeProto, its value encoded.
func Valued(name string, kind uint64, value []byte) Attribute { return Attribute{name, kind, value} }

// Int is an attribute.
func Int(name string, value int64) Attribute { return Attribute{name, 2, Number(nil, 3, value)} }

// Ints is an attribute.
func Ints(name string, values ...int64) Attribute {
	a := Attribute{Name: name, Type: 7}
	for _, v := range values {
		a.Value = Number(a.Value, 8, v)
	}
	return a
}

// Number32 is an attribute of one float.
func Number32(name string, value float32) Attribute {
	return Attribute{name, 1, protowire.AppendFixed32(protowire.AppendTag(nil, 2, protowire.Fixed32Type), math.Float32bits(value))}
}

// Text is an attribute.
func Text(name, value string) Attribute { return Attribute{name, 3, Bytes(nil, 4, []byte(value))} }

// Body is an attribute that holds a graph.
func Body(name string, g Graph) Attribute { return Attribute{name, 5, Bytes(nil, 6, g.Encode())} }

// Constant is an attribute that holds a tensor.
func Constant(name string, t Tensor) Attribute { return Attribute{name, 4, Bytes(nil, 5, t.Encode())} }

// Floats is a tensor of float32.
func Floats(name string, dims []int64, values ...float32) Tensor {
	t := Tensor{Name: name, DType: Float32, Dims: dims, Raw: []byte{}}
	for _, v := range values {
		t.Raw = binary.LittleEndian.AppendUint32(t.Raw, math.Float32bits(v))
	}
	return t
}

// Longs is a tensor of int64 with one dimension; of no value a scalar 0.
func Longs(name string, values ...int64) Tensor {
	t := Tensor{Name: name, DType: Int64, Dims: []int64{int64(len(values))}, Raw: []byte{}}
	for _, v := range values {
		t.Raw = binary.LittleEndian.AppendUint64(t.Raw, uint64(v)) // #nosec G115 -- two's complement
	}
	return t
}

// True is a scalar of bool.
func True(name string) Tensor { return Tensor{Name: name, DType: Bool, Raw: []byte{1}} }
