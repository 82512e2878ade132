package codec

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Confluent is the framing that serializers of a schema registry put before a
// record: 00, then the id of the schema that wrote it in 4 bytes, big-endian.
const Confluent = "confluent"

const framingBytes = 5

// Schema is a schema as a registry keeps it.
type Schema struct {
	Type       string   // AVRO, JSON or PROTOBUF
	Text       string   // of the schema itself
	References []string // texts of those that it refers to, each after those that it refers to itself
	Names      []string // by which it refers to each: of Protobuf, the path that it imports
}

// Missing is the error of a record that can be decoded once the schema that
// wrote it is known: Learn it, and decode the record again.
type Missing struct {
	ID uint32
	by learner
}

// learner reads records by the schemas that it was taught.
type learner interface{ learn(id uint32, s Schema) }

// Error implements error.
func (m *Missing) Error() string {
	return fmt.Sprintf("schema %d of the registry is not known yet", m.ID)
}

// Lacks reports whether an error is that a schema is Missing.
func Lacks(err error) bool {
	if err == nil { // of nearly all records
		return false
	}
	var m *Missing
	return errors.As(err, &m)
}

// Learn takes the schema. One that does not suit the model is told by each
// record that was written by it.
func (m *Missing) Learn(s Schema) { m.by.learn(m.ID, s) }

// newFramed is newAvro of records that a schema registry frames. What the model
// takes is found by name in the schema that wrote each record.
func newFramed(c avroConfig, b Binding) (*Decoder, error) {
	if !b.Registry {
		return nil, pipeline.Invalidf("input_config", "the records are framed by a schema registry, and this installation knows of none").
			WithHint("set SCHEMA_REGISTRY_URL for it; records without framing want a data_scheme and no framing")
	}
	d := &Decoder{}
	if b.samples() {
		sample, err := newFramedPart("input_config.data_scheme", "input_config.data_fields", c.DataScheme, c.DataFields, b.Inputs)
		if err != nil {
			return nil, err
		}
		d.inputs, d.sample = sample.tensors, sample
	}
	if len(b.Labels) == 0 {
		return d, nil
	}
	label, err := newFramedPart("input_config.label_scheme", "input_config.label_field", c.LabelScheme, c.LabelField, b.Labels)
	if err != nil {
		return nil, err
	}
	d.labels, d.label, d.inValue = label.tensors, label, len(c.LabelField) > 0
	return d, nil
}

// framedPart decodes records that each name the schema that wrote them.
type framedPart struct {
	layout
	wants  []readerField
	scheme string // the member that gives the reader's schema; empty where there is none
	member string // the member that names fields
	sole   bool   // the one field of a record is taken whatever its name

	last  atomic.Pointer[avroProgram] // of the record before
	known learned[avroProgram]
}

// readerField is what is wanted of a record.
type readerField struct {
	avroMember        // node is nil without a reader's schema
	plain      string // the name as Avro writes names
}

func newFramedPart(scheme, member string, text json.RawMessage, names fieldList, wants []pipeline.Tensor) (*framedPart, error) {
	p := &framedPart{member: member}
	if present(text) {
		plain, err := newAvroPart(scheme, text, wants)
		if err != nil {
			return nil, err
		}
		p.layout, p.scheme = plain.layout, scheme
		return p, p.reader(scheme, text)
	}
	p.sole = len(names) == 0 && len(wants) == 1
	if len(names) == 0 {
		for _, w := range wants {
			names = append(names, w.Name)
		}
	}
	var infos []fieldInfo
	for i, name := range names {
		if name == "" || slices.Contains(names[:i], name) {
			return nil, pipeline.Invalidf(member, "field %q is empty or named twice", name)
		}
		p.wants = append(p.wants, readerField{avroMember{name: name}, AvroName(name)})
		infos = append(infos, fieldInfo{name: name}) // what it holds, the writer's schema says
	}
	var err error
	p.layout, err = arrange(member, infos, wants)
	return p, err
}

// present reports whether a member of an input_config says something.
func present(raw json.RawMessage) bool {
	text := string(raw)
	return text != "" && text != "null" && text != `""`
}

// reader takes the fields of the reader's schema, with their defaults.
func (p *framedPart) reader(scheme string, raw json.RawMessage) error {
	text, err := schemaText(raw)
	if err != nil {
		return pipeline.Invalidf(scheme, "%v", err)
	}
	names := avroNames{known: map[string]*avroNode{}}
	node, err := names.parseNode(text)
	if err != nil {
		return pipeline.Invalidf(scheme, "%v", err)
	}
	for _, m := range node.fields {
		p.wants = append(p.wants, readerField{m, m.name})
	}
	return nil
}

var errUnframed = errors.New("it is not framed by a schema registry (00, then the schema's id in 4 bytes), and the stream is announced as framed")

func (p *framedPart) decode(dst [][]byte, record []byte) error {
	if len(record) < framingBytes || record[0] != 0 {
		return errUnframed
	}
	id := binary.BigEndian.Uint32(record[1:])
	program := p.last.Load()
	if program == nil || program.id != id {
		if program = p.known.get(id); program == nil {
			return &Missing{id, p}
		}
		p.last.Store(program)
	}
	if program.unfit != nil {
		return program.unfit
	}
	var buf [4]sink
	sinks, err := p.sinks(buf[:0], dst)
	if err != nil {
		return err
	}
	tally := p.lengths.Tally()
	if err := program.run(&p.layout, sinks, record[framingBytes:], &tally); err != nil {
		return fmt.Errorf("schema %d: %w", id, err)
	}
	return p.complete(sinks, dst, &tally)
}

func (p *framedPart) learn(id uint32, s Schema) {
	program, err := p.compile(s)
	if err != nil {
		program = &avroProgram{unfit: p.unfit(id, err)}
	}
	program.id = id
	p.known.put(id, program)
}

// unfit is why no record of a schema can be decoded.
func (p *framedPart) unfit(id uint32, err error) error {
	f := &Fault{Reason: fmt.Sprintf("schema %d of the registry: %v", id, err), Hint: Hint(err)}
	if f.Hint == "" {
		f.Hint = "name in " + strings.TrimPrefix(p.member, "input_config.") + " of the input_config the fields that the model takes, or give the schema to read by"
	}
	return f
}

// lookFramed is what a record looks like that is not decoded as a framed one.
func (p *framedPart) look(of side, record []byte, err error) (seen, hint string) {
	switch {
	case !errors.Is(err, errUnframed):
		return "", "the record does not hold what its schema says: was it written by another one, or cut off?"
	case of == sideLabel:
		if seen, _ = lookText(of, record); seen == "" {
			seen = "it begins with " + hexOf(record)
		}
		return seen, "name in label_field the field of the value that is the label, or send the label as a framed key"
	}
	if seen, hint = lookText(of, record); seen != "" {
		return seen, hint
	}
	return "it begins with " + hexOf(record), "keep records of the registry and others in topics of their own, or leave it out of the announced ranges"
}

func hexOf(record []byte) string { return fmt.Sprintf("% X", record[:min(len(record), framingBytes)]) }
