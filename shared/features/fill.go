package features

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
)

// writer fills one tensor of a record.
type writer struct {
	dst   []byte
	dtype codec.DType
	size  int // bytes of an element
	at    int // elements written
	left  int
}

var errTooMany = errors.New("holds more values than the tensor has elements")

// put writes a number or a text.
func (w *writer) put(f *codec.Field) error {
	if w.left == 0 {
		return errTooMany
	}
	w.left--
	w.at++
	if w.dtype == codec.String {
		w.dst = codec.AppendText(w.dst, f.Text)
		return nil
	}
	to := w.dst[(w.at-1)*w.size:]
	return f.Put(to, w.dtype)
}

// fill writes the tensors of the targets.
func (d *Decoder) fill(s *state, all []target, dst [][]byte) error {
	if len(dst) != len(all) {
		return fmt.Errorf("%d tensors are given, %d are wanted", len(dst), len(all))
	}
	s.writers = s.writers[:0]
	for i := range all {
		t := &all[i].tensor
		w := writer{dst: dst[i], dtype: t.DType, size: t.DType.Size(), left: t.Elements()}
		if t.DType == codec.String {
			w.dst = w.dst[:0]
		} else if len(w.dst) != t.Bytes() {
			return fmt.Errorf("tensor %d has room for %d bytes, %d are wanted", i, len(w.dst), t.Bytes())
		}
		s.writers = append(s.writers, w)
	}
	for i := range all {
		t, w := &all[i], &s.writers[i]
		tally := t.lengths.Tally()
		for k := range t.columns {
			c, before := &t.columns[k], w.at
			if err := d.column(s, t, c, i); err != nil {
				return d.fault(s, c, err)
			}
			tally.Field(k, w.at-before)
		}
		if w.left > 0 { // it is told below, or filled as a mask
			continue
		}
		if err := tally.End(); err != nil {
			return err
		}
	}
	for i := range all {
		w := &s.writers[i]
		if w.left > 0 {
			return &codec.Fault{Reason: fmt.Sprintf("%s: %d of %d values are missing", all[i].tensor.Name, w.left, w.at+w.left), Hint: "name as many columns as the model takes numbers, or arrays that hold as many" + d.window.instead(&all[i], w.at)}
		}
		if w.dtype == codec.String {
			dst[i] = w.dst
		}
	}
	return nil
}

// field is what a record holds for a column.
func (c *column) field(s *state) codec.Field {
	switch c.from {
	case fromValue:
		return s.value[c.at]
	case fromKey:
		return s.key[c.at]
	case fromHeader:
		for i := len(s.record.Headers) - 1; i >= 0; i-- {
			if h := &s.record.Headers[i]; h.Key == c.header && h.Value != nil {
				return codec.Field{Kind: codec.Text, Text: h.Value}
			}
		}
		return codec.Field{}
	}
	if s.record.Time.IsZero() {
		return codec.Field{}
	}
	f := wholeField(s.record.Time.UnixMilli())
	f.Unit = codec.Millis
	return f
}

// column writes one column, of an array each of its items.
func (d *Decoder) column(s *state, t *target, c *column, at int) error {
	f := c.field(s)
	w := &s.writers[at]
	if f.Kind == codec.List {
		var whole *codec.Tensor
		if len(t.columns) == 1 {
			whole = &t.tensor
		}
		if err := f.Fills(whole); err != nil {
			return err
		}
		for i := range f.Items {
			if err := d.one(s, t, c, w, f.Items[i]); err != nil {
				return fmt.Errorf("item %d: %w", i, err)
			}
		}
		return nil
	}
	if f.Kind <= codec.Null && len(t.columns) == 1 && c.hot == 0 && c.missing != missingRefuse {
		for w.left > 0 { // for each item of the array that is not there
			if err := d.one(s, t, c, w, f); err != nil {
				return err
			}
		}
		return nil
	}
	return d.one(s, t, c, w, f)
}

// one writes one value, or what stands for it, and whether it is there.
func (d *Decoder) one(s *state, t *target, c *column, w *writer, f codec.Field) error {
	there := f.Kind > codec.Null
	if c.parse && c.missing != missingRefuse && f.Kind == codec.Text && len(bytes.TrimSpace(f.Text)) == 0 {
		there = false // as tables have it
	}
	if f.Kind == codec.Real && math.IsNaN(f.Float()) && (c.missing != missingRefuse || t.averaged) {
		there = false
	}
	var err error
	if there {
		f, err = c.convert(f, w.dtype == codec.String)
	} else {
		f, err = c.absent(f, d.means[t.tensor.Name], w.at)
	}
	if err == nil {
		err = w.putHot(&f, c.hot)
	}
	if err != nil || c.mask < 0 {
		return err
	}
	present := codec.Field{Kind: codec.Truth}
	if there {
		present.Bits = 1
	}
	return s.writers[c.mask].put(&present)
}

// putHot writes a class as a one among zeros, or a value as it is.
func (w *writer) putHot(f *codec.Field, classes int) error {
	if classes == 0 {
		return w.put(f)
	}
	for i := range classes {
		bit := codec.Field{Kind: codec.Truth}
		if f.Bits == uint64(i) { // #nosec G115 -- not negative
			bit.Bits = 1
		}
		if err := w.put(&bit); err != nil {
			return err
		}
	}
	return nil
}

// errAbsent is that a value is not there and nothing stands for it.
var errAbsent = errors.New("is not there")

// absent is what stands for a value that is not there.
func (c *column) absent(f codec.Field, means []float64, element int) (codec.Field, error) {
	switch c.missing {
	case missingConstant:
		return c.constant, nil
	case missingMask:
		return codec.Field{Kind: codec.Truth}, nil
	case missingMean:
		if element < len(means) {
			return realField(means[element]), nil
		}
		return realField(math.NaN()), nil
	}
	switch f.Kind {
	case codec.Null:
		return f, fmt.Errorf("is null: %w", errAbsent)
	case codec.Real:
		return f, fmt.Errorf("is NaN: %w", errAbsent)
	}
	return f, errAbsent
}

// fault is why a column cannot be taken from a record, and what to do.
func (d *Decoder) fault(s *state, c *column, err error) error {
	hint := codec.Hint(err)
	reason := err.Error()
	if errors.Is(err, errAbsent) {
		reason = strings.TrimSuffix(reason, ": "+errAbsent.Error())
		hint = `say what stands for it ("missing": 0, "mean", "mask"), or skip such records ("on_bad": "skip")`
		var has []string
		switch {
		case strings.HasPrefix(reason, "is null"):
		case c.from == fromValue:
			has = d.value.Paths(s.record.Value)
		case c.from == fromKey && len(s.record.Key) > 0:
			has = d.key.Paths(s.record.Key)
		}
		if slices.Contains(has, c.name) { // as the schema has it
			reason, has = reason+": what it lies in is null or empty", nil
		}
		const most = 12
		if len(has) > most {
			has = append(has[:most:most], "...")
		}
		if len(has) > 0 {
			reason += "; the record has " + strings.Join(has, ", ")
		}
	}
	return &codec.Fault{Reason: fmt.Sprintf("%q %s", c.name, reason), Hint: hint}
}
