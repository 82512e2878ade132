package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// byteOrderMark is what programs of Windows write before UTF-8; it is no part of
// the text.
const byteOrderMark = "\ufeff"

// jsonConfig is the input_config of JSON and TELEGRAF_STR_JSON.
type jsonConfig struct {
	DataFields fieldList `json:"data_fields"`
	LabelField fieldList `json:"label_field"`
}

// fieldList is one name or several.
type fieldList []string

// UnmarshalJSON reads "a", ["a", "b"], "a, b" or null.
func (l *fieldList) UnmarshalJSON(b []byte) error {
	if b[0] != '"' {
		return json.Unmarshal(b, (*[]string)(l))
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	*l = nil
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			*l = append(*l, name)
		}
	}
	return nil
}

func newJSON(config json.RawMessage, b Binding) (*Decoder, error) {
	var c jsonConfig
	if len(config) > 0 { // every member has a default
		if err := unmarshalConfig(config, &c); err != nil {
			return nil, err
		}
	}
	d := &Decoder{}
	if b.samples() {
		sample, err := newJSONPart("input_config.data_fields", c.DataFields, b.Inputs)
		if err != nil {
			return nil, err
		}
		d.inputs, d.sample = sample.tensors, sample
	}
	if len(b.Labels) == 0 {
		return d, nil
	}
	label, err := newJSONPart("input_config.label_field", c.LabelField, b.Labels)
	if err != nil {
		return nil, err
	}
	label.bare = len(label.names) == 1
	d.labels, d.label, d.embedded, d.named = label.tensors, label, true, len(c.LabelField) > 0
	return d, nil
}

func newTelegraf(config json.RawMessage, b Binding) (*Decoder, error) {
	if len(b.Labels) > 0 {
		return nil, pipeline.Invalidf("input_format", "TELEGRAF_STR_JSON carries no labels: it is for inference").
			WithHint("send the training stream as JSON, RAW or AVRO")
	}
	d, err := newJSON(config, b)
	if err != nil {
		return nil, err
	}
	d.sample = telegrafPart{d.sample}
	return d, nil
}

// jsonPart decodes the named members of one JSON object. With bare set, a
// record that is no object is the value of the one member.
type jsonPart struct {
	layout
	names []string
	index map[string]int
	// quoted are the names as they stand in most records.
	quoted [][]byte
	bare   bool
}

func newJSONPart(config string, fields []string, wants []pipeline.Tensor) (*jsonPart, error) {
	if len(fields) == 0 {
		for _, w := range wants {
			fields = append(fields, w.Name)
		}
	}
	p := &jsonPart{names: fields, index: map[string]int{}}
	var infos []fieldInfo
	for i, name := range fields {
		if _, twice := p.index[name]; twice || name == "" {
			return nil, pipeline.Invalidf(config, "field %q is empty or named twice", name)
		}
		p.index[name], p.quoted = i, append(p.quoted, fmt.Appendf(nil, "%q", name))
		infos = append(infos, fieldInfo{name: name}) // what a member holds is seen only in the record
	}
	var err error
	p.layout, err = arrange(config, infos, wants)
	return p, err
}

func (p *jsonPart) decode(dst [][]byte, record []byte) error {
	var buf [4]sink
	sinks, err := p.sinks(buf[:0], dst)
	if err != nil {
		return err
	}
	framed := record
	if record = plainJSON(record); !json.Valid(record) {
		return notJSON(framed)
	}
	var few [16]span
	found := append(few[:0], make([]span, len(p.names))...)
	s := jsonScanner{text: record}
	if s.peek() == '{' {
		err = p.members(&s, found)
	} else if p.bare {
		found[0] = span{0, len(record)}
	} else {
		err = notObject(record)
	}
	if err != nil {
		return err
	}
	tally := p.lengths.Tally()
	for i, name := range p.names {
		if found[i].to == 0 {
			return missing{name}
		}
		s := jsonScanner{text: record[found[i].from:found[i].to]}
		var n nesting
		to := p.target(sinks, i)
		left := to.room()
		err := s.numbers(to, &n)
		tally.Field(i, left-to.room())
		if err == nil && to.whole != nil {
			err = n.fills(to.whole)
		}
		if err != nil {
			return fmt.Errorf("member %q: %w", name, err)
		}
	}
	return p.complete(sinks, dst, &tally)
}

// plainJSON is a record without what may stand before the JSON: a byte order
// mark, or the framing of a schema registry. No JSON begins with 00.
func plainJSON(record []byte) []byte {
	if len(record) > framingBytes && record[0] == 0 {
		record = record[framingBytes:]
	}
	return bytes.TrimPrefix(record, []byte(byteOrderMark))
}

// within reports whether a valid JSON object has all members.
func (p *jsonPart) within(record []byte) bool {
	if !bytes.Contains(record, []byte(`\u`)) { // an escaped name is another text
		for _, quoted := range p.quoted {
			if !bytes.Contains(record, quoted) {
				return false
			}
		}
	}
	var few [16]span
	found := append(few[:0], make([]span, len(p.names))...)
	s := jsonScanner{text: plainJSON(record)}
	if s.peek() != '{' || p.members(&s, found) != nil {
		return false
	}
	for _, f := range found {
		if f.to == 0 {
			return false
		}
	}
	return true
}

// members notes where the values of the wanted members lie.
func (p *jsonPart) members(s *jsonScanner, found []span) error {
	s.at++ // the brace
	for s.peek() != '}' {
		name, err := s.name()
		if err != nil {
			return err
		}
		from := s.at
		s.skip()
		if i, wanted := p.index[string(name)]; wanted {
			if found[i].to > 0 {
				return fmt.Errorf("member %q comes twice", name)
			}
			found[i] = span{from, s.at}
		}
		if s.peek() == ',' {
			s.at++
		}
	}
	return nil
}

// telegrafPart takes the object out of the text in fields.value, where
// Telegraf's Kafka output puts what a string parser read.
type telegrafPart struct{ object part }

func (p telegrafPart) decode(dst [][]byte, record []byte) error {
	object, err := telegrafValue(record)
	if err != nil {
		return err
	}
	if err := p.object.decode(dst, object); err != nil {
		return fmt.Errorf("fields.value: %w", err)
	}
	return nil
}

func (p telegrafPart) counted() *Lengths { return lengthsOf(p.object) }

// telegrafValue is the text in fields.value.
func telegrafValue(record []byte) ([]byte, error) {
	var envelope struct {
		Fields struct {
			Value *string `json:"value"`
		} `json:"fields"`
	}
	if err := json.Unmarshal(bytes.TrimPrefix(record, []byte(byteOrderMark)), &envelope); err != nil {
		return nil, fmt.Errorf("is not Telegraf's JSON: %w", err)
	}
	if envelope.Fields.Value == nil {
		return nil, errors.New("has no text in fields.value")
	}
	return []byte(*envelope.Fields.Value), nil
}
