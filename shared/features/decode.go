package features

import (
	"errors"
	"fmt"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/stream"
)

// Sample decodes a record without its label: dst is as of codec.Decoder.Sample.
// The error is ErrLeftOut for a record that where leaves out, *codec.Missing where
// a schema is to be learned first, else why the record is at fault.
func (d *Decoder) Sample(dst [][]byte, r *stream.Record) error {
	if d.mapped == nil && d.filter == nil {
		return d.plain.Sample(dst, r.Value)
	}
	s, err := d.read(r)
	if err == nil {
		err = d.fillInputs(s, dst)
	}
	d.release(s)
	return err
}

// release lets another record have a state.
func (d *Decoder) release(s *state) {
	s.record = nil
	d.states.Put(s)
}

// Record decodes a whole training record. Its error is as that of Sample.
func (d *Decoder) Record(inputs, labels [][]byte, r *stream.Record) error {
	if d.join != nil {
		if err := d.Sample(inputs, r); err != nil {
			return fmt.Errorf("value: %w", err)
		}
		return nil
	}
	if d.mapped == nil && d.mappedTo == nil && d.filter == nil {
		return d.plain.Record(inputs, labels, r.Key, r.Value)
	}
	s, err := d.read(r)
	defer d.release(s)
	if err != nil {
		return err
	}
	if d.mapped == nil && d.mappedTo == nil {
		return d.plain.Record(inputs, labels, r.Key, r.Value)
	}
	if err := d.fillInputs(s, inputs); err != nil {
		return fmt.Errorf("value: %w", err)
	}
	if len(d.labels) == 0 {
		return nil
	}
	if d.mappedTo != nil {
		err = d.fill(s, d.mappedTo, labels)
	} else {
		err = d.plain.Label(labels, r.Key)
	}
	if err != nil {
		return fmt.Errorf("label: %w", err)
	}
	return nil
}

// read reads the fields of a record, and sees whether it is kept.
func (d *Decoder) read(r *stream.Record) (*state, error) {
	s := d.states.Get().(*state)
	s.record = r
	tombstone := r.Value == nil && d.filter != nil
	if tombstone {
		clear(s.value) // it has no fields, which where may ask
	} else if d.value != nil {
		if err := d.value.Read(s.value, &s.scratch[0], r.Value); err != nil {
			return s, fmt.Errorf("value: %w", err)
		}
	}
	if d.key != nil {
		if err := d.key.Read(s.key, &s.scratch[1], r.Key); err != nil {
			return s, fmt.Errorf("key: %w", err)
		}
	}
	if d.filter == nil {
		return s, nil
	}
	err := d.filter.keep(s)
	if tombstone && !errors.Is(err, ErrLeftOut) {
		err = fmt.Errorf("value: %w", codec.Tombstone())
	}
	return s, err
}

func (d *Decoder) fillInputs(s *state, dst [][]byte) error {
	if d.mapped == nil {
		return d.plain.Sample(dst, s.record.Value)
	}
	return d.fill(s, d.mapped, dst)
}
