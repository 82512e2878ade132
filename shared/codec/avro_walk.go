package codec

import "slices"

// avroWalk goes through one type of a writer's schema and takes what a tree of
// paths wants there.
type avroWalk struct {
	node     *avroNode
	wants    []int       // places of the fields that end here
	visits   []avroVisit // of a record
	items    []avroAt    // of an array, by index
	keys     []avroKey   // of a map
	branches []*avroWalk // of a union; nil: the branch is stepped over
	symbols  [][]byte    // of an enum
	remap    []int64     // of an enum: the reader's number of each symbol, -1 where it has none; nil: the same
}

// avroVisit is one field of a record, or several that are stepped over.
type avroVisit struct {
	walk     *avroWalk // nil: it is stepped over
	node     *avroNode
	bytes    int    // to step over, where that is known
	constant []byte // what the reader takes where the writer has no such field
}

type avroAt struct {
	at   int
	walk *avroWalk
}

type avroKey struct {
	name string
	walk *avroWalk
}

// walkOf compiles what a tree wants of a type, nil where it has nothing of it.
// reader is the type that it is read as, nil where there is none.
func walkOf(node, reader *avroNode, t *fieldTree) *avroWalk {
	w := &avroWalk{node: node, wants: t.wants}
	if reader != nil {
		reader = reader.value()
	}
	some := len(t.wants) > 0
	switch node.kind {
	case avroUnion:
		some = false
		for _, b := range node.branches {
			branch := walkOf(b, reader, t)
			w.branches, some = append(w.branches, branch), some || branch != nil
		}
	case avroRecord:
		some = w.record(reader, t) || some
	case avroMap:
		for _, n := range t.names {
			if of := walkOf(node.items, reader.part(), n.tree); of != nil {
				w.keys, some = append(w.keys, avroKey{n.name, of}), true
			}
		}
	case avroArray:
		for _, i := range t.items {
			if of := walkOf(node.items, reader.part(), i.tree); of != nil {
				w.items, some = append(w.items, avroAt{i.at, of}), true
			}
		}
	case avroEnum:
		for _, s := range node.symbols {
			w.symbols = append(w.symbols, []byte(s))
			if reader != nil && reader.kind == avroEnum {
				w.remap = append(w.remap, int64(slices.Index(reader.symbols, s)))
			}
		}
	}
	if !some {
		return nil
	}
	return w
}

// part is what an array or map holds, nil where it is not known.
func (t *avroNode) part() *avroNode {
	if t == nil {
		return nil
	}
	return t.items
}

// record compiles the fields of a record, and reports whether any is wanted.
func (w *avroWalk) record(reader *avroNode, t *fieldTree) (some bool) {
	had := map[string]bool{}
	for i := range w.node.fields {
		m := &w.node.fields[i]
		name, as := m.name, reader.member(m.name)
		var readAs *avroNode
		if as != nil {
			name, readAs = as.name, as.node
		}
		v := avroVisit{node: m.node}
		if child := t.named([]byte(name)); child != nil && m.name != "" {
			had[name] = true
			v.walk = walkOf(m.node, readAs, child)
		}
		if v.walk != nil {
			some = true
		} else if v.bytes = max(0, m.node.always()); v.bytes > 0 {
			if n := len(w.visits); n > 0 && w.visits[n-1].walk == nil && w.visits[n-1].bytes > 0 {
				w.visits[n-1].bytes += v.bytes
				continue
			}
		}
		w.visits = append(w.visits, v)
	}
	return w.defaults(reader, t, had) || some
}

// defaults adds what the reader's schema gives for fields that the writer lacks.
func (w *avroWalk) defaults(reader *avroNode, t *fieldTree, had map[string]bool) (some bool) {
	if reader == nil || reader.kind != avroRecord {
		return false
	}
	for _, m := range reader.fields {
		child := t.named([]byte(m.name))
		if child == nil || had[m.name] || !m.initials {
			continue
		}
		constant, err := m.node.constant(m.initial)
		if of := walkOf(m.node, m.node, child); err == nil && of != nil {
			w.visits, some = append(w.visits, avroVisit{walk: of, constant: constant}), true
		}
	}
	return some
}

// member is the field of a reader that takes one of the writer, by name or by an
// alias; nil where there is none.
func (t *avroNode) member(name string) *avroMember {
	if t == nil {
		return nil
	}
	for i := range t.fields {
		if t.fields[i].name == name {
			return &t.fields[i]
		}
	}
	for i := range t.fields {
		if slices.Contains(t.fields[i].aliases, name) {
			return &t.fields[i]
		}
	}
	return nil
}

// reached marks the places that a walk may fill.
func (w *avroWalk) reached(have []bool) {
	if w == nil {
		return
	}
	for _, want := range w.wants {
		have[want] = true
	}
	for _, v := range w.visits {
		v.walk.reached(have)
	}
	for _, i := range w.items {
		i.walk.reached(have)
	}
	for _, k := range w.keys {
		k.walk.reached(have)
	}
	for _, b := range w.branches {
		b.reached(have)
	}
}

// kinds notes what lies at each place, Absent where that is of several kinds.
func (w *avroWalk) kinds(all []FieldKind, seen []bool) {
	if w == nil {
		return
	}
	if kind := w.node.fieldKind(); kind != Null {
		for _, want := range w.wants {
			if seen[want] && all[want] != kind {
				kind = Absent
			}
			all[want], seen[want] = kind, true
		}
	}
	for _, v := range w.visits {
		v.walk.kinds(all, seen)
	}
	for _, i := range w.items {
		i.walk.kinds(all, seen)
	}
	for _, k := range w.keys {
		k.walk.kinds(all, seen)
	}
	for _, b := range w.branches {
		b.kinds(all, seen)
	}
}

// fieldKind is the kind of what a type is read as; of a union Null, as its
// branches tell.
func (t *avroNode) fieldKind() FieldKind {
	switch t.kind {
	case avroInt, avroLong:
		return Whole
	case avroFloat, avroDouble:
		return Real
	case avroBoolean:
		return Truth
	case avroEnum:
		return Symbol
	case avroArray:
		return List
	case avroRecord, avroMap:
		return Object
	case avroText, avroFixed:
		switch t.logical {
		case "decimal":
			return Real
		case "duration":
			return List
		}
		return Text
	}
	return Null
}

// paths are those of a type that lead to values, not more than some.
func (t *avroNode) paths(all []string, at Path) []string {
	const deep = 8 // types may hold themselves
	if len(all) >= shownPaths || len(at) > deep {
		return all
	}
	below := func(s PathStep) Path { return append(at[:len(at):len(at)], s) }
	switch t.kind {
	case avroUnion:
		for _, b := range t.branches {
			if b.kind != avroNull {
				all = b.paths(all, at)
			}
		}
		return all
	case avroRecord:
		for _, m := range t.fields {
			all = m.node.paths(all, below(PathStep{Name: m.name}))
		}
		return all
	case avroMap:
		return t.items.paths(all, below(PathStep{Name: "key"}))
	case avroArray:
		if of := t.items.value(); of.kind == avroRecord || of.kind == avroMap {
			return of.paths(all, below(PathStep{}))
		}
	}
	if text := at.String(); text != "" && !slices.Contains(all, text) && len(all) < shownPaths {
		all = append(all, text)
	}
	return all
}
