package codec

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// newProto binds records of Protobuf to a model: fields by name, as data_fields
// or the model's inputs name them.
func newProto(config json.RawMessage, b Binding) (*Decoder, error) {
	c, framed, err := readProtoConfig(config, b.Registry)
	if err != nil {
		return nil, err
	}
	sample, err := newProtoPart(config, Value, "input_config.data_fields", c.DataFields, b.Inputs, b.Registry)
	if err != nil {
		return nil, err
	}
	d := &Decoder{inputs: sample.tensors, sample: sample}
	if len(b.Labels) == 0 {
		return d, nil
	}
	of := Key
	if d.inValue = len(c.LabelField) > 0; d.inValue {
		of = Value
	} else if !framed && c.LabelScheme == "" && c.KeyScheme == "" {
		return nil, pipeline.Invalidf("input_config.label_scheme", "is missing, and the label is the record's key").
			WithHint("give the .proto text of the key (label_scheme, label_message), or name in label_field the field of the value that is the label")
	}
	label, err := newProtoPart(config, of, "input_config.label_field", c.LabelField, b.Labels, b.Registry)
	if err != nil {
		return nil, err
	}
	d.labels, d.label = label.tensors, label
	return d, nil
}

// protoPart decodes fields of a message into tensors.
type protoPart struct {
	layout
	*protoFields
	member string
	names  []string
	pool   sync.Pool // of *protoRoom
}

// protoRoom is what decoding one record takes.
type protoRoom struct {
	fields  []Field
	scratch Scratch
}

func newProtoPart(config json.RawMessage, of Side, member string, names fieldList, wants []pipeline.Tensor, registry bool) (*protoPart, error) {
	p := &protoPart{member: member, names: names}
	if len(names) == 0 {
		for _, w := range wants {
			p.names = append(p.names, w.Name)
		}
	}
	var infos []fieldInfo
	var paths []Path
	for i, name := range p.names {
		if name == "" || slices.Contains(p.names[:i], name) {
			return nil, pipeline.Invalidf(member, "field %q is empty or named twice", name)
		}
		infos = append(infos, fieldInfo{name: name}) // what it holds, the schema says
		paths = append(paths, Path{{Name: name}})
	}
	var err error
	if p.protoFields, err = newProtoFields(config, of, paths, registry); err != nil {
		if len(names) == 0 && len(wants) == 1 {
			if name, ok := soleField(config, of, registry); ok {
				return newProtoPart(config, of, member, fieldList{name}, wants, registry)
			}
		}
		return nil, err
	}
	p.layout, err = arrange(member, infos, wants)
	p.pool.New = func() any { return &protoRoom{fields: make([]Field, len(paths))} }
	return p, err
}

// soleField is the name of the only field of a message that is given.
func soleField(config json.RawMessage, of Side, registry bool) (string, bool) {
	r, err := newProtoFields(config, of, nil, registry)
	if err != nil || r.bare == nil || r.bare.message.Fields().Len() != 1 {
		return "", false
	}
	return string(r.bare.message.Fields().Get(0).Name()), true
}

func (p *protoPart) decode(dst [][]byte, record []byte) error {
	var buf [4]sink
	sinks, err := p.sinks(buf[:0], dst)
	if err != nil {
		return err
	}
	room := p.pool.Get().(*protoRoom)
	defer p.pool.Put(room)
	source, err := p.read(room.fields, &room.scratch, record)
	if err != nil {
		return err
	}
	if len(source.lacks) > 0 {
		return p.lacking(source)
	}
	tally := p.lengths.Tally()
	for i := range room.fields {
		to := p.target(sinks, i)
		left := to.room()
		if err := to.field(&room.fields[i]); err != nil {
			return fmt.Errorf("field %q: %w", p.names[i], err)
		}
		tally.Field(i, left-to.room())
	}
	return p.complete(sinks, dst, &tally)
}

// lacking is that a record's message does not have a field that is wanted.
func (p *protoPart) lacking(s *protoSource) error {
	const most = 20
	return &Fault{
		fmt.Sprintf("schema %d of the registry: message %s has no field %q", s.id, s.message.FullName(), p.names[s.lacks[0]]),
		"name in " + p.member[len("input_config."):] + " of the input_config the fields that the model takes; there are " + firstOf(protoPaths(s.message, nil, nil), most),
	}
}

// field writes a field of a record.
func (s *sink) field(f *Field) error {
	switch f.Kind {
	case Absent, Null:
		return s.null()
	case Truth, Whole:
		return s.integer(int64(f.Bits)) // #nosec G115 -- as it was stored
	case Symbol:
		if s.dtype == String {
			return s.text(f.Text)
		}
		return s.integer(int64(f.Bits)) // #nosec G115 -- as it was stored
	case Natural:
		if s.dtype == Uint64 {
			return s.unsigned(f.Bits)
		}
		if !s.dtype.Float() {
			return s.misfit(f.Bits)
		}
		return s.float(f.Float())
	case Real:
		return s.float(f.Float())
	case Text:
		return s.text(f.Text)
	case List:
		for i := range f.Items {
			if err := s.field(&f.Items[i]); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return nil
	}
	return &Fault{"it holds " + f.Kind.String() + ", where a number or text is wanted", `name what is within it by its path, in "inputs" of the input_config`}
}
