package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// TreeObject is a record, message, map or JSON object with its members in their
// order, as people are shown it.
type TreeObject []TreeMember

// TreeMember is one of a TreeObject. Its value is nil, a bool, json.Number, string,
// []byte, []any or a TreeObject.
type TreeMember struct {
	Name  string
	Value any
}

// MarshalJSON implements json.Marshaler.
func (o TreeObject) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := json.Marshal(m.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.Value)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}'), nil
}

// Tree reads the body of a record by the schema that wrote it, whole, for people
// to look at. Decoders read far quicker what a model takes.
func (s Schema) Tree(body []byte) (any, error) {
	switch s.Type {
	case "JSON":
		return JSONTree(body)
	case "PROTOBUF":
		return protoTree(s, body)
	}
	node, err := writersNode(s)
	if err != nil {
		return nil, err
	}
	c := treeCursor{avroCursor{body}, len(body) + skipWork}
	v, err := c.tree(node, 0)
	if err == nil && len(c.rest) > 0 {
		err = fmt.Errorf("%d bytes follow the record", len(c.rest))
	}
	return v, err
}

// treeCursor reads whole values; what it may still make is counted, since a
// schema can make much of few bytes.
type treeCursor struct {
	avroCursor
	left int
}

func (c *treeCursor) tree(t *avroNode, depth int) (any, error) {
	if c.left--; c.left < 0 || depth > schemaDepth {
		return nil, errSkipWork
	}
	switch t.kind {
	case avroNull:
		return nil, nil // a null is a value
	case avroRecord:
		return c.record(t, depth)
	case avroArray:
		all := []any{}
		err := c.each(func() error {
			v, err := c.tree(t.items, depth+1)
			all = append(all, v)
			return err
		})
		return all, err
	case avroMap:
		all := TreeObject{}
		err := c.each(func() error {
			name, err := c.bytes()
			if err != nil {
				return err
			}
			v, err := c.tree(t.items, depth+1)
			all = append(all, TreeMember{string(name), v})
			return err
		})
		return all, err
	case avroUnion:
		branch, err := c.long()
		if err == nil && (branch < 0 || branch >= int64(len(t.branches))) {
			err = fmt.Errorf("union has no branch %d", branch)
		}
		if err != nil {
			return nil, err
		}
		return c.tree(t.branches[branch], depth+1)
	}
	return c.scalar(t)
}

func (c *treeCursor) record(t *avroNode, depth int) (any, error) {
	all := make(TreeObject, len(t.fields))
	for i, f := range t.fields {
		v, err := c.tree(f.node, depth+1)
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", f.name, err)
		}
		all[i] = TreeMember{f.name, v}
	}
	return all, nil
}

// each goes through the blocks of an array or map.
func (c *treeCursor) each(item func() error) error {
	for {
		n, err := c.long()
		if err != nil || n == 0 {
			return err
		}
		if n < 0 {
			if _, err := c.long(); err != nil { // the block's size in bytes
				return err
			}
			n = -n
		}
		for ; n != 0; n-- {
			if err := item(); err != nil {
				return err
			}
		}
	}
}

func (c *treeCursor) bytes() ([]byte, error) {
	n, err := c.long()
	if err != nil {
		return nil, err
	}
	if n < 0 || n > int64(len(c.rest)) {
		return nil, errAvroShort
	}
	return c.take(int(n))
}

// decimal reads the bytes of a decimal.
func (c *treeCursor) decimal(t *avroNode) ([]byte, error) {
	if t.kind == avroFixed {
		return c.take(t.size)
	}
	return c.bytes()
}

func (c *treeCursor) scalar(t *avroNode) (any, error) {
	if t.logical == "decimal" {
		b, err := c.decimal(t)
		return json.Number(strconv.FormatFloat(decimalOf(b, t.scale), 'f', -1, 64)), err
	}
	switch t.kind {
	case avroFixed:
		b, err := c.take(t.size)
		return b, err
	case avroText:
		b, err := c.bytes()
		if t.name == "bytes" {
			return b, err
		}
		return string(b), err
	case avroBoolean:
		b, err := c.take(1)
		if err != nil {
			return nil, err
		}
		return b[0] != 0, nil
	case avroFloat, avroDouble:
		return c.number(t.kind)
	}
	v, err := c.long()
	if err != nil {
		return nil, err
	}
	if t.kind != avroEnum {
		return json.Number(fmt.Sprint(v)), nil
	}
	if v < 0 || v >= int64(len(t.symbols)) {
		return nil, fmt.Errorf("enum has no symbol %d", v)
	}
	return t.symbols[v], nil
}

// number reads a float or double. One that JSON cannot write becomes its text.
func (c *treeCursor) number(kind avroKind) (any, error) {
	size := 4
	to := Float32
	if kind == avroDouble {
		size, to = 8, Float64
	}
	b, err := c.take(size)
	if err != nil {
		return nil, err
	}
	all, err := Floats(b, to)
	if err != nil {
		return nil, err
	}
	if v := all[0]; math.IsNaN(v) || math.IsInf(v, 0) {
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	}
	return json.Number(strconv.FormatFloat(all[0], 'g', -1, 8*size)), nil
}

// JSONTree reads a JSON value, which a byte order mark or the framing of a schema
// registry may stand before.
func JSONTree(record []byte) (any, error) {
	record = plainJSON(record)
	if !json.Valid(record) {
		return nil, notJSON(record)
	}
	d := json.NewDecoder(bytes.NewReader(record))
	d.UseNumber()
	return jsonTree(d, 0)
}

const treeDepth = 1000

func jsonTree(d *json.Decoder, depth int) (any, error) {
	if depth > treeDepth {
		return nil, errSkipWork
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		all := []any{}
		for d.More() {
			v, err := jsonTree(d, depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, v)
		}
		_, err = d.Token()
		return all, err
	case json.Delim('{'):
		all := TreeObject{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := jsonTree(d, depth+1)
			if err != nil {
				return nil, err
			}
			text, _ := name.(string)
			all = append(all, TreeMember{text, v})
		}
		_, err = d.Token()
		return all, err
	}
	return token, nil
}
