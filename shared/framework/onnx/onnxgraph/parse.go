package onnxgraph

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// The members of the messages of onnx.proto (onnx 1.23, IR version 14).
var (
	modelMembers = message{
		1: varint, 2: bytes, 3: bytes, 4: bytes, 5: varint, 6: bytes, 7: bytes, 8: eachBytes,
		14: eachBytes, 20: eachBytes, 25: eachBytes, 26: eachBytes,
	}
	opsetMembers = message{1: bytes, 2: varint}
	graphMembers = message{
		1: eachBytes, 2: bytes, 5: eachBytes, 10: bytes, 11: eachBytes, 12: eachBytes, 13: eachBytes,
		14: eachBytes, 15: eachBytes, 16: eachBytes,
	}
	nodeMembers = message{
		1: eachBytes, 2: eachBytes, 3: bytes, 4: bytes, 5: eachBytes, 6: bytes, 7: bytes, 8: bytes,
		9: eachBytes, 10: eachBytes,
	}
	attributeMembers = message{
		1: bytes, 2: float, 3: varint, 4: bytes, 5: bytes, 6: bytes, 7: floats, 8: varints, 9: eachBytes,
		10: eachBytes, 11: eachBytes, 13: bytes, 14: bytes, 15: eachBytes, 20: varint, 21: bytes, 22: bytes, 23: eachBytes,
	}
	tensorMembers = message{
		1: varints, 2: varint, 3: bytes, 4: floats, 5: varints, 6: eachBytes, 7: varints, 8: bytes, 9: bytes,
		10: doubles, 11: varints, 12: bytes, 13: eachBytes, 14: varint, 16: eachBytes,
	}
	sparseMembers    = message{1: bytes, 2: bytes, 3: varints}
	valueMembers     = message{1: bytes, 2: bytes, 3: bytes, 4: eachBytes}
	typeMembers      = message{1: bytes, 4: bytes, 5: bytes, 6: bytes, 7: bytes, 8: bytes, 9: bytes}
	tensorType       = message{1: varint, 2: bytes}
	shapeMembers     = message{1: eachBytes}
	dimensionMembers = message{1: varint, 2: bytes, 3: bytes}
)

const (
	mostNodes  = 100_000
	mostNames  = 2_000_000 // inputs, outputs, attributes and tensors of all nodes
	mostDepth  = 16        // of graphs within graphs
	mostName   = 1000      // bytes
	mostText   = 200       // bytes of a text in an attribute: text is outside of the memory that a run may take
	mostDims   = 32
	keptValues = 64 // of an attribute or tensor: as many as a size has
)

// parser counts what it keeps of one model.
type parser struct{ nodes, names, depth int }

func (p *parser) spend() error {
	if p.names++; p.names > mostNames {
		return fmt.Errorf("more than %d values, attributes and tensors", mostNames)
	}
	return nil
}

func (p *parser) name(b []byte) (string, error) {
	if len(b) > mostName || !utf8.Valid(b) {
		return "", fmt.Errorf("the name %.100q is no text of at most %d bytes", b, mostName)
	}
	return string(b), p.spend()
}

func parse(b []byte) (*model, error) {
	p := &parser{}
	m := &model{opsets: map[string]int64{}}
	err := walk(b, &modelMembers, func(v member) (err error) {
		switch v.number {
		case 1:
			m.ir = v.int64()
		case 2:
			m.producer = string(v.bytes)
		case 3:
			m.producerVersion = string(v.bytes)
		case 7:
			m.graph, err = p.graph(v.bytes)
		case 8:
			return m.opset(v.bytes)
		case 20:
			return refuse("export the forward pass only", "it holds a training")
		case 25:
			return refuse("write them out: onnx.inliner.inline_local_functions(model)", "it holds functions of its own")
		case 26:
			return refuse("export it without a device configuration", "it is made for certain devices")
		}
		return err
	})
	if err == nil && m.graph == nil {
		err = fmt.Errorf("it has no graph")
	}
	return m, err
}

func (m *model) opset(b []byte) error {
	domain := onnx // unless it says another
	var version int64
	err := walk(b, &opsetMembers, func(v member) error {
		if v.number == 1 {
			domain = canonical(string(v.bytes))
		} else {
			version = v.int64()
		}
		return nil
	})
	if other, double := m.opsets[domain]; err == nil && double && other != version { // skl2onnx names one twice
		return fmt.Errorf("the operators of %.100q are named in two versions", domain)
	}
	m.opsets[domain] = version
	return err
}

// canonical is a domain's name, "ai.onnx" for the one that may be left empty.
func canonical(domain string) string {
	if domain == "" {
		return onnx
	}
	return domain
}

func (p *parser) graph(b []byte) (*graph, error) {
	if p.depth++; p.depth > mostDepth {
		return nil, fmt.Errorf("more than %d graphs within each other", mostDepth)
	}
	defer func() { p.depth-- }()
	g := &graph{}
	return g, walk(b, &graphMembers, func(v member) error {
		switch v.number {
		case 1:
			return add(&g.nodes, v.bytes, p.node)
		case 5:
			return add(&g.initializers, v.bytes, p.tensor)
		case 11:
			return add(&g.inputs, v.bytes, p.value)
		case 12:
			return add(&g.outputs, v.bytes, p.value)
		case 13:
			_, err := p.value(v.bytes) // a hint, which the runtime holds against what it infers
			return err
		case 15:
			return add(&g.initializers, v.bytes, p.sparse)
		}
		return nil
	})
}

func add[T any](to *[]T, b []byte, parse func([]byte) (T, error)) error {
	one, err := parse(b)
	*to = append(*to, one)
	return err
}

func (p *parser) node(b []byte) (n node, err error) {
	if p.nodes++; p.nodes > mostNodes {
		return n, fmt.Errorf("more than %d nodes", mostNodes)
	}
	err = walk(b, &nodeMembers, func(v member) (err error) {
		switch v.number {
		case 1:
			return add(&n.inputs, v.bytes, p.name)
		case 2:
			return add(&n.outputs, v.bytes, p.name)
		case 3:
			n.name, err = p.name(v.bytes)
		case 4:
			n.op, err = p.name(v.bytes)
		case 5:
			return add(&n.attributes, v.bytes, p.attribute)
		case 7:
			n.domain, err = p.name(v.bytes)
		case 8:
			if len(v.bytes) > 0 {
				return fmt.Errorf("it calls a function")
			}
		case 10:
			return fmt.Errorf("it is made for certain devices")
		}
		return err
	})
	n.domain = canonical(n.domain)
	return n, n.at(err)
}

// attribute reads an AttributeProto, whose type says which one of its values is
// meant.
func (p *parser) attribute(b []byte) (a attribute, err error) {
	kind, has := int32(0), uint32(0) // has: a bit for each type of which there is a value
	err = walk(b, &attributeMembers, func(v member) (err error) {
		if t := attributeTypes[v.number]; t != 0 {
			has |= 1 << t
		}
		switch v.number {
		case 1:
			a.name, err = p.name(v.bytes)
		case 2:
			a.float = float64(math.Float32frombits(uint32(v.value))) // #nosec G115 -- it was read from 32 bits
		case 3:
			a.ints = []int64{v.int64()}
		case 4, 9:
			if len(v.bytes) > mostText || !utf8.Valid(v.bytes) {
				return fmt.Errorf("a text of more than %d bytes, or no UTF-8", mostText)
			}
		case 5, 10:
			return add(&a.tensors, v.bytes, p.tensor)
		case 6, 11:
			return add(&a.graphs, v.bytes, p.graph)
		case 8:
			return v.each(varints, func(n uint64) { a.ints = keep(a.ints, n) })
		case 7:
			return v.each(floats, func(uint64) {})
		case 14, 15:
			return p.typeOf(v.bytes, nil)
		case 20:
			kind, err = v.int32()
		case 21:
			return fmt.Errorf("it refers to an attribute of a function")
		case 22, 23:
			return add(&a.tensors, v.bytes, p.sparse)
		}
		return err
	})
	if err == nil && (kind < 1 || kind > 14 || has&^(1<<kind) != 0) {
		err = fmt.Errorf("its value is not of the type that it names")
	}
	if err != nil {
		return a, fmt.Errorf("attribute %.100q: %w", a.name, err)
	}
	return a, nil
}

// attributeTypes are AttributeProto.AttributeType by the member of the value.
var attributeTypes = [32]int32{2: 1, 3: 2, 4: 3, 5: 4, 6: 5, 7: 6, 8: 7, 9: 8, 10: 9, 11: 10, 14: 13, 15: 14, 22: 11, 23: 12}

func keep(values []int64, n uint64) []int64 {
	if len(values) > keptValues {
		return values // one more than that says that there are more
	}
	return append(values, int64(n)) // #nosec G115 -- two's complement, as protobuf writes negative numbers
}

// value reads a ValueInfoProto.
func (p *parser) value(b []byte) (o value, err error) {
	err = walk(b, &valueMembers, func(v member) (err error) {
		switch v.number {
		case 1:
			o.name, err = p.name(v.bytes)
		case 2:
			return p.typeOf(v.bytes, &o)
		}
		return err
	})
	if err != nil {
		return o, fmt.Errorf("%.100q: %w", o.name, err)
	}
	return o, nil
}

// typeOf reads a TypeProto. What is no tensor is read for its form only.
func (p *parser) typeOf(b []byte, o *value) error {
	kinds := 0
	return walk(b, &typeMembers, func(v member) error {
		if v.number == 6 {
			return nil
		}
		if kinds++; kinds > 1 {
			return fmt.Errorf("two types of one value")
		}
		if v.number != 1 || o == nil {
			return p.spend()
		}
		return walk(v.bytes, &tensorType, func(v member) (err error) {
			if v.number == 1 {
				o.dtype, err = v.int32()
				return err
			}
			o.shaped = true
			return walk(v.bytes, &shapeMembers, func(v member) error { return add(&o.dims, v.bytes, p.dimension) })
		})
	})
}

// dimension reads one size, -1 where it is open.
func (p *parser) dimension(b []byte) (size int64, err error) {
	size, values := -1, 0
	err = walk(b, &dimensionMembers, func(v member) error {
		if v.number == 3 {
			return nil
		}
		if values++; values > 1 {
			return fmt.Errorf("two values of one size")
		}
		if v.number == 1 {
			if size = v.int64(); size < 0 {
				return fmt.Errorf("a size of %d", size)
			}
		}
		return nil
	})
	if err == nil {
		err = p.spend()
	}
	return size, err
}
