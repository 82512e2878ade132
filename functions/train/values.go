package train

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	maxByElement = 256 // elements of a tensor without names that are told apart
	maxFields    = 4096
	maxColumns   = 100 // shown

	outliers     = 7    // values that may lie far from all others
	farFromOther = 1000 // times as large
	fewValues    = 20   // of which nothing is said
)

// values watches what the numbers of a stream are, tensor by tensor, while it
// is read.
type values struct {
	named   bool // by field: a missing one was not in the record
	tensors []*watched
	scratch []float64
}

// watched is one tensor, whole or element by element.
type watched struct {
	tensor codec.Tensor
	narrow bool // the model takes 4-byte floats of what is wider
	each   bool
	stats  []stat
}

// stat is what there is to say of a column.
type stat struct {
	pipeline.Column
	count   int64 // of finite values
	sum     float64
	largest [outliers + 1]float64 // magnitudes, ascending; 0 where there are fewer
}

func newValues(d *codec.Decoder, e pipeline.Export) *values {
	v := &values{}
	add := func(have codec.Tensor, want pipeline.Tensor, prefix string) {
		w := &watched{tensor: have, narrow: want.DType == "float32" && have.DType.Size() == 8}
		n := have.Elements()
		v.named = v.named || have.Fields != nil
		switch {
		case n == len(have.Fields) && n <= maxFields:
			w.each = true
			for _, name := range have.Fields {
				w.stats = append(w.stats, named(prefix+name))
			}
		case n > 1 && n <= maxByElement:
			w.each = true
			for i := range n {
				w.stats = append(w.stats, named(fmt.Sprintf("%s%s[%d]", prefix, have.Name, i)))
			}
		default:
			w.stats = []stat{named(prefix + have.Name)}
		}
		v.tensors = append(v.tensors, w)
	}
	for i, t := range d.Inputs() {
		add(t, e.Inputs[i], "")
	}
	for i, t := range d.Labels() {
		add(t, e.Labels[i], "label ")
	}
	return v
}

func named(name string) stat {
	return stat{Column: pipeline.Column{Name: name, Minimum: math.Inf(1), Maximum: math.Inf(-1)}}
}

// add takes the stored bytes of one record.
func (v *values) add(inputs, labels [][]byte) (err error) {
	for i, w := range v.tensors {
		stored := labels
		at := i - len(inputs)
		if i < len(inputs) {
			stored, at = inputs, i
		}
		if !w.each && w.tensor.DType == codec.Uint8 {
			w.stats[0].bytes(stored[at])
			continue
		}
		if v.scratch, err = codec.AppendFloats(v.scratch[:0], stored[at], w.tensor.DType); err != nil {
			return err
		}
		w.record(v.scratch)
	}
	return nil
}

func (w *watched) record(numbers []float64) {
	if w.each {
		for i, x := range numbers {
			s := &w.stats[i]
			missing, infinite := s.number(x)
			s.Missing += missing
			s.Infinite += infinite
		}
		return
	}
	w.stats[0].numbers(numbers)
}

// numbers takes the values of a record as one column. It is number in a loop
// that keeps what it needs at hand: tensors may be large.
func (s *stat) numbers(all []float64) {
	var missing, infinite, count int64
	least, most, sum, low := s.Minimum, s.Maximum, 0.0, s.largest[0]
	for _, x := range all {
		m := math.Abs(x)
		if !(m <= math.MaxFloat64) { //nolint:staticcheck // false for NaN, as wanted
			if math.IsNaN(x) {
				missing = 1
			} else {
				infinite = 1
			}
			continue
		}
		count++
		sum += x
		if x < least {
			least = x
		}
		if x > most {
			most = x
		}
		if m > low {
			s.keep(m)
			low = s.largest[0]
		}
	}
	s.Minimum, s.Maximum = least, most
	s.count, s.sum = s.count+count, s.sum+sum
	s.Missing, s.Infinite = s.Missing+missing, s.Infinite+infinite
}

// number takes one value and says whether it is NaN or infinite, as 1.
func (s *stat) number(x float64) (missing, infinite int64) {
	if !(math.Abs(x) <= math.MaxFloat64) { //nolint:staticcheck // false for NaN, as wanted
		if math.IsNaN(x) {
			return 1, 0
		}
		return 0, 1
	}
	s.count++
	s.sum += x
	if x < s.Minimum {
		s.Minimum = x
	}
	if x > s.Maximum {
		s.Maximum = x
	}
	if m := math.Abs(x); m > s.largest[0] {
		s.keep(m)
	}
	return 0, 0
}

// bytes takes the values of a record of bytes, of which none is missing.
func (s *stat) bytes(b []byte) {
	s.count += int64(len(b))
	s.sum += float64(sumOf(b))
	if s.Minimum == 0 && s.Maximum == math.MaxUint8 { // no byte goes beyond
		return
	}
	if len(b) == 0 {
		return
	}
	least, most := b[0], b[0]
	for _, x := range b {
		if x < least {
			least = x
		}
		if x > most {
			most = x
		}
	}
	s.Minimum, s.Maximum = min(s.Minimum, float64(least)), max(s.Maximum, float64(most))
}

// sumOf adds bytes up, eight at a time in lanes of 16 bits.
func sumOf(b []byte) (sum uint64) {
	const lanes, turns = 0x00ff00ff00ff00ff, 64 // a lane takes 128 bytes of 255
	for len(b) >= 8 {
		n := min(len(b)/8, turns)
		var lane uint64
		for i := range n {
			x := binary.LittleEndian.Uint64(b[8*i:])
			lane += x&lanes + x>>8&lanes
		}
		sum += lane&0xffff + lane>>16&0xffff + lane>>32&0xffff + lane>>48
		b = b[8*n:]
	}
	for _, x := range b {
		sum += uint64(x)
	}
	return sum
}

// keep takes a magnitude into the largest.
func (s *stat) keep(m float64) {
	i := 0
	for ; i < outliers && s.largest[i+1] < m; i++ {
		s.largest[i] = s.largest[i+1]
	}
	s.largest[i] = m
}

// column is what is shown of s.
func (s *stat) column() pipeline.Column {
	c := s.Column
	if s.count == 0 {
		c.Minimum, c.Maximum = 0, 0
		return c
	}
	c.Mean = s.sum / float64(s.count)
	if math.IsInf(c.Mean, 0) { // the sum is too large for a number
		c.Mean = 0
	}
	return c
}

// far says how many values of s are far larger than all others, and how large
// the largest of those is.
func (s *stat) far() (n int, rest float64) {
	if s.count < fewValues {
		return 0, 0
	}
	for i := outliers; i > 0; i-- {
		if rest = s.largest[i-1]; rest > 0 && s.largest[i] >= farFromOther*rest {
			return outliers - i + 1, rest
		}
	}
	return 0, 0
}

// columns are those to show: all of them, or of many the ones with something
// to say.
func (v *values) columns() []pipeline.Column {
	var all, notable []pipeline.Column
	for _, w := range v.tensors {
		for i := range w.stats {
			c := w.stats[i].column()
			all = append(all, c)
			if n, _ := w.stats[i].far(); c.Missing+c.Infinite > 0 || n > 0 {
				notable = append(notable, c)
			}
		}
	}
	if len(all) > maxColumns {
		return notable[:min(len(notable), maxColumns)]
	}
	return all
}

// warnings say what of the values a training may suffer from.
func (v *values) warnings(records int64) []string {
	var all []string
	if missing, _ := v.cause(records); missing != "" {
		all = append(all, missing)
	}
	for _, w := range v.tensors {
		for i := range w.stats {
			s := &w.stats[i]
			if n, rest := s.far(); n > 0 && len(all) < maxColumns {
				all = append(all, fmt.Sprintf("%s: %d of its values %s far from all others: up to %.6g, the others up to %.6g",
					s.Name, n, isOrAre(n), s.largest[outliers], rest))
			}
			if w.narrow && rounded(s) && len(all) < maxColumns {
				all = append(all, fmt.Sprintf("%s: numbers around %.6g are rounded to multiples of %g in float32: subtract where they begin, or make the input float64",
					s.Name, s.Maximum, ulp(s.Maximum)))
			}
		}
	}
	return all
}

func isOrAre(n int) string {
	if n == 1 {
		return "lies"
	}
	return "lie"
}

// rounded reports whether all values are so large that a 4-byte float has not
// even whole numbers there, as times in milliseconds are.
func rounded(s *stat) bool {
	return s.count > 0 && ulp(s.Minimum) > 1 && ulp(s.Maximum) > 1 && s.Minimum > 0 == (s.Maximum > 0)
}

// ulp is the distance of a 4-byte float to the next.
func ulp(x float64) float64 {
	f := float32(math.Abs(x))
	return float64(math.Nextafter32(f, math.MaxFloat32) - f)
}

// cause says how many records lack what, empty where none does, and what to do
// about a loss of NaN.
func (v *values) cause(records int64) (reason, hint string) {
	var missing, infinite []string
	for _, w := range v.tensors {
		for i := range w.stats {
			s := &w.stats[i]
			if s.Missing > 0 {
				missing = append(missing, v.lacks(s, records))
			}
			if s.Infinite > 0 {
				infinite = append(infinite, fmt.Sprintf("%d of %d records have an infinite %s", s.Infinite, records, s.Name))
			}
		}
	}
	all := slices.Concat(missing, infinite)
	if len(all) == 0 {
		return "", "lower the learning rate, scale the inputs, or look in the loss for a division, a root or a logarithm of zero"
	}
	const shown = 8
	rest := ""
	if len(all) > shown {
		rest = fmt.Sprintf(", and %d more", len(all)-shown)
	}
	return strings.Join(all[:min(len(all), shown)], ", ") + rest, "fill or drop missing and infinite values before they are sent"
}

// lacks says how many records have no number in a column.
func (v *values) lacks(s *stat, records int64) string {
	if v.named {
		return fmt.Sprintf("%d of %d records have no %s", s.Missing, records, s.Name)
	}
	return fmt.Sprintf("%d of %d records hold NaN in %s", s.Missing, records, s.Name)
}
