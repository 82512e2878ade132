package codec

import (
	"fmt"
	"slices"
	"strings"
)

// avroProgram reads the records of one writer's schema into the tensors of one
// model.
type avroProgram struct {
	id    uint32
	unfit error // why no record of it can be read; nil where they can
	steps []avroStep
	// places is how many fields are wanted where they are to be read in another
	// order than they were written in; 0 where both are the same.
	places int
	// apart is the size of an element where each wanted field is one, so that it is
	// written to its place in whatever order they come.
	apart int
	// single are the wanted fields that are one value each, where others are not.
	single []int
}

// avroStep is one field of the writer, several that are stepped over or copied, or
// a constant of the reader.
type avroStep struct {
	avroType
	plain    bool // it is read, one field
	counted  bool // it may be another number of elements than one
	name     string
	want     int       // place among the wanted fields; -1: it is stepped over
	node     *avroNode // what is stepped over
	bytes    int       // to step over, or to copy, where that is known; else 0
	constant []byte    // what the reader takes where the writer has no such field
}

// errFieldMissing is the lack of a field, with the fields that there are.
func errFieldMissing(name string, has []avroMember) error {
	const shown = 12
	var all []string
	for _, m := range has {
		all = append(all, m.name)
	}
	return fmt.Errorf("it has no field %q; its fields are %s", name, firstOf(all, shown))
}

// compile resolves a writer's schema, by name, to what is wanted.
func (p *framedPart) compile(s Schema) (*avroProgram, error) {
	node, err := writersNode(s)
	if err != nil {
		return nil, err
	}
	if node.kind != avroRecord { // a key is often a string or a number alone
		node = &avroNode{kind: avroRecord, fields: []avroMember{{node: node}}}
	}
	return p.resolve(node.fields)
}

// resolve makes the steps: the writer's fields in order, and before each wanted
// one the constants of those that the writer lacks.
func (p *framedPart) resolve(writer []avroMember) (*avroProgram, error) {
	at := make([]int, len(p.wants)) // of each wanted field the writer's; -1: none
	for i := range p.wants {
		if at[i] = p.find(writer, i); at[i] < 0 && !p.wants[i].initials {
			return nil, errFieldMissing(p.wants[i].name, writer)
		}
	}
	program := &avroProgram{}
	var err error
	for i := range writer {
		step := avroStep{name: writer[i].name, want: slices.Index(at, i), node: writer[i].node}
		if step.want >= 0 {
			if step.avroType, err = p.take(writer[i], step.want); err != nil {
				return nil, err
			}
		}
		program.add(step)
	}
	for i := range p.wants {
		if at[i] >= 0 {
			continue
		}
		step := avroStep{name: p.wants[i].name, want: i}
		if step.avroType, err = p.wants[i].node.column(0); err != nil {
			return nil, fmt.Errorf("field %q: %w", step.name, err)
		}
		if step.constant, err = p.wants[i].node.constant(p.wants[i].initial); err != nil {
			return nil, fmt.Errorf("the default of field %q: %w", step.name, err)
		}
		program.insert(step)
	}
	if slices.ContainsFunc(program.steps, avroStep.several) {
		for _, s := range program.steps {
			if s.want >= 0 && !s.several() {
				program.single = append(program.single, s.want)
			}
		}
	}
	if p.to == nil {
		program.order(p.tensors[0].DType)
	}
	for i := range program.steps {
		s := &program.steps[i]
		s.counted = s.several()
		s.plain = s.want >= 0 && s.constant == nil && s.bytes == 0 && !s.counted
	}
	return program, nil
}

// find is the writer's field that a wanted one is, -1 where there is none.
func (p *framedPart) find(writer []avroMember, want int) int {
	w := &p.wants[want]
	is := func(m avroMember) bool {
		return m.name == w.name || slices.Contains(w.aliases, m.name) || w.node == nil && m.name != "" && m.name == w.plain
	}
	if at := slices.IndexFunc(writer, is); at >= 0 {
		return at
	}
	if p.sole && len(writer) == 1 {
		return 0
	}
	return -1
}

// take is how a field of the writer is read into what is wanted.
func (p *framedPart) take(m avroMember, want int) (avroType, error) {
	t, err := m.node.column(0)
	if err != nil {
		return t, fmt.Errorf("field %q %w", m.name, err)
	}
	to := &p.tensors[0]
	if p.to != nil {
		to = &p.tensors[p.to[want]]
	}
	switch text := t.holdsText(); {
	case text && to.DType != String:
		return t, fmt.Errorf("field %q is %s, and %q of the model takes numbers", m.name, m.node.value().name, to.Name)
	case !text && to.DType == String && !m.node.holdsEnum():
		return t, fmt.Errorf("field %q is %s, and %q of the model takes text", m.name, m.node.value().name, to.Name)
	}
	reader := p.wants[want].node
	if reader == nil {
		if m.node.holdsEnum() && to.DType != String {
			return t, &Fault{
				fmt.Sprintf("field %q is an enum, whose numbers may change with the schema", m.name),
				"give a schema to read by (" + strings.Replace(strings.TrimPrefix(p.member, "input_config."), "_fields", "_scheme", 1) + "), whose order of symbols counts",
			}
		}
		return t, nil
	}
	if err := t.widen(m.node, reader); err != nil {
		return t, fmt.Errorf("field %q: %w", m.name, err)
	}
	return t, nil
}

func (t *avroNode) holdsEnum() bool {
	switch t.kind {
	case avroUnion:
		return slices.ContainsFunc(t.branches, (*avroNode).holdsEnum)
	case avroArray:
		return t.items.holdsEnum()
	}
	return t.kind == avroEnum
}

// widen checks that a reader may take what a writer wrote (Apache Avro 1.12,
// "Schema Resolution") and turns the symbols of enums into the reader's.
func (t *avroType) widen(writer, reader *avroNode) error {
	for i := range t.options { // of a union of several numbers
		if writer.branches[i].kind == avroNull {
			continue
		}
		if err := t.options[i].widen(writer.branches[i], reader); err != nil {
			return err
		}
	}
	if t.options != nil {
		return nil
	}
	if reader.kind == avroUnion {
		var err error
		for _, b := range reader.branches {
			if b.kind == avroNull {
				continue
			}
			if err = t.widen(writer, b); err == nil {
				return nil
			}
		}
		return err
	}
	w, r := writer.value(), reader
	switch {
	case w.kind == avroArray && r.kind == avroArray:
		return t.items.widen(w.items, r.items)
	case w.kind == avroEnum && r.kind == avroEnum:
		t.remap = nil
		for _, s := range w.symbols {
			t.remap = append(t.remap, int64(slices.Index(r.symbols, s)))
		}
		return nil
	case w.kind == r.kind && w.kind != avroArray,
		w.kind == avroInt && slices.Contains([]avroKind{avroLong, avroFloat, avroDouble}, r.kind),
		w.kind == avroLong && (r.kind == avroFloat || r.kind == avroDouble),
		w.kind == avroFloat && r.kind == avroDouble:
		return nil
	}
	return &Fault{
		fmt.Sprintf("it was written as %s and is read as %s", w.name, r.name),
		"Avro widens int to long, float and double, long to float and double, and float to double: give the wider type in the schema to read by",
	}
}

// add adds a step; neighbours of known sizes that are stepped over become one.
func (g *avroProgram) add(s avroStep) {
	if s.want < 0 {
		s.bytes = max(0, s.node.always())
		if n := len(g.steps); n > 0 && s.bytes > 0 && g.steps[n-1].want < 0 && g.steps[n-1].bytes > 0 {
			g.steps[n-1].bytes += s.bytes
			return
		}
	}
	g.steps = append(g.steps, s)
}

// insert puts a constant before the wanted fields that come after it.
func (g *avroProgram) insert(s avroStep) {
	at := slices.IndexFunc(g.steps, func(other avroStep) bool { return other.want > s.want })
	if at < 0 {
		at = len(g.steps)
	}
	g.steps = slices.Insert(g.steps, at, s)
}

// order says how the steps are run where all fields go into one tensor: the
// wanted ones, in their own order, which may not be the writer's.
func (g *avroProgram) order(to DType) {
	last, sorted := -1, true
	wanted := 0
	for i := range g.steps {
		if want := g.steps[i].want; want >= 0 {
			sorted, last, wanted = sorted && want > last, want, wanted+1
		}
	}
	if !sorted && to != String && !slices.ContainsFunc(g.steps, avroStep.several) {
		g.places, g.apart = wanted, to.Size()
		for i := range g.steps {
			if s := &g.steps[i]; s.alike(to) {
				s.bytes = to.Size()
			}
		}
		return
	}
	if !sorted {
		g.places = wanted
		for i := range g.steps {
			if s := &g.steps[i]; s.node != nil {
				s.bytes = max(0, s.node.always())
			}
		}
		return
	}
	g.join(to)
}

// several reports whether a wanted field may be another number of elements than
// one.
func (s avroStep) several() bool {
	return s.want >= 0 && s.mayBeArray()
}

// alike reports whether a wanted field lies in the record as in a tensor.
func (s *avroStep) alike(to DType) bool {
	return s.want >= 0 && s.constant == nil && s.branches == 0 && (s.kind == avroFloat && to == Float32 || s.kind == avroDouble && to == Float64)
}

// join makes one step of neighbours that lie in the record as in the tensor.
func (g *avroProgram) join(to DType) {
	var joined []avroStep
	for _, s := range g.steps {
		alike := s.alike(to)
		if alike {
			s.bytes = to.Size()
		}
		if n := len(joined); alike && n > 0 && joined[n-1].want >= 0 && joined[n-1].bytes > 0 {
			joined[n-1].bytes += s.bytes
			continue
		}
		joined = append(joined, s)
	}
	g.steps = joined
}

// run reads a record. One whose fields lie in another order, and may be several
// elements each, is gone through twice: to find them, and to read them.
func (g *avroProgram) run(l *layout, sinks []sink, record []byte, tally *Tally) error {
	c := skipper{avroCursor{record}, len(record) + skipWork}
	for _, want := range g.single {
		tally.Field(want, 1)
	}
	if g.apart > 0 {
		return g.eachApart(&sinks[0], &c)
	}
	if g.places > 0 {
		return g.inOrder(l, sinks, &c, tally)
	}
	for i := range g.steps {
		s := &g.steps[i]
		var err error
		switch {
		case s.plain:
			err = c.value(&s.avroType, l.target(sinks, s.want))
		case s.counted:
			err = s.count(&c.avroCursor, l.target(sinks, s.want), tally)
		case s.want < 0:
			err = c.step(s)
		case s.constant != nil:
			err = s.take(l.target(sinks, s.want))
		default:
			err = c.copy(s, &sinks[0])
		}
		if err != nil {
			return fmt.Errorf("field %q: %w", s.name, err)
		}
	}
	return c.end()
}

// eachApart reads the wanted fields in the writer's order, each into its place.
func (g *avroProgram) eachApart(to *sink, c *skipper) error {
	for i := range g.steps {
		s := &g.steps[i]
		if at := s.want * g.apart; s.want >= 0 && s.bytes == 4 && s.constant == nil && len(c.rest) >= 4 && at+4 <= len(to.dst) {
			*(*[4]byte)(to.dst[at:]) = [4]byte(c.rest) // of a float, by far the most
			c.rest = c.rest[4:]
			continue
		}
		var err error
		if s.want < 0 {
			err = c.step(s)
		} else {
			to.at = s.want * g.apart
			switch {
			case s.plain:
				err = c.value(&s.avroType, to)
			case s.constant != nil:
				err = s.take(to)
			default:
				err = c.copy(s, to)
			}
		}
		if err != nil {
			return fmt.Errorf("field %q: %w", s.name, err)
		}
	}
	to.at = g.places * g.apart
	return c.end()
}

// inOrder reads the wanted fields in their own order.
func (g *avroProgram) inOrder(l *layout, sinks []sink, c *skipper, tally *Tally) error {
	var few [64]avroPlace
	places := append(few[:0], make([]avroPlace, g.places)...)
	for i := range g.steps {
		s := &g.steps[i]
		if s.want >= 0 {
			places[s.want] = avroPlace{c.rest, s}
		}
		if s.constant == nil {
			if err := c.step(s); err != nil {
				return fmt.Errorf("field %q: %w", s.name, err)
			}
		}
	}
	for i := range places {
		s, from := places[i].step, avroCursor{places[i].at}
		var err error
		switch to := l.target(sinks, i); {
		case s.counted:
			err = s.count(&from, to, tally)
		case s.constant != nil:
			err = s.take(to)
		default:
			err = from.value(&s.avroType, to)
		}
		if err != nil {
			return fmt.Errorf("field %q: %w", s.name, err)
		}
	}
	return c.end()
}

// avroPlace is where a wanted field begins.
type avroPlace struct {
	at   []byte
	step *avroStep
}

func (c *skipper) step(s *avroStep) error {
	if s.bytes > 0 {
		_, err := c.take(s.bytes)
		return err
	}
	return c.skip(s.node, 0)
}

// copy takes fields that lie in the record as they do in the tensor.
func (c *skipper) copy(s *avroStep, to *sink) error {
	b, err := c.take(s.bytes)
	if err != nil {
		return err
	}
	if to.at+len(b) > len(to.dst) {
		return errTooMany
	}
	to.at += copy(to.dst[to.at:], b)
	return nil
}

// count reads a field that may be several elements, or its constant, and notes how
// many they are.
func (s *avroStep) count(c *avroCursor, to *sink, tally *Tally) error {
	left := to.room()
	var err error
	if s.constant != nil {
		err = s.take(to)
	} else {
		err = c.value(&s.avroType, to)
	}
	tally.Field(s.want, left-to.room())
	return err
}

// take writes the constant of a field.
func (s *avroStep) take(to *sink) error {
	c := avroCursor{s.constant}
	return c.value(&s.avroType, to)
}

func (c *skipper) end() error {
	if len(c.rest) > 0 {
		return fmt.Errorf("%d bytes follow the record", len(c.rest))
	}
	return nil
}
