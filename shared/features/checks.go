package features

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Checks refuse, while the place of the record is known, what training would
// choke on later: values that the model's types cannot hold, and classes that
// it does not have.
type Checks struct {
	inputs, labels []check
	classes        int                    // of an index label, 0: none
	ranges         []*pipeline.LabelRange // of each label, nil: any number
	numbers        []float64
}

// check is one tensor's cast from what is stored to what the model takes; nil
// scratch: it cannot fail.
type check struct {
	from, to codec.DType
	scratch  []byte
}

// NewChecks gives the checks of records that a Decoder reads for a model, with
// windows each by itself.
func NewChecks(e pipeline.Export, d *Decoder) *Checks {
	c := &Checks{}
	inputs, labels := d.Step()
	for i, have := range inputs {
		c.inputs = append(c.inputs, newCheck(have, e.Inputs[i], false))
	}
	for i, have := range labels {
		c.labels = append(c.labels, newCheck(have, e.Labels[i], true))
		c.ranges = append(c.ranges, e.LabelRange(i))
	}
	if e.Task == pipeline.Classification && len(e.Labels) == 1 && c.labels[0].to.Integer() {
		c.classes = e.Classes
	}
	return c
}

func newCheck(have codec.Tensor, want pipeline.Tensor, always bool) check {
	to, err := codec.ParseDType(want.DType)
	if err != nil { // the decoder was made for it
		to = have.DType
	}
	k := check{from: have.DType, to: to}
	if always || have.DType != to && !to.Float() {
		k.scratch = make([]byte, have.Elements()*to.Size())
	}
	return k
}

func (k *check) value(stored []byte) error {
	if k.scratch == nil {
		return nil
	}
	return codec.Cast(k.scratch, k.to, stored, k.from)
}

// Record checks the tensors of a record; key is for the error.
func (c *Checks) Record(inputs, labels [][]byte, key []byte) error {
	if err := c.Inputs(inputs); err != nil {
		return err
	}
	return c.Labels(labels, key)
}

// Inputs checks those of a record.
func (c *Checks) Inputs(inputs [][]byte) error {
	for i := range c.inputs {
		if err := c.inputs[i].value(inputs[i]); err != nil {
			return fmt.Errorf("value: %w", err)
		}
	}
	return nil
}

// Labels checks those of a record, as Record does.
func (c *Checks) Labels(labels [][]byte, key []byte) error {
	for i := range c.labels {
		if err := c.labels[i].value(labels[i]); err != nil {
			return fmt.Errorf("label: %w", err)
		}
	}
	if c.classes > 0 {
		return c.class(key)
	}
	for i, r := range c.ranges {
		if r == nil {
			continue
		}
		if err := c.within(&c.labels[i], r); err != nil {
			return err
		}
	}
	return nil
}

// within refuses labels that the loss is not for.
func (c *Checks) within(k *check, r *pipeline.LabelRange) (err error) {
	if c.numbers, err = codec.AppendFloats(c.numbers[:0], k.scratch, k.to); err != nil {
		return err
	}
	for _, v := range c.numbers {
		if !r.Holds(v) {
			return codec.Unlikely(v, r)
		}
	}
	return nil
}

// class refuses an index that the model has no output for.
func (c *Checks) class(key []byte) error {
	k := &c.labels[0]
	size := k.to.Size()
	for i := 0; i+size <= len(k.scratch); i += size {
		var v int64
		switch size {
		case 4:
			v = int64(int32(binary.LittleEndian.Uint32(k.scratch[i:])))
		case 8:
			v = int64(min(binary.LittleEndian.Uint64(k.scratch[i:]), math.MaxInt64))
		default:
			return nil
		}
		if v < 0 || v >= int64(c.classes) {
			return codec.Class(v, c.classes, key)
		}
	}
	return nil
}
