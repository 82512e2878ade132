package features

import (
	"fmt"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// stepRead is a record that a Windows decodes, in memory that is used again.
type stepRead struct {
	inputs, labels [][]byte
	key            []byte
	word           [1][]byte // the key as a tensor of text
}

func newStepRead(d *Decoder) stepRead {
	var s stepRead
	for _, t := range d.inputs {
		s.inputs = append(s.inputs, make([]byte, t.Bytes()))
	}
	for _, t := range d.labels {
		s.labels = append(s.labels, make([]byte, t.Bytes()))
	}
	return s
}

// read decodes a record and the key that it is of; with labels what it holds of
// them, too, whose error is kept apart.
func (d *Decoder) readStep(to *stepRead, r *stream.Record, labels bool) (label, err error) {
	if d.mapped == nil && d.mappedTo == nil && d.filter == nil && d.by == nil { // nothing is read by path
		if err := d.plain.Sample(to.inputs, r.Value); err != nil {
			return nil, fmt.Errorf("value: %w", err)
		}
		if err := d.keyOf(nil, to, r); err != nil || !labels {
			return nil, err
		}
		return d.labelOf(nil, to.labels, r), nil
	}
	s, err := d.read(r)
	defer d.release(s)
	if err != nil {
		return nil, err
	}
	if err := d.fillInputs(s, to.inputs); err != nil {
		return nil, fmt.Errorf("value: %w", err)
	}
	if err := d.keyOf(s, to, r); err != nil || !labels {
		return nil, err
	}
	return d.labelOf(s, to.labels, r), nil
}

// keyOf finds the key of a record's sequence.
func (d *Decoder) keyOf(s *state, to *stepRead, r *stream.Record) error {
	w := d.window
	to.key = to.key[:0]
	switch {
	case w.whole:
	case d.by == nil:
		if len(r.Key) == 0 {
			return &codec.Fault{Reason: "window: the record has no key, which tells the sequences apart", Hint: `skip such records ("on_bad": "skip"), or name a field in by`}
		}
		to.key = append(to.key, r.Key...)
	default:
		if err := d.fill(s, d.by, to.word[:]); err != nil {
			return fmt.Errorf("window: %w", err)
		}
		word, _, ok := codec.CutText(to.word[0])
		if !ok || len(word) == 0 {
			return &codec.Fault{Reason: fmt.Sprintf("window: %q is empty, which tells the sequences apart", d.by[0].columns[0].name), Hint: `skip such records ("on_bad": "skip"), or leave them out by where`}
		}
		to.key = append(to.key, word...)
	}
	return nil
}

// labelOf decodes the label that a record holds; s is nil where nothing is read by
// path.
func (d *Decoder) labelOf(s *state, labels [][]byte, r *stream.Record) error {
	var err error
	switch {
	case len(d.labels) == 0 || d.join != nil:
	case d.mappedTo != nil:
		err = d.fill(s, d.mappedTo, labels)
	case d.mapped != nil:
		err = d.plain.Label(labels, r.Key)
	default:
		key := r.Key
		if d.window.ByKey() && d.plain.NamesLabel() {
			key = nil // it tells the sequences apart, and is no label where the value has none
		}
		return d.plain.LabelOf(labels, key, r.Value)
	}
	if err != nil {
		return fmt.Errorf("label: %w", err)
	}
	return nil
}
