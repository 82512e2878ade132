package features

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// ErrUnlabelled is that a record has no label on the topic of labels, and nothing
// stands for one.
var ErrUnlabelled = errors.New("no label came for the record")

// Join says where the labels of a stream lie that come later, on another topic:
// each belongs to the records of the same key that were written before it.
type Join struct {
	Topic  string
	Within time.Duration // between a record and its label; 0: whenever
	side   *Decoder      // of the stream: the key alone
	label  *Decoder      // of the other topic: its key and the label
	none   []byte        // the label of a record for which none came; nil: it has none
}

// joinForm is the member label where labels come from a topic; what else it holds
// is a column.
type joinForm struct {
	From   string          `json:"from"`
	Topic  string          `json:"topic"`
	On     json.RawMessage `json:"on"`
	Match  json.RawMessage `json:"match"`
	Within string          `json:"within"`
	Format pipeline.Format `json:"input_format"`
	Config json.RawMessage `json:"input_config"`
}

const joinHint = `{"from": "topic", "topic": "outcomes", "on": "payment.id", "match": {"from": "key"}, "path": "fraud", "within": "24h"}`

// joins reports whether a label comes from another topic.
func joins(label json.RawMessage) bool {
	var form joinForm
	return said(label) && json.Unmarshal(label, &form) == nil && form.From == "topic"
}

// newJoin compiles a label that comes from another topic.
func newJoin(format pipeline.Format, config, label json.RawMessage, b codec.Binding) (*Join, error) {
	var form joinForm
	if err := json.Unmarshal(label, &form); err != nil {
		return nil, pipeline.Invalidf(memberLabel, "%v", err).WithHint(joinHint)
	}
	if len(b.Labels) != 1 {
		return nil, pipeline.Invalidf(memberLabel, "labels of another topic are for models of one label, and the model has %d", len(b.Labels))
	}
	if err := pipeline.ValidateTopic(memberLabel+".topic", form.Topic); err != nil {
		return nil, err
	}
	j := &Join{Topic: form.Topic}
	var err error
	if form.Within != "" {
		if j.Within, err = pipeline.ParseSpan(memberLabel+".within", form.Within); err != nil {
			return nil, err
		}
	}
	if j.side, err = keyed(format, config, form.On, nil, codec.Binding{Registry: b.Registry}); err != nil {
		return nil, inMember(memberLabel+".on", err)
	}
	if form.Format == "" {
		form.Format = format
	}
	if !said(form.Config) && form.Format == format {
		form.Config = config
	}
	column, err := columnOf(label)
	if err != nil {
		return nil, err
	}
	if j.label, err = keyed(form.Format, form.Config, form.Match, column, codec.Binding{Labels: b.Labels, Registry: b.Registry}); err != nil {
		return nil, inMember(memberLabel, err)
	}
	j.none = j.label.mappedTo[0].constant()
	return j, nil
}

// keyed is a decoder of one text, the key by which records and labels meet, and of
// the label, if any.
func keyed(format pipeline.Format, config, key, label json.RawMessage, b codec.Binding) (*Decoder, error) {
	all := map[string]json.RawMessage{}
	if len(config) > 0 {
		if err := json.Unmarshal(config, &all); err != nil {
			return nil, &pipeline.Error{Kind: pipeline.Invalid, Field: "input_config", Err: err}
		}
	}
	for _, own := range []string{"inputs", "label", "where", "on_bad", "window", "data_fields", "label_field"} {
		delete(all, own)
	}
	column, err := asWord(memberLabel, joinHint, key)
	if err != nil {
		return nil, err
	}
	all["inputs"] = json.RawMessage(`{"key":[` + string(column) + `]}`)
	if label != nil {
		all["label"] = label
	}
	merged, err := json.Marshal(all)
	if err != nil {
		return nil, &pipeline.Error{Kind: pipeline.Invalid, Field: "input_config", Err: err}
	}
	b.Inputs = []pipeline.Tensor{{Name: "key", DType: codec.String.String(), Shape: []int{}}}
	return New(format, merged, b)
}

// asWord is a column that gives text, of numbers their digits: the same key may be
// a number on one topic and text on the other. Without a column it is the
// record's key.
func asWord(member, hint string, column json.RawMessage) (json.RawMessage, error) {
	form := map[string]any{"from": "key"}
	if said(column) {
		var path string
		if json.Unmarshal(column, &path) == nil {
			form = map[string]any{"path": path}
		} else if form = nil; json.Unmarshal(column, &form) != nil {
			return nil, pipeline.Invalidf(member, "%s is neither a path nor a column", clip(column)).WithHint("%s", hint)
		}
	}
	if _, given := form["as"]; !given {
		form["as"] = "text"
	}
	return json.Marshal(form)
}

// columnOf is the label without what says where its topic is.
func columnOf(label json.RawMessage) (json.RawMessage, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(label, &all); err != nil {
		return nil, pipeline.Invalidf(memberLabel, "%v", err).WithHint(joinHint)
	}
	for _, own := range []string{"from", "topic", "on", "match", "within", "input_format", "input_config"} {
		delete(all, own)
	}
	if !said(all["path"]) {
		return nil, pipeline.Invalidf(memberLabel+".path", "is missing").WithHint("name the field of the topic's records that is the label, as in %s", joinHint)
	}
	return json.Marshal(all)
}

// inMember blames a member for what was refused within it.
func inMember(member string, err error) error {
	var known *pipeline.Error
	if errors.As(err, &known) && !strings.HasPrefix(known.Field, memberLabel) {
		known.Field = member
	}
	return err
}

// constant is what stands for the tensor where nothing came, nil where nothing
// does.
func (t *target) constant() []byte {
	c := &t.columns[0]
	if c.missing != missingConstant {
		return nil
	}
	w := writer{dst: make([]byte, t.tensor.Bytes()), dtype: t.tensor.DType, size: t.tensor.DType.Size(), left: t.tensor.Elements()}
	for w.left > 0 {
		if w.putHot(&c.constant, c.hot) != nil {
			return nil
		}
	}
	return w.dst
}

// Covers refuses a stream without ranges of the topic of labels, or with no
// others.
func (j *Join) Covers(ranges []pipeline.Range) error {
	labels := 0
	for _, r := range ranges {
		if r.Topic == j.Topic {
			labels++
		}
	}
	switch labels {
	case 0:
		return pipeline.Invalidf(memberLabel+".topic", "the labels come from topic %s, of which the stream has no range", j.Topic).
			WithHint("announce its ranges beside the others: topic: \"records,%s\"", j.Topic)
	case len(ranges):
		return pipeline.Invalidf(memberLabel+".topic", "the stream has ranges of %s alone, the topic of the labels", j.Topic).
			WithHint("announce the records beside it: topic: \"records,%s\"", j.Topic)
	}
	return nil
}

// Parts are the ranges of the records, and those of the labels.
func (j *Join) Parts(ranges []pipeline.Range) (records, labels []pipeline.Range) {
	for _, r := range ranges {
		if r.Topic == j.Topic {
			labels = append(labels, r)
		} else {
			records = append(records, r)
		}
	}
	return records, labels
}

// Label decodes a record of the topic of labels: the label into dst, and the key
// that it is for, appended to key. An error is as that of Decoder.Record.
func (j *Join) Label(dst, key []byte, r *stream.Record) ([]byte, error) {
	room := [][]byte{nil}
	return joinKey(key, room, j.label.Record(room, [][]byte{dst}, r))
}

// Key appends the key of a record of the stream.
func (j *Join) Key(key []byte, r *stream.Record) ([]byte, error) {
	room := [][]byte{nil}
	return joinKey(key, room, j.side.Sample(room, r))
}

func joinKey(key []byte, room [][]byte, err error) ([]byte, error) {
	if err != nil {
		return key, err
	}
	word, _, ok := codec.CutText(room[0])
	if !ok || len(bytes.TrimSpace(word)) == 0 {
		return key, &codec.Fault{Reason: "the key that labels are found by is empty", Hint: "name another field in on or match of the label"}
	}
	return append(key, word...), nil
}

// None writes the label of a record for which none came, or gives ErrUnlabelled.
func (j *Join) None(dst []byte) error {
	if j.none == nil {
		return ErrUnlabelled
	}
	copy(dst, j.none)
	return nil
}
