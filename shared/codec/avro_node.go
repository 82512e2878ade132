package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// What else a schema of Avro may hold: a column for a tensor is none of these,
// but they are stepped over.
const (
	avroNull avroKind = avroText + 1 + iota
	avroFixed
	avroRecord
	avroMap
	avroUnion
)

// avroNode is a type of any schema, by which a value can be stepped over. Types
// that hold themselves are cycles of nodes.
type avroNode struct {
	kind     avroKind
	name     string      // as the schema writes the type, for errors
	size     int         // bytes of a fixed
	symbols  []string    // of an enum
	items    *avroNode   // of an array or map
	branches []*avroNode // of a union
	fields   []avroMember
	logical  string // the logical type that it is written with
	scale    int    // of a decimal: digits after the point
}

// avroMember is a field of a record.
type avroMember struct {
	name     string
	aliases  []string
	node     *avroNode
	initial  any  // its default, of encoding/json; nil where it is null
	initials bool // it has a default
}

// The bounds of a schema, which comes from whoever writes to the registry.
const (
	schemaDepth = 64
	schemaTypes = 100_000
)

// avroNames are the named types of a schema and of those that it refers to.
type avroNames struct {
	known map[string]*avroNode
	types int
}

// parseNode reads a schema whose references were read before.
func (n *avroNames) parseNode(text string) (*avroNode, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return n.bareName(text)
	}
	return n.node(v, "", 0)
}

// bareName reads a schema that is the name of a type without quotation marks, as
// some registries give a primitive one.
func (n *avroNames) bareName(text string) (*avroNode, error) {
	name := strings.TrimSpace(text)
	if _, ok := avroWords[name]; !ok {
		return nil, errors.New("it is not JSON")
	}
	return n.node(name, "", 0)
}

// avroWords are the types without parts.
var avroWords = map[string]avroKind{
	"null": avroNull, "int": avroInt, "long": avroLong, "float": avroFloat, "double": avroDouble, "boolean": avroBoolean,
	"string": avroText, "bytes": avroText,
}

func (n *avroNames) node(v any, space string, depth int) (*avroNode, error) {
	if n.types++; n.types > schemaTypes {
		return nil, fmt.Errorf("it has more than %d types", schemaTypes)
	}
	if depth > schemaDepth {
		return nil, fmt.Errorf("its types are nested more than %d deep", schemaDepth)
	}
	switch v := v.(type) {
	case string:
		return n.named(v, space)
	case []any:
		u := &avroNode{kind: avroUnion, name: "union"}
		for _, branch := range v {
			b, err := n.node(branch, space, depth+1)
			if err != nil {
				return nil, err
			}
			u.branches = append(u.branches, b)
		}
		return u, nil
	case map[string]any:
		return n.complex(v, space, depth)
	}
	return nil, errors.New("a type is neither a name, an object nor a union")
}

func (n *avroNames) named(name, space string) (*avroNode, error) {
	if kind, ok := avroWords[name]; ok {
		return &avroNode{kind: kind, name: name}, nil
	}
	if known := n.known[fullName(name, space)]; known != nil {
		return known, nil
	}
	if known := n.known[name]; known != nil {
		return known, nil
	}
	return nil, fmt.Errorf("type %q is not known", name)
}

func fullName(name, space string) string {
	if space == "" || strings.Contains(name, ".") {
		return name
	}
	return space + "." + name
}

func (n *avroNames) complex(v map[string]any, space string, depth int) (*avroNode, error) {
	kind, ok := v["type"].(string)
	if !ok { // {"type": {...}} or {"type": [...]}
		return n.node(v["type"], space, depth+1)
	}
	name, _ := v["name"].(string)
	if own, ok := v["namespace"].(string); ok {
		space = own
	}
	name = fullName(name, space)
	node := &avroNode{name: kind}
	switch kind {
	case "record", "error":
		node.kind, node.name = avroRecord, "record"
		n.known[name] = node // before its fields, which may be of it
		if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
			space = name[:dot]
		}
		return node, n.members(node, v["fields"], space, depth)
	case "enum":
		node.kind = avroEnum
		symbols, _ := v["symbols"].([]any)
		for _, s := range symbols {
			text, _ := s.(string)
			node.symbols = append(node.symbols, text)
		}
		n.known[name] = node
		return node, nil
	case "fixed":
		size, _ := v["size"].(json.Number)
		bytes, err := size.Int64()
		if err != nil || bytes < 0 || bytes > 1<<30 {
			return nil, fmt.Errorf("the fixed %q has no size", name)
		}
		node.kind, node.size = avroFixed, int(bytes)
		node.annotate(v)
		n.known[name] = node
		return node, nil
	case "array", "map":
		node.kind = avroArray
		items := v["items"]
		if kind == "map" {
			node.kind, items = avroMap, v["values"]
		}
		var err error
		node.items, err = n.node(items, space, depth+1)
		return node, err
	}
	node, err := n.named(kind, space)
	if err == nil && avroWords[kind] != 0 { // one of its own
		node.annotate(v)
	}
	return node, err
}

// annotate takes the logical type of a primitive or fixed type.
func (t *avroNode) annotate(v map[string]any) {
	t.logical, _ = v["logicalType"].(string)
	if scale, ok := v["scale"].(json.Number); ok {
		n, _ := scale.Int64()
		t.scale = int(max(0, min(n, mostDigits)))
	}
}

// mostDigits bounds the digits of a decimal.
const mostDigits = 400

func (n *avroNames) members(record *avroNode, fields any, space string, depth int) error {
	list, ok := fields.([]any)
	if !ok {
		return errors.New("a record has no fields")
	}
	for _, f := range list {
		object, _ := f.(map[string]any)
		name, _ := object["name"].(string)
		if name == "" {
			return errors.New("a field has no name")
		}
		node, err := n.node(object["type"], space, depth+1)
		if err != nil {
			return fmt.Errorf("field %q: %w", name, err)
		}
		m := avroMember{name: name, node: node}
		m.initial, m.initials = object["default"]
		aliases, _ := object["aliases"].([]any)
		for _, a := range aliases {
			if text, ok := a.(string); ok {
				m.aliases = append(m.aliases, text)
			}
		}
		record.fields = append(record.fields, m)
	}
	return nil
}

// column is the type as one that fills a tensor.
func (t *avroNode) column(depth int) (avroType, error) {
	if depth > maxDepth {
		return avroType{}, fmt.Errorf("arrays are nested more than %d deep", maxDepth)
	}
	switch t.kind {
	case avroArray:
		items, err := t.items.column(depth + 1)
		return avroType{kind: avroArray, items: &items, null: -1}, err
	case avroUnion:
		return t.union(depth)
	case avroRecord, avroMap, avroFixed, avroNull:
		return avroType{}, fmt.Errorf("is a %s, which is no number", t.name)
	}
	return avroType{kind: t.kind, symbols: t.symbols, null: -1}, nil
}

func (t *avroNode) union(depth int) (avroType, error) {
	options := make([]avroType, len(t.branches))
	for i, b := range t.branches {
		if b.kind == avroNull {
			continue
		}
		var err error
		if options[i], err = b.column(depth + 1); err != nil {
			return avroType{}, err
		}
	}
	u, err := unionOf(options)
	if err != nil {
		err = fmt.Errorf("is a %w", err)
	}
	return u, err
}

// value is the type without the null that a union adds.
func (t *avroNode) value() *avroNode {
	if t.kind != avroUnion {
		return t
	}
	for _, b := range t.branches {
		if b.kind != avroNull {
			return b
		}
	}
	return t
}
