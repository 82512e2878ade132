package codec

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// protoConfig is the input_config of PROTOBUF. A scheme is the text of a .proto
// file or a FileDescriptorSet in base64, a message the name of one in it.
type protoConfig struct {
	DataFields   fieldList `json:"data_fields"`
	LabelField   fieldList `json:"label_field"`
	Framing      string    `json:"framing"`
	DataScheme   string    `json:"data_scheme"`
	DataMessage  string    `json:"data_message"`
	LabelScheme  string    `json:"label_scheme"`
	LabelMessage string    `json:"label_message"`
	KeyScheme    string    `json:"key_scheme"`
	KeyMessage   string    `json:"key_message"`
}

func readProtoConfig(config json.RawMessage, registry bool) (c protoConfig, framed bool, err error) {
	if len(config) > 0 && string(config) != "null" {
		if err := unmarshalConfig(config, &c); err != nil {
			return c, false, err
		}
	}
	framed = c.Framing == Confluent || registry && c.DataScheme == ""
	switch {
	case c.Framing != "" && c.Framing != Confluent:
		return c, framed, pipeline.Invalidf("input_config.framing", "%q is not a framing", c.Framing).WithHint("use %q, or none", Confluent)
	case framed && c.DataScheme != "":
		return c, framed, pipeline.Invalidf("input_config.data_scheme", "is given beside the framing of a registry, whose schemas say how records of Protobuf are read").
			WithHint("leave out data_scheme, or framing where the records have none")
	case framed && !registry:
		return c, framed, pipeline.Invalidf("input_config", "the records are framed by a schema registry, and this installation knows of none").
			WithHint("set SCHEMA_REGISTRY_URL for it; records without framing want the .proto text as data_scheme")
	case !framed && c.DataScheme == "":
		return c, framed, pipeline.Invalidf("input_config.data_scheme", "is missing").
			WithHint("give the text of the .proto file or its FileDescriptorSet in base64, and the message in data_message; records framed by a schema registry need none where SCHEMA_REGISTRY_URL is set")
	}
	return c, framed, nil
}

// protoFields reads fields of records of one message, or of those that a schema
// registry frames, by the schema that wrote each.
type protoFields struct {
	side  Side
	paths []Path
	tree  *fieldTree
	bare  *protoSource // of records without framing; nil: they are framed, or are a key of text

	framed bool
	last   atomic.Pointer[protoSource] // of the record before
	known  learned[protoWriter]
}

// protoWriter is a schema of a registry, and its messages that were met.
type protoWriter struct {
	file    protoreflect.FileDescriptor
	unfit   error
	sources map[string]*protoSource // by the indexes as they stand in a record
	mu      sync.Mutex
}

// protoSource is a message and how it is gone through.
type protoSource struct {
	id      uint32
	indexes string
	message protoreflect.MessageDescriptor
	walk    *protoWalk
	ids     int
	initial []Field
	lacks   []int // paths that the message does not have
	unfit   error
}

func newProtoFields(config json.RawMessage, of Side, paths []Path, registry bool) (*protoFields, error) {
	c, framed, err := readProtoConfig(config, registry)
	if err != nil {
		return nil, err
	}
	r := &protoFields{side: of, paths: paths, tree: newFieldTree(paths), framed: framed}
	if framed {
		return r, nil
	}
	member, scheme, message := "data", c.DataScheme, c.DataMessage
	if of == Key {
		member, scheme, message = "label", c.LabelScheme, c.LabelMessage
		if c.KeyScheme != "" {
			member, scheme, message = "key", c.KeyScheme, c.KeyMessage
		}
		if scheme == "" {
			return r, r.rootOnly()
		}
	}
	return r, r.given(member, scheme, message)
}

// rootOnly refuses paths into a key that no schema describes.
func (r *protoFields) rootOnly() error {
	for _, p := range r.paths {
		if len(p) > 0 {
			return pipeline.Invalidf("input_config.key_scheme", "is missing, and %q is to be taken from the key", p.String()).
				WithHint("give the .proto text of the key, or leave out the path: then the key is text")
		}
	}
	return nil
}

// given takes the message that is given, in which each path has to be.
func (r *protoFields) given(member, scheme, name string) error {
	file, err := protoOf(Schema{Text: scheme})
	if err != nil {
		return pipeline.Invalidf("input_config."+member+"_scheme", "%v", err).WithHint("give the text of one .proto file, or a FileDescriptorSet in base64 (protoc --include_imports --descriptor_set_out)")
	}
	m, err := messageNamed(file, name)
	if err != nil {
		return pipeline.Invalidf("input_config."+member+"_message", "%v", err).WithHint("%s", Hint(err))
	}
	r.bare = r.compile(m)
	if len(r.bare.lacks) > 0 {
		return NoPath("input_config."+member+"_scheme", r.paths[r.bare.lacks[0]], protoPaths(m, nil, nil))
	}
	return nil
}

func (r *protoFields) compile(m protoreflect.MessageDescriptor) *protoSource {
	c := protoCompiler{reach: make([]bool, len(r.paths))}
	s := &protoSource{message: m, walk: c.walk(m, r.tree), initial: make([]Field, len(r.paths))}
	s.ids = c.ids
	for i, reached := range c.reach {
		if !reached && len(r.paths[i]) > 0 {
			s.lacks = append(s.lacks, i)
		}
	}
	for _, want := range r.tree.wants {
		s.initial[want] = Field{Kind: Object}
	}
	return s
}

// Kinds implements FieldReader.
func (r *protoFields) Kinds() []FieldKind {
	if r.bare == nil {
		return nil
	}
	all := make([]FieldKind, len(r.paths))
	r.bare.walk.kinds(all)
	for _, want := range r.tree.wants {
		all[want] = Object
	}
	return all
}

// kinds are what lies at each path.
func (w *protoWalk) kinds(all []FieldKind) {
	steps := slices.Clone(w.low)
	for _, s := range w.high {
		steps = append(steps, s)
	}
	for _, s := range steps {
		if s == nil {
			continue
		}
		of, one := s.fieldKind(), s.fieldKind()
		switch {
		case s.list:
			of = List
		case s.entry[0] != 0:
			of, one = Object, s.value.fieldKind()
		}
		for _, want := range s.wants {
			all[want] = of
		}
		for _, i := range s.items {
			below(all, i.wants, one, i.within)
		}
		for _, k := range s.keys {
			below(all, k.wants, one, k.within)
		}
		below(all, nil, one, s.within)
	}
}

func below(all []FieldKind, wants []int, kind FieldKind, within *protoWalk) {
	for _, want := range wants {
		all[want] = kind
	}
	if within != nil {
		within.kinds(all)
	}
}

// fieldKind is what one value of a field is.
func (s *protoStep) fieldKind() FieldKind {
	switch s.kind {
	case protoreflect.BoolKind:
		return Truth
	case protoreflect.EnumKind:
		return Symbol
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return Real
	case protoreflect.StringKind, protoreflect.BytesKind:
		return Text
	case protoreflect.MessageKind:
		switch s.known {
		case knownTimestamp:
			return Whole
		case knownDuration, knownDecimal:
			return Real
		case knownWrapper:
			return s.value.fieldKind()
		}
		return Object
	}
	return Whole
}

// Paths implements FieldReader.
func (r *protoFields) Paths(record []byte) []string {
	source, _, err := r.source(record)
	if err != nil || source == nil {
		return nil
	}
	return protoPaths(source.message, nil, nil)
}

// source is the message of a record, and its bytes without framing.
func (r *protoFields) source(record []byte) (*protoSource, []byte, error) {
	if !r.framed {
		return r.bare, record, nil
	}
	if len(record) < framingBytes || record[0] != 0 {
		return nil, nil, errUnframed
	}
	id := binary.BigEndian.Uint32(record[1:])
	n := indexBytes(record[framingBytes:])
	if n <= 0 {
		return nil, nil, errors.New("the indexes of its message, which follow the schema's id, cannot be read")
	}
	indexes := record[framingBytes : framingBytes+n]
	body := record[framingBytes+n:]
	if s := r.last.Load(); s != nil && s.id == id && s.indexes == string(indexes) {
		return s, body, s.unfit
	}
	writer := r.known.get(id)
	if writer == nil {
		return nil, nil, &Missing{id, r}
	}
	s := writer.source(r, id, indexes)
	r.last.Store(s)
	return s, body, s.unfit
}

// mostIndexes is how deep the message of a record may stand within others.
const mostIndexes = schemaDepth

// indexBytes is the length of the indexes that lead to a record's message: how
// many there are, then each, as zigzag numbers; a lone 0 is the first message.
func indexBytes(b []byte) int {
	count, at := binary.Varint(b)
	if at <= 0 || count < 0 || count > mostIndexes {
		return -1
	}
	for range count {
		_, n := binary.Varint(b[at:])
		if n <= 0 {
			return -1
		}
		at += n
	}
	return at
}

func indexesOf(b []byte) (all []int) {
	count, at := binary.Varint(b)
	if count == 0 {
		return []int{0}
	}
	for range count {
		v, n := binary.Varint(b[at:])
		all = append(all, int(v))
		at += n
	}
	return all
}

func (w *protoWriter) source(r *protoFields, id uint32, indexes []byte) *protoSource {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.sources[string(indexes)]; s != nil {
		return s
	}
	s := &protoSource{unfit: w.unfit}
	if w.unfit == nil {
		m, err := messageAt(w.file, indexesOf(indexes))
		if err == nil {
			s = r.compile(m)
		} else {
			s.unfit = &Fault{fmt.Sprintf("schema %d of the registry: %v", id, err), "was the record written for another registry?"}
		}
	}
	s.id, s.indexes = id, string(indexes)
	if len(w.sources) < schemasKnown {
		w.sources[s.indexes] = s
	}
	return s
}

// learn implements learner.
func (r *protoFields) learn(id uint32, s Schema) {
	w := &protoWriter{sources: map[string]*protoSource{}}
	if s.Type == "" {
		s.Type = "AVRO" // as registries leave it out
	}
	var err error
	if w.file, err = protoOf(s); err != nil {
		hint := Hint(err)
		if hint == "" {
			hint = "mend the schema in the registry, or leave the records that it wrote out of the announced ranges"
		}
		w.unfit = &Fault{fmt.Sprintf("schema %d of the registry: %v", id, err), hint}
	}
	r.known.put(id, w)
}

// Read implements FieldReader.
func (r *protoFields) Read(dst []Field, s *Scratch, record []byte) error {
	if r.side == Key && r.text(record) {
		clear(dst)
		if record != nil {
			r.tree.put(dst, textField(record))
		}
		return nil
	}
	_, err := r.read(dst, s, record)
	if err == nil {
		return nil
	}
	return r.explain(record, err)
}

// text reports whether a key is text that no schema describes, and only the
// whole of it is wanted.
func (r *protoFields) text(record []byte) bool {
	if r.framed {
		return r.tree.leaf() && (len(record) < framingBytes || record[0] != 0)
	}
	return r.bare == nil
}

// errNoRecord is told in other words: an empty value is a message of defaults, and
// none is no message.
var errNoRecord = errors.New("there is nothing")

func (r *protoFields) read(dst []Field, s *Scratch, record []byte) (*protoSource, error) {
	if record == nil {
		return nil, errNoRecord
	}
	source, body, err := r.source(record)
	if err != nil {
		return nil, err
	}
	s.reset(source.ids)
	if len(s.counts) < source.ids {
		s.counts, s.begins = make([]int32, source.ids), make([]int32, source.ids)
	}
	clear(s.counts)
	copy(dst, source.initial)
	c := protoTaker{Scratch: s, dst: dst, left: protoWork + len(body)}
	return source, c.message(source.walk, body, 0)
}

// explain says what a record looks like that cannot be read.
func (r *protoFields) explain(record []byte, err error) error {
	again := func(other []byte) error {
		_, err := r.read(make([]Field, len(r.paths)), &Scratch{}, other)
		return err
	}
	err = explainFields(r.side, false, record, err, again)
	var f *Fault
	if errors.As(err, &f) && f.Hint == "" && len(record) > 0 {
		seen, hint := r.look(sideValue, record, err)
		if seen != "" {
			f.Reason += "; " + seen
		}
		f.Hint = hint
	}
	return err
}

// look is what a record looks like that is not of its message.
func (r *protoFields) look(of side, record []byte, err error) (seen, hint string) {
	if seen, hint = lookText(of, record); seen != "" {
		return seen, hint
	}
	switch {
	case errors.Is(err, errUnframed):
		return "it begins with " + hexOf(record), "keep records of the registry and others in topics of their own, or leave it out of the announced ranges"
	case !r.framed && len(record) > framingBytes && record[0] == 0:
		return fmt.Sprintf("it begins with 00 and the id %d of a schema registry (Confluent's framing)", binary.BigEndian.Uint32(record[1:])),
			"leave out the data_scheme of the input_config, and set SCHEMA_REGISTRY_URL for the installation"
	case r.framed:
		return "", "the record does not hold what its schema says: was it written by another one, or cut off?"
	}
	return "", "give in the input_config the schema and the message that the records were written by"
}
