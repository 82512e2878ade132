package codec

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// avroFields reads fields of records of one schema, or of those that a schema
// registry frames, by the schema that wrote each.
type avroFields struct {
	side   Side
	count  int
	tree   *fieldTree
	reader *avroNode   // the schema that is given; nil where there is none
	bare   *avroSource // of records without framing; nil: they are framed, or are a key of text

	framed bool
	known  learned[avroSource]
}

// avroSource is a writer's schema and how it is gone through.
type avroSource struct {
	node  *avroNode
	walk  *avroWalk // nil: it has nothing that is wanted
	unfit error     // why no record of it can be read; nil where they can

	single string // before a record without framing, in the single-object encoding
}

func newAvroFields(config json.RawMessage, of Side, paths []Path, registry bool) (FieldReader, error) {
	var c struct {
		avroConfig
		KeyScheme json.RawMessage `json:"key_scheme"`
	}
	if len(config) > 0 {
		if err := unmarshalConfig(config, &c); err != nil {
			return nil, err
		}
	}
	if c.Framing != "" && c.Framing != Confluent {
		return nil, pipeline.Invalidf("input_config.framing", "%q is not a framing", c.Framing).WithHint("use %q, or none", Confluent)
	}
	member, scheme := "data_scheme", c.DataScheme
	if of == Key {
		member, scheme = "label_scheme", c.LabelScheme
		if present(c.KeyScheme) {
			member, scheme = "key_scheme", c.KeyScheme
		}
	}
	r := &avroFields{side: of, count: len(paths), tree: newFieldTree(paths)}
	r.framed = c.Framing == Confluent || registry && !present(c.DataScheme)
	switch {
	case r.framed && !registry:
		return nil, pipeline.Invalidf("input_config", "the records are framed by a schema registry, and this installation knows of none").
			WithHint("set SCHEMA_REGISTRY_URL for it; records without framing want a data_scheme and no framing")
	case !present(scheme) && (r.framed || of == Key):
		return r, r.rootOnly(paths)
	}
	return r, r.given("input_config."+member, scheme, paths)
}

// rootOnly refuses paths into a key that no schema describes.
func (r *avroFields) rootOnly(paths []Path) error {
	for _, p := range paths {
		if !r.framed && len(p) > 0 {
			return pipeline.Invalidf("input_config.key_scheme", "is missing, and %q is to be taken from the key", p.String()).
				WithHint("give the schema of the key, or leave out the path: then the key is text")
		}
	}
	return nil
}

// given takes the one schema that is given, in which each path has to be.
func (r *avroFields) given(member string, scheme json.RawMessage, paths []Path) error {
	text, err := schemaText(scheme)
	if err != nil {
		return pipeline.Invalidf(member, "%v", err).
			WithHint("give an Avro schema; records framed by a schema registry need none where SCHEMA_REGISTRY_URL is set")
	}
	names := avroNames{known: map[string]*avroNode{}}
	if r.reader, err = names.parseNode(text); err != nil {
		return pipeline.Invalidf(member, "is not an Avro schema: %v", err)
	}
	source := &avroSource{node: r.reader, walk: walkOf(r.reader, nil, r.tree)}
	have := make([]bool, r.count)
	source.walk.reached(have)
	for i, is := range have {
		if !is {
			return NoPath(member, paths[i], r.reader.paths(nil, nil))
		}
	}
	if !r.framed {
		source.single = avroSingle(text)
		r.bare = source
	}
	return nil
}

// NoPath is that no record of a schema has a path, with those that it has.
func NoPath(member string, p Path, has []string) error {
	const most = 20
	return pipeline.Invalidf("input_config", "there is no %q in %s", p.String(), strings.TrimPrefix(member, "input_config.")).
		WithHint("the paths are %s", firstOf(has, most))
}

// Kinds implements FieldReader.
func (r *avroFields) Kinds() []FieldKind {
	if r.reader == nil {
		return nil
	}
	all := make([]FieldKind, r.count)
	walkOf(r.reader, nil, r.tree).kinds(all, make([]bool, r.count))
	return all
}

// Paths implements FieldReader.
func (r *avroFields) Paths(record []byte) []string {
	source, _, err := r.source(record)
	if err != nil {
		return nil
	}
	return source.node.paths(nil, nil)
}

// source is the schema of a record, and the record without framing.
func (r *avroFields) source(record []byte) (*avroSource, []byte, error) {
	if !r.framed {
		if r.bare != nil {
			record = withoutSingle(record, r.bare.single)
		}
		return r.bare, record, nil
	}
	if len(record) < framingBytes || record[0] != 0 {
		return nil, nil, errUnframed
	}
	id := binary.BigEndian.Uint32(record[1:])
	source := r.known.get(id)
	if source == nil {
		return nil, nil, &Missing{id, r}
	}
	return source, record[framingBytes:], source.unfit
}

// Read implements FieldReader.
func (r *avroFields) Read(dst []Field, s *Scratch, record []byte) error {
	clear(dst)
	s.reset(0)
	if r.side == Key && (len(record) == 0 || r.text(record)) {
		if record != nil {
			r.tree.put(dst, textField(record))
		}
		return nil
	}
	err := r.read(dst, s, record)
	if err == nil {
		return nil
	}
	again := func(other []byte) error { return r.read(dst, s, other) }
	err = explainFields(r.side, !r.framed, record, err, again)
	var f *Fault
	if errors.As(err, &f) && f.Hint == "" && len(record) > 0 {
		f.Hint = "give in the input_config the schema that the records were written by"
		if seen, hint := lookText(sideValue, record); seen != "" {
			f.Reason, f.Hint = f.Reason+"; "+seen, hint
		} else if r.framed {
			f.Hint = "keep records of the registry and others in topics of their own"
		}
	}
	return err
}

// text reports whether a key is text that no schema describes, and only the
// whole of it is wanted.
func (r *avroFields) text(record []byte) bool {
	if r.framed {
		return r.tree.leaf() && (len(record) < framingBytes || record[0] != 0)
	}
	return r.bare == nil
}

func (r *avroFields) read(dst []Field, s *Scratch, record []byte) error {
	source, body, err := r.source(record)
	if err != nil {
		return err
	}
	c := avroTaker{skipper: skipper{avroCursor{body}, skipWork + len(body)}, dst: dst, Scratch: s}
	if source.walk == nil {
		err = c.skip(source.node, 0)
	} else {
		err = c.take(source.walk, 0)
	}
	if err == nil && len(c.rest) > 0 {
		err = fmt.Errorf("%d bytes follow the record: it was written by another schema", len(c.rest))
	}
	return err
}

// learn implements learner.
func (r *avroFields) learn(id uint32, s Schema) {
	source := &avroSource{}
	if source.node, source.unfit = writersNode(s); source.unfit == nil {
		source.walk = walkOf(source.node, r.reader, r.tree)
	} else {
		source.unfit = &Fault{fmt.Sprintf("schema %d of the registry: %v", id, source.unfit), Hint(source.unfit)}
	}
	r.known.put(id, source)
}

// writersNode reads a schema of a registry, with those that it refers to.
func writersNode(s Schema) (*avroNode, error) {
	if s.Type != "" && s.Type != "AVRO" {
		return nil, &Fault{"it is of the type " + s.Type, "announce the stream with the input_format of that type"}
	}
	names := avroNames{known: map[string]*avroNode{}}
	for _, text := range s.References {
		if _, err := names.parseNode(text); err != nil {
			return nil, fmt.Errorf("a schema that it refers to: %w", err)
		}
	}
	return names.parseNode(s.Text)
}
