package codec

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// protoWalk is what is wanted of a message, by the numbers of its fields.
type protoWalk struct {
	id      int
	low     []*protoStep // by number
	high    map[int32]*protoStep
	presets []protoPreset // fields that have a value where the wire has none
}

// directNumbers are looked up in a slice.
const directNumbers = 256

// protoPreset is a field that the wire may leave out.
type protoPreset struct {
	wants []int
	field Field
}

// protoStep is a field that is wanted, or within which something is.
type protoStep struct {
	id      int
	name    string
	kind    protoreflect.Kind
	wire    protowire.Type
	simple  bool // one number, for one who wants it
	known   protoKnown
	list    bool
	wants   []int // of the whole field
	clears  []int // of the other fields of its oneof
	symbols map[int32][]byte
	within  *protoWalk   // of a message that is no item
	items   []protoItem  // of a list, by index
	keys    []protoEntry // of a map
	entry   [2]protoreflect.Kind
	value   *protoStep // of a map: how its values are read
}

type protoItem struct {
	at     int
	wants  []int
	within *protoWalk
}

type protoEntry struct {
	key    string // as text
	wants  []int
	within *protoWalk
}

// protoKnown are messages that stand for one value.
type protoKnown uint8

const (
	knownNot protoKnown = iota
	knownTimestamp
	knownDuration
	knownDecimal
	knownWrapper
)

var knownMessages = map[protoreflect.FullName]protoKnown{
	"google.protobuf.Timestamp": knownTimestamp, "google.protobuf.Duration": knownDuration, "confluent.type.Decimal": knownDecimal,
	"google.protobuf.DoubleValue": knownWrapper, "google.protobuf.FloatValue": knownWrapper, "google.protobuf.Int64Value": knownWrapper,
	"google.protobuf.UInt64Value": knownWrapper, "google.protobuf.Int32Value": knownWrapper, "google.protobuf.UInt32Value": knownWrapper,
	"google.protobuf.BoolValue": knownWrapper, "google.protobuf.StringValue": knownWrapper, "google.protobuf.BytesValue": knownWrapper,
}

// protoCompiler makes walks.
type protoCompiler struct {
	ids   int
	reach []bool // paths that lead to a place of the schema
}

// walk compiles what a tree wants of a message.
func (c *protoCompiler) walk(m protoreflect.MessageDescriptor, tree *fieldTree) *protoWalk {
	w := &protoWalk{id: c.next()}
	for _, b := range tree.names {
		f := fieldNamed(m, b.name)
		if f == nil || f.Kind() == protoreflect.GroupKind {
			continue
		}
		s := c.step(f, b.tree)
		if p := preset(f); p.Kind != Absent && len(s.wants) > 0 {
			w.presets = append(w.presets, protoPreset{s.wants, p})
		}
		w.put(int32(f.Number()), s)
	}
	for _, b := range tree.names { // a field of a oneof takes the place of the others
		if f := fieldNamed(m, b.name); f != nil && f.ContainingOneof() != nil {
			for i := range f.ContainingOneof().Fields().Len() {
				other := f.ContainingOneof().Fields().Get(i)
				if other != f && other.Kind() != protoreflect.GroupKind {
					c.clear(w, other, allWants(b.tree, nil))
				}
			}
		}
	}
	return w
}

func (c *protoCompiler) next() int { c.ids++; return c.ids - 1 }

func (c *protoCompiler) clear(w *protoWalk, f protoreflect.FieldDescriptor, wants []int) {
	s := w.of(int32(f.Number()))
	if s == nil {
		s = c.step(f, &fieldTree{nodes: new(int)})
		w.put(int32(f.Number()), s)
	}
	s.clears = append(s.clears, wants...)
}

func fieldNamed(m protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if f := m.Fields().ByName(protoreflect.Name(name)); f != nil {
		return f
	}
	return m.Fields().ByJSONName(name)
}

func allWants(t *fieldTree, all []int) []int {
	all = append(all, t.wants...)
	for _, b := range t.names {
		all = allWants(b.tree, all)
	}
	for _, i := range t.items {
		all = allWants(i.tree, all)
	}
	return all
}

func (w *protoWalk) put(number int32, s *protoStep) {
	if number < directNumbers {
		for len(w.low) <= int(number) {
			w.low = append(w.low, nil)
		}
		w.low[number] = s
		return
	}
	if w.high == nil {
		w.high = map[int32]*protoStep{}
	}
	w.high[number] = s
}

func (w *protoWalk) of(number int32) *protoStep {
	if int(number) < len(w.low) {
		return w.low[number]
	}
	return w.high[number]
}

// step compiles what is wanted at or below a field.
func (c *protoCompiler) step(f protoreflect.FieldDescriptor, tree *fieldTree) *protoStep {
	s := c.value(f)
	s.wants = tree.wants
	c.reached(tree.wants)
	s.simple = len(tree.wants) == 1 && !f.IsList() && !f.IsMap() && s.wire != protowire.BytesType && (f.ContainingOneof() == nil || f.ContainingOneof().IsSynthetic())
	switch {
	case f.IsMap():
		s.list, s.entry = false, [2]protoreflect.Kind{f.MapKey().Kind(), f.MapValue().Kind()}
		s.value = c.value(f.MapValue())
		for _, b := range tree.names {
			s.keys = append(s.keys, protoEntry{b.name, b.tree.wants, c.below(f.MapValue(), b.tree)})
		}
		for _, i := range tree.items { // keys that are numbers
			s.keys = append(s.keys, protoEntry{strconv.Itoa(i.at), i.tree.wants, c.below(f.MapValue(), i.tree)})
		}
	case f.IsList():
		for _, i := range tree.items {
			s.items = append(s.items, protoItem{i.at, i.tree.wants, c.below(f, i.tree)})
		}
	default:
		s.within = c.below(f, tree)
	}
	return s
}

// below is the walk of a message that is a value of a field, nil where nothing
// within it is wanted.
func (c *protoCompiler) below(f protoreflect.FieldDescriptor, tree *fieldTree) *protoWalk {
	c.reached(tree.wants)
	if f.Kind() != protoreflect.MessageKind || len(tree.names) == 0 {
		return nil
	}
	return c.walk(f.Message(), tree)
}

func (c *protoCompiler) reached(wants []int) {
	for _, w := range wants {
		c.reach[w] = true
	}
}

// value says how a value of a field is read.
func (c *protoCompiler) value(f protoreflect.FieldDescriptor) *protoStep {
	s := &protoStep{id: c.next(), name: string(f.Name()), kind: f.Kind(), wire: wireOf(f.Kind()), list: f.IsList()}
	switch f.Kind() {
	case protoreflect.EnumKind:
		s.symbols = map[int32][]byte{}
		values := f.Enum().Values()
		for i := range values.Len() {
			if v := values.Get(i); s.symbols[int32(v.Number())] == nil {
				s.symbols[int32(v.Number())] = []byte(v.Name())
			}
		}
	case protoreflect.MessageKind:
		if s.known = knownMessages[f.Message().FullName()]; s.known == knownWrapper {
			of := c.value(f.Message().Fields().ByName("value"))
			s.value = of
		}
	}
	return s
}

// preset is the value of a field that is not on the wire: its default where it
// has one, an empty list, or nothing.
func preset(f protoreflect.FieldDescriptor) Field {
	switch {
	case f.IsMap():
		return Field{Kind: Object}
	case f.IsList():
		return Field{Kind: List}
	case f.Kind() == protoreflect.MessageKind, f.HasPresence() && !f.HasDefault():
		return Field{}
	}
	v := f.Default()
	switch f.Kind() {
	case protoreflect.BoolKind:
		return truthField(v.Bool())
	case protoreflect.EnumKind:
		of := whole64(int64(v.Enum()))
		if d := f.Enum().Values().ByNumber(v.Enum()); d != nil {
			of.Kind, of.Text = Symbol, []byte(d.Name())
		}
		return of
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return real64(v.Float())
	case protoreflect.StringKind:
		return textField([]byte(v.String()))
	case protoreflect.BytesKind:
		return textField(v.Bytes())
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return natural(v.Uint())
	}
	return whole64(v.Int())
}

func natural(v uint64) Field {
	if v > math.MaxInt64 {
		return Field{Kind: Natural, Bits: v}
	}
	return whole64(int64(v))
}

// protoPaths are the places of a message, for errors.
func protoPaths(m protoreflect.MessageDescriptor, to Path, all []string) []string {
	const most, deepest = 200, 4
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		p := append(slices.Clone(to), PathStep{Name: string(f.Name())})
		message := f.Kind() == protoreflect.MessageKind && knownMessages[f.Message().FullName()] == knownNot
		switch {
		case len(all) >= most:
			return all
		case f.IsMap():
			all = append(all, p.String()+`["..."]`)
		case f.Kind() == protoreflect.GroupKind:
		case message && len(p) < deepest:
			if f.IsList() {
				p = append(p, PathStep{})
			}
			all = protoPaths(f.Message(), p, all)
		case f.IsList():
			all = append(all, fmt.Sprintf("%s[0]", p))
		default:
			all = append(all, p.String())
		}
	}
	return all
}
