// Package inspect says what the records of a topic are that nobody has told us
// of: their format, their fields with what they hold, and what of them a model
// might take. It guesses, from a sample, for a person to decide.
package inspect

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Record is one of the sample.
type Record struct{ Key, Value []byte }

// Schemas gives the schema of an id. It is nil where there is no registry.
type Schemas func(id uint32) (codec.Schema, error)

// The kinds of a value, beside the formats that can be seen in one.
const (
	KindJSON     = "JSON"
	KindAvro     = "AVRO"     // framed by a schema registry, as are those below
	KindProtobuf = "PROTOBUF" //
	KindFramed   = "framed"   // by a registry that is not known, or does not know it
	KindTelegraf = "TELEGRAF_STR_JSON"
	KindText     = "text"
	KindBinary   = "binary"
	KindNone     = "none" // a tombstone, or no key
)

// Half is what the values of a sample are, or its keys.
type Half struct {
	Kind    string         `json:"kind" enum:"JSON,AVRO,PROTOBUF,framed,TELEGRAF_STR_JSON,text,binary,none" description:"what most of them are"`
	Of      map[string]int `json:"of" nullable:"false" description:"how many are of each kind"`
	Sizes   [2]int         `json:"sizes" description:"bytes of the smallest and of the largest that is there"`
	Schemas []uint32       `json:"schemas,omitempty" description:"ids of the registry's schemas that wrote them"`
	Fault   string         `json:"fault,omitempty" description:"why the first one that is of a kind, and not to be read, cannot be read"`
	Fields  []Field        `json:"fields" nullable:"false" description:"of the records that can be read"`
}

// Report is what a sample is.
type Report struct {
	Value   Half            `json:"value"`
	Key     Half            `json:"key"`
	Format  pipeline.Format `json:"format,omitempty" description:"the input_format to announce them in; none where they cannot be used, or nobody can tell"`
	Says    string          `json:"says" description:"what they are, in words"`
	Hint    string          `json:"hint,omitempty"`
	Records int             `json:"records" description:"of the sample"`
	Shown   []Shown         `json:"-"` // each record of the sample, as it can be read
}

// Shown is a record as JSON: objects, numbers, texts; bytes in hexadecimal.
type Shown struct {
	Key   json.RawMessage `json:"key"`
	Value json.RawMessage `json:"value"`
}

// Look says what a sample is.
func Look(sample []Record, schemas Schemas) Report {
	r := Report{Records: len(sample), Shown: make([]Shown, len(sample))}
	values, keys := newHalf(schemas), newHalf(schemas)
	for i, record := range sample {
		r.Shown[i] = Shown{Key: keys.add(record.Key), Value: values.add(record.Value)}
	}
	r.Value, r.Key = values.done(), keys.done()
	r.say()
	return r
}

// half collects what the values are, or the keys.
type half struct {
	Half
	schemas Schemas
	known   map[uint32]schema
	fields  *fieldSet
	count   int
}

type schema struct {
	codec.Schema
	err error
}

func newHalf(schemas Schemas) *half {
	return &half{Half: Half{Of: map[string]int{}}, schemas: schemas, known: map[uint32]schema{}, fields: newFieldSet()}
}

// add takes a value and gives it as JSON.
func (h *half) add(b []byte) json.RawMessage {
	h.count++
	if b != nil {
		if h.Sizes[0] == 0 || len(b) < h.Sizes[0] {
			h.Sizes[0] = len(b)
		}
		h.Sizes[1] = max(h.Sizes[1], len(b))
	}
	kind, tree, err := h.read(b)
	h.Of[kind]++
	if err != nil && h.Fault == "" {
		h.Fault = err.Error()
	}
	if err == nil && kind != KindNone && kind != KindBinary {
		h.fields.add(tree)
	}
	if err != nil || kind == KindBinary {
		tree = shortened(b)
	}
	shown, err := json.Marshal(plain(tree))
	if err != nil {
		return json.RawMessage("null")
	}
	return shown
}

// read tells what a value is, and gives it as a tree where it has one.
func (h *half) read(b []byte) (kind string, tree any, err error) {
	if b == nil {
		return KindNone, nil, nil
	}
	const framing = 5
	if len(b) > framing && b[0] == 0 {
		if json.Valid(b[framing:]) {
			tree, err = codec.JSONTree(b)
			return KindJSON, tree, err
		}
		if id := binary.BigEndian.Uint32(b[1:]); id > 0 && id < 1<<31 {
			if kind, tree, err = h.framed(id, b[framing:]); kind != "" {
				return kind, tree, err
			}
		}
	}
	if tree, err := codec.JSONTree(b); err == nil {
		if text := telegraf(tree); text != nil {
			return KindTelegraf, text, nil
		}
		return KindJSON, tree, nil
	}
	if utf8.Valid(b) && !bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' && r != '\r' }) {
		return KindText, string(b), nil
	}
	return KindBinary, nil, nil
}

// framed reads what a schema registry frames. Five bytes may be a number, too:
// without a registry that knows the id, the kind is none where others are as long.
func (h *half) framed(id uint32, body []byte) (kind string, tree any, err error) {
	if h.schemas == nil {
		return KindFramed, nil, fmt.Errorf("it begins with 00 and the id %d of a schema registry, and this installation knows of no registry (SCHEMA_REGISTRY_URL)", id)
	}
	s, asked := h.known[id]
	if !asked {
		s.Schema, s.err = h.schemas(id)
		h.known[id] = s
		if s.err == nil {
			h.Schemas = append(h.Schemas, id)
		}
	}
	if s.err != nil {
		if pipeline.KindOf(s.err) == pipeline.Invalid && id > 1<<24 { // more likely a number
			return "", nil, nil
		}
		return KindFramed, nil, s.err
	}
	kind = KindAvro
	switch s.Type {
	case KindJSON, KindProtobuf:
		kind = s.Type
	}
	tree, err = s.Tree(body)
	return kind, tree, err
}

// telegraf is the object within Telegraf's JSON, nil where it is not that.
func telegraf(tree any) any {
	fields, _ := member(tree, "fields").(codec.TreeObject)
	text, ok := member(fields, "value").(string)
	if !ok || member(tree, "name") == nil {
		return nil
	}
	inner, err := codec.JSONTree([]byte(text))
	if err != nil {
		return nil
	}
	return inner
}

func member(of any, name string) any {
	o, _ := of.(codec.TreeObject)
	if at := slices.IndexFunc(o, func(m codec.TreeMember) bool { return m.Name == name }); at >= 0 {
		return o[at].Value
	}
	return nil
}

func (h *half) done() Half {
	h.Kind = KindNone
	for _, kind := range []string{KindJSON, KindAvro, KindProtobuf, KindTelegraf, KindFramed, KindText, KindBinary} {
		if h.Of[kind] > h.Of[h.Kind] {
			h.Kind = kind
		}
	}
	h.Fields = h.fields.list()
	return h.Half
}

const shownBytes = 64

// shortened is binary, as people are shown it.
func shortened(b []byte) string {
	if len(b) <= shownBytes {
		return hex.EncodeToString(b)
	}
	return fmt.Sprintf("%x… (%d bytes)", b[:shownBytes], len(b))
}

const (
	shownText  = 200 // characters
	shownItems = 32  // of a list
)

// plain is a tree as JSON can write it, with what is long cut.
func plain(tree any) any {
	switch v := tree.(type) {
	case []byte:
		return shortened(v)
	case string:
		if utf8.RuneCountInString(v) > shownText {
			return string([]rune(v)[:shownText]) + fmt.Sprintf("… (%d bytes)", len(v))
		}
	case []any:
		cut := make([]any, 0, min(len(v), shownItems+1))
		for _, item := range v[:min(len(v), shownItems)] {
			cut = append(cut, plain(item))
		}
		if len(v) > shownItems {
			cut = append(cut, fmt.Sprintf("… (%d)", len(v)))
		}
		return cut
	case codec.TreeObject:
		cut := make(codec.TreeObject, len(v))
		for i, m := range v {
			cut[i] = codec.TreeMember{Name: m.Name, Value: plain(m.Value)}
		}
		return cut
	}
	return tree
}
