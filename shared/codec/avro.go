package codec

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// avroConfig is the input_config of AVRO. Records are framed by a schema registry
// where Framing says so, or where no schema is given for those that are not.
type avroConfig struct {
	DataScheme  json.RawMessage `json:"data_scheme"`
	LabelScheme json.RawMessage `json:"label_scheme"`
	Framing     string          `json:"framing"`
	DataFields  fieldList       `json:"data_fields"`
	LabelField  fieldList       `json:"label_field"`
}

func newAvro(config json.RawMessage, b Binding) (*Decoder, error) {
	var c avroConfig
	if len(config) > 0 || !b.Registry {
		if err := unmarshalConfig(config, &c); err != nil {
			return nil, err
		}
	}
	switch {
	case c.Framing != "" && c.Framing != Confluent:
		return nil, pipeline.Invalidf("input_config.framing", "%q is not a framing", c.Framing).WithHint("use %q, or none", Confluent)
	case c.Framing == Confluent || b.Registry && !present(c.DataScheme):
		return newFramed(c, b)
	}
	d := &Decoder{}
	if b.samples() {
		sample, err := newAvroPart("input_config.data_scheme", c.DataScheme, b.Inputs)
		if err != nil {
			return nil, err
		}
		d.inputs, d.sample = sample.tensors, sample
	}
	if len(b.Labels) == 0 {
		return d, nil
	}
	label, err := newAvroPart("input_config.label_scheme", c.LabelScheme, b.Labels)
	if err != nil {
		return nil, err
	}
	d.labels, d.label = label.tensors, label
	return d, nil
}

// avroPart decodes the schemaless binary body of one record schema straight
// into tensors, without the maps that a general decoder builds.
type avroPart struct {
	layout
	fields []avroField
	single string // before a record of the schema in the single-object encoding
}

func newAvroPart(config string, scheme json.RawMessage, wants []pipeline.Tensor) (*avroPart, error) {
	parse := parseNumbers
	if slices.ContainsFunc(wants, func(t pipeline.Tensor) bool { return t.DType == String.String() }) {
		parse = parseAvro
	}
	s, err := parse(config, scheme)
	if err != nil {
		return nil, err
	}
	l, err := arrange(config, s.infos(), wants)
	if err != nil {
		return nil, err
	}
	text, _ := schemaText(scheme) // it was read before
	p := &avroPart{l, s.fields, avroSingle(text)}
	return p, p.suits(config)
}

// suits refuses text for tensors of numbers, and numbers for those of text.
func (p *avroPart) suits(config string) error {
	for i := range p.fields {
		f, t := &p.fields[i], &p.tensors[0]
		if p.to != nil {
			t = &p.tensors[p.to[i]]
		}
		switch kind := f.element().kind; {
		case kind == avroText && t.DType != String:
			return notNumber(config, f.name)
		case kind != avroText && kind != avroEnum && t.DType == String:
			return pipeline.Invalidf(config, "field %q: is a number, and %q of the model takes text", f.name, t.Name).
				WithHint("its field is string, bytes, enum, an array of them, or a union of them, or one of these or null")
		}
	}
	return nil
}

func (s *avroSchema) infos() []fieldInfo {
	var infos []fieldInfo
	for _, f := range s.fields {
		infos = append(infos, fieldInfo{f.name, f.kind != avroArray})
	}
	return infos
}

func (p *avroPart) decode(dst [][]byte, record []byte) error {
	var buf [4]sink
	sinks, err := p.sinks(buf[:0], dst)
	if err != nil {
		return err
	}
	c := avroCursor{withoutSingle(record, p.single)}
	tally := p.lengths.Tally()
	for i := range p.fields {
		f, to := &p.fields[i], p.target(sinks, i)
		left := to.room()
		if err := c.value(&f.avroType, to); err != nil {
			return fmt.Errorf("field %q: %w", f.name, err)
		}
		tally.Field(i, left-to.room())
	}
	if len(c.rest) > 0 {
		return fmt.Errorf("%d bytes follow the record: it was written by another schema", len(c.rest))
	}
	return p.complete(sinks, dst, &tally)
}

// avroCursor reads Avro's binary encoding (Apache Avro 1.12 specification,
// "Binary encoding").
type avroCursor struct{ rest []byte }

var errAvroShort = errors.New("the record ends within a value: it was written by another schema")

// long reads a zig-zag variable-length integer.
func (c *avroCursor) long() (int64, error) {
	if len(c.rest) > 0 && c.rest[0] < 0x80 { // one byte: most of them
		u := int64(c.rest[0])
		c.rest = c.rest[1:]
		return u>>1 ^ -(u & 1), nil
	}
	v, n := binary.Varint(c.rest)
	if n == 0 {
		return 0, errAvroShort
	}
	if n < 0 {
		return 0, errors.New("a number is longer than 64 bits")
	}
	c.rest = c.rest[n:]
	return v, nil
}

func (c *avroCursor) take(n int) ([]byte, error) {
	if len(c.rest) < n {
		return nil, errAvroShort
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b, nil
}

func (c *avroCursor) value(t *avroType, s *sink) error {
	if t.branches > 0 {
		of, err := c.branch(t)
		if err != nil {
			return err
		}
		if t = of; t == nil {
			return s.null()
		}
	}
	switch t.kind {
	case avroFloat:
		b, err := c.take(4)
		if err != nil {
			return err
		}
		return s.float(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
	case avroDouble:
		b, err := c.take(8)
		if err != nil {
			return err
		}
		return s.float(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	case avroArray:
		return c.array(t.items, s)
	case avroText:
		return c.text(s)
	}
	return c.integer(t, s)
}

// branch reads which type of a union follows; nil for null.
func (c *avroCursor) branch(t *avroType) (*avroType, error) {
	branch, err := c.long()
	switch {
	case err != nil:
		return nil, err
	case branch < 0 || branch >= int64(t.branches):
		return nil, fmt.Errorf("union has no branch %d", branch)
	case branch == int64(t.null):
		return nil, nil
	case t.options != nil:
		return &t.options[branch], nil
	}
	return t, nil
}

// text reads a string or bytes.
func (c *avroCursor) text(s *sink) error {
	n, err := c.long()
	if err != nil {
		return err
	}
	if n < 0 || n > int64(len(c.rest)) {
		return errAvroShort
	}
	b, err := c.take(int(n))
	if err != nil {
		return err
	}
	return s.text(b)
}

func (c *avroCursor) integer(t *avroType, s *sink) error {
	if t.kind == avroBoolean {
		b, err := c.take(1)
		if err != nil {
			return err
		}
		if b[0] > 1 {
			return fmt.Errorf("byte %d is not a boolean", b[0])
		}
		return s.integer(int64(b[0]))
	}
	v, err := c.long()
	if err != nil {
		return err
	}
	if t.kind == avroInt && v != int64(int32(v)) {
		return fmt.Errorf("%d is not an int", v)
	}
	if t.kind == avroEnum {
		if v < 0 || v >= int64(len(t.symbols)) {
			return fmt.Errorf("enum has no symbol %d", v)
		}
		return t.symbol(v, s)
	}
	return s.integer(v)
}

// symbol writes the symbol of a number, as text or as the reader's number.
func (t *avroType) symbol(v int64, s *sink) error {
	number := v
	if t.remap != nil {
		if number = t.remap[v]; number < 0 {
			return errors.New("its symbol is not one of the enum that it is read by")
		}
	}
	if s.dtype == String {
		return s.text([]byte(t.symbols[v]))
	}
	return s.integer(number)
}

// array reads an array, and of arrays in it whether they are a tensor.
func (c *avroCursor) array(items *avroType, s *sink) error {
	if !items.mayBeArray() {
		return c.items(items, s, nil)
	}
	var n nesting
	if err := c.items(items, s, &n); err != nil || s.whole == nil {
		return err
	}
	return n.fills(s.whole)
}

// mayBeArray reports whether a value of the type may be an array.
func (t *avroType) mayBeArray() bool {
	return t.kind == avroArray || slices.ContainsFunc(t.options, func(t avroType) bool { return t.kind == avroArray })
}

// items reads blocks of items until an empty one. A count beyond what the
// tensor can take is refused before anything is read: counts are untrusted. Arrays
// in arrays are noted in n, which is nil where there are none.
func (c *avroCursor) items(items *avroType, s *sink, in *nesting) error {
	if in != nil {
		if err := in.open(); err != nil {
			return err
		}
	}
	for {
		n, err := c.long()
		if err != nil {
			return err
		}
		if n == 0 && in != nil {
			return in.close()
		}
		if n == 0 {
			return nil
		}
		if n < 0 { // the block's size in bytes follows
			if _, err := c.long(); err != nil {
				return err
			}
			n = -n
		}
		if n < 0 || (items.kind != avroArray && n > int64(s.room())) || n > int64(len(c.rest)) {
			return errTooMany
		}
		for range n {
			if in == nil {
				err = c.value(items, s)
			} else {
				err = c.nested(items, s, in)
			}
			if err != nil {
				return err
			}
		}
	}
}

// nested reads an item that may be an array, and counts it: it is value and items
// once more, because plain records are read 3 to 8 % faster where neither counts.
func (c *avroCursor) nested(t *avroType, s *sink, in *nesting) (err error) {
	of := t
	if t.branches > 0 {
		if of, err = c.branch(t); err != nil {
			return err
		}
	}
	switch {
	case of == nil:
		err = s.null()
	case of.kind == avroArray:
		return c.items(of.items, s, in)
	default:
		alone := *of // its branch is read
		alone.branches = 0
		err = c.value(&alone, s)
	}
	if err != nil {
		return err
	}
	return in.item()
}
