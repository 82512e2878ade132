package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
)

// jsonFields reads fields of JSON texts. It checks the grammar while it goes
// through the text, once, as json.Valid does.
type jsonFields struct {
	tree *fieldTree
	side Side
}

// Kinds implements FieldReader.
func (r *jsonFields) Kinds() []FieldKind { return nil }

// Read implements FieldReader.
func (r *jsonFields) Read(dst []Field, s *Scratch, record []byte) error {
	clear(dst)
	s.reset(*r.tree.nodes)
	if r.side == Key && len(r.tree.wants) > 0 { // a key is often text that is no JSON
		defer r.bare(dst, s, record)
	}
	if r.side == Key && (len(record) == 0 || r.tree.leaf()) {
		return nil
	}
	err := r.read(dst, s, record)
	if err == nil {
		return nil
	}
	if errors.Is(err, errNotJSON) && len(record) > 0 {
		err = notJSON(record)
	}
	return explainFields(r.side, false, record, err, func(other []byte) error { return r.read(dst, s, other) })
}

func (r *jsonFields) read(dst []Field, s *Scratch, record []byte) error {
	w := jsonWalk{text: plainJSON(record), dst: dst, Scratch: s}
	err := w.value(r.tree, 0)
	if err == nil && w.peek() != 0 {
		err = errNotJSON
	}
	return err
}

// bare takes a whole key: a JSON scalar as what it is, with its text beside a
// number, and anything else as text.
func (r *jsonFields) bare(dst []Field, s *Scratch, record []byte) {
	if record == nil {
		return
	}
	text := bytes.TrimSpace(plainJSON(record))
	f := textField(record)
	if len(text) > 0 && text[0] != '{' && text[0] != '[' {
		one := [1]Field{}
		w := jsonWalk{text: text, dst: one[:], Scratch: s}
		if w.value(scalarTree, 0) == nil && w.at == len(text) {
			f = one[0]
			if f.Kind.Numeric() {
				f.Text = text
			}
		}
	}
	r.tree.put(dst, f)
}

// scalarTree wants the whole of a text.
var scalarTree = newFieldTree([]Path{{}})

// shownPaths bounds the paths that an error lists.
const shownPaths = 30

// Paths implements FieldReader.
func (r *jsonFields) Paths(record []byte) []string {
	d := json.NewDecoder(bytes.NewReader(plainJSON(record)))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	return jsonPaths(nil, nil, v)
}

func jsonPaths(all []string, at Path, v any) []string {
	switch v := v.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			if name != "" && len(all) < shownPaths && len(at) < pathSteps {
				all = jsonPaths(all, append(at[:len(at):len(at)], PathStep{Name: name}), v[name])
			}
		}
		return all
	case []any:
		if len(v) > 0 && len(at) < pathSteps {
			switch v[0].(type) {
			case map[string]any:
				return jsonPaths(all, append(at[:len(at):len(at)], PathStep{}), v[0])
			}
		}
	}
	if len(at) == 0 {
		return all
	}
	return append(all, at.String())
}

// telegrafFields reads fields of the object in the text fields.value.
type telegrafFields struct{ jsonFields }

// Read implements FieldReader.
func (r *telegrafFields) Read(dst []Field, s *Scratch, record []byte) error {
	inner, err := telegrafValue(record)
	if err != nil {
		clear(dst)
		again := func(other []byte) error { _, err := telegrafValue(other); return err }
		return explainFields(r.side, false, record, err, again)
	}
	return r.jsonFields.Read(dst, s, inner)
}

// Paths implements FieldReader.
func (r *telegrafFields) Paths(record []byte) []string {
	inner, err := telegrafValue(record)
	if err != nil {
		return nil
	}
	return r.jsonFields.Paths(inner)
}
