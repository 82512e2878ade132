package codec

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// FieldKind is what lies at a path of a record.
type FieldKind uint8

// The kinds. Of a number, Bits says which.
const (
	Absent  FieldKind = iota // the record has no such place
	Null                     // it has, and nothing is there
	Truth                    // Bits is 0 or 1
	Whole                    // Bits is an int64
	Natural                  // Bits is a uint64 above the largest int64
	Real                     // Bits are those of a float64
	Text                     // a string, or bytes
	Symbol                   // of an enum: Bits is its number, an int64, Text its name
	List                     // Items, of nested arrays row-major
	Object                   // a record, a map, or what else holds names
)

var fieldKinds = [...]string{
	Absent: "nothing", Null: "null", Truth: "true or false", Whole: "a whole number", Natural: "a whole number",
	Real: "a number", Text: "text", Symbol: "a symbol of an enum", List: "an array", Object: "an object",
}

// String names the kind for errors.
func (k FieldKind) String() string { return fieldKinds[k] }

// Numeric reports whether a field of the kind is one number.
func (k FieldKind) Numeric() bool { return k >= Truth && k <= Real }

// Unit is what a number counts, where a schema says so, and what is wrong with a List.
type Unit uint8

// The units of times. Days and the instants count from the beginning of 1970, UTC.
const (
	Plain Unit = iota
	Days
	Millis // an instant
	Micros
	Nanos
	Ragged // of a List: its Text says why it is no tensor
)

// Field is what lies at a path of one record. Text and Items point into the
// record or into the Scratch that it was read with. The Text of a List of lists is for
// Fills.
type Field struct {
	Kind  FieldKind
	Unit  Unit
	Bits  uint64
	Text  []byte
	Items []Field // of a List, none of which is one
}

// Float is a Truth or a number as the nearest float64; 0 for other kinds.
func (f *Field) Float() float64 {
	switch f.Kind {
	case Truth, Natural:
		return float64(f.Bits)
	case Whole:
		return float64(int64(f.Bits)) // #nosec G115 -- as it was stored
	case Real:
		return math.Float64frombits(f.Bits)
	}
	return 0
}

// Put writes a number or truth value as one element of a type into dst, as the
// decoders of whole records do: an integer that does not fit is refused.
func (f *Field) Put(dst []byte, t DType) error {
	to := sink{dst: dst[:t.Size()], dtype: t}
	switch f.Kind {
	case Truth, Whole, Symbol:
		return to.integer(int64(f.Bits)) // #nosec G115 -- as it was stored
	case Natural:
		if t == Uint64 {
			return to.unsigned(f.Bits)
		}
		if !t.Float() {
			return to.misfit(f.Bits)
		}
		return to.float(float64(f.Bits))
	case Real:
		return to.float(math.Float64frombits(f.Bits))
	}
	return fmt.Errorf("%s is not a number", f.Kind)
}

func whole64(v int64) Field    { return Field{Kind: Whole, Bits: uint64(v)} } // #nosec G115 -- the same bits
func real64(v float64) Field   { return Field{Kind: Real, Bits: math.Float64bits(v)} }
func truthField(b bool) Field  { return Field{Kind: Truth, Bits: uint64(truth(b))} } // #nosec G115 -- 0 or 1
func textField(b []byte) Field { return Field{Kind: Text, Text: b} }

// Scratch is memory that a FieldReader uses again from record to record. What was
// read is valid until the next Read with the same Scratch.
type Scratch struct {
	text  []byte
	items []Field
	seen  []uint32 // by node of the tree: the last record that had it
	turn  uint32

	counts, begins []int32 // of Protobuf, by list: items so far, and where they begin
}

func (s *Scratch) reset(nodes int) {
	s.text, s.items = s.text[:0], s.items[:0]
	if s.turn++; s.turn == 0 || len(s.seen) < nodes {
		s.seen, s.turn = make([]uint32, nodes), 1
	}
}

// Side is a half of a record.
type Side uint8

// The sides.
const (
	Value Side = iota
	Key
)

// FieldReader reads the fields at some paths of a record's value or key. Any
// number of goroutines may use it at once, each with a Scratch of its own.
type FieldReader interface {
	// Read fills dst, which has a place for each path. Its error is *Missing where
	// a schema is to be learned first, else a *Fault: the record is malformed. That
	// nothing lies at a path is no error. It does not allocate in the long run.
	Read(dst []Field, s *Scratch, record []byte) error
	// Paths are those that lead to values of a record, not more than some, for
	// errors; none where it cannot be read.
	Paths(record []byte) []string
	// Kinds are what lies at each path wherever there is something, where a schema
	// says so before any record; else Absent. Nil where no schema does.
	Kinds() []FieldKind
}

// NewFields reads the fields at some paths, in one go through the record. A path
// that no record of a known schema has is refused with those that there are.
// registry is that of a Binding.
func NewFields(format pipeline.Format, config json.RawMessage, of Side, paths []Path, registry bool) (FieldReader, error) {
	switch format {
	case pipeline.AVRO:
		return newAvroFields(config, of, paths, registry)
	case pipeline.JSON:
		return &jsonFields{newFieldTree(paths), of}, nil
	case pipeline.PROTOBUF:
		return newProtoFields(config, of, paths, registry)
	case pipeline.TelegrafJSON:
		return &telegrafFields{jsonFields{newFieldTree(paths), of}}, nil
	}
	return nil, pipeline.Invalidf("input_format", "records of %s have no fields to choose from", format).
		WithHint("use JSON, AVRO or PROTOBUF; of other formats, take key, headers or timestamp")
}

// fieldTree is the paths that are wanted, as a tree by their steps.
type fieldTree struct {
	wants []int // places of the fields that end here
	names []fieldBranch
	index map[string]*fieldTree // of names where they are many
	items []fieldItem
	id    int // of all nodes of the tree
	nodes *int
}

type fieldBranch struct {
	name string
	tree *fieldTree
}

type fieldItem struct {
	at   int
	tree *fieldTree
}

// manyNames is from when on a table finds a name faster than a look at each.
const manyNames = 9

func newFieldTree(paths []Path) *fieldTree {
	root := &fieldTree{nodes: new(1)}
	for i, p := range paths {
		t := root
		for _, s := range p {
			t = t.step(s)
		}
		t.wants = append(t.wants, i)
	}
	root.sort()
	return root
}

// sort puts the wanted items of arrays in their order.
func (t *fieldTree) sort() {
	slices.SortFunc(t.items, func(a, b fieldItem) int { return a.at - b.at })
	for _, i := range t.items {
		i.tree.sort()
	}
	for _, b := range t.names {
		b.tree.sort()
	}
}

// step is the subtree of a step, made where there is none.
func (t *fieldTree) step(s PathStep) *fieldTree {
	next := &fieldTree{id: *t.nodes, nodes: t.nodes}
	if s.Name == "" {
		if known := t.item(s.Index); known != nil {
			return known
		}
		t.items = append(t.items, fieldItem{s.Index, next})
	} else {
		if known := t.named([]byte(s.Name)); known != nil {
			return known
		}
		t.names = append(t.names, fieldBranch{s.Name, next})
		if t.index == nil {
			t.index = map[string]*fieldTree{}
		}
		t.index[s.Name] = next
	}
	*t.nodes++
	return next
}

// named is the subtree of a name, nil where none is wanted.
func (t *fieldTree) named(name []byte) *fieldTree {
	if len(t.names) >= manyNames {
		return t.index[string(name)]
	}
	for i := range t.names {
		if t.names[i].name == string(name) {
			return t.names[i].tree
		}
	}
	return nil
}

// item is the subtree of an index, nil where none is wanted.
func (t *fieldTree) item(at int) *fieldTree {
	for i := range t.items {
		if t.items[i].at == at {
			return t.items[i].tree
		}
	}
	return nil
}

// leaf reports whether nothing below a node is wanted.
func (t *fieldTree) leaf() bool { return len(t.names)+len(t.items) == 0 }

// put gives all who want it a field.
func (t *fieldTree) put(dst []Field, f Field) {
	for _, w := range t.wants {
		dst[w] = f
	}
}
