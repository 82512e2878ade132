package train

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/features"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	maxByElement = 256 // elements of a tensor without names that are told apart
	maxFields    = 4096
	maxColumns   = 100  // shown
	maxShares    = 4096 // numbers of a label that are summed up by its classes
	fewEncoded   = 4    // records that are no numbers: fewer may be by chance
)

// values watches what the numbers of a stream are, tensor by tensor, while it
// is read.
type values struct {
	named   bool // by field: a missing one was not in the record
	records int64
	tensors []*watched
	scratch []float64
	encoded map[[2]string]int64 // records that are no numbers: what they are, what to do about it
	several shares              // labels that are to be one class each
}

// shares are labels of a loss that takes the share of each class, which are one
// altogether.
type shares struct {
	loss          string // empty: it is another
	label         int    // its place among the tensors
	classes       int
	none, several int64 // records with a label of no class, of several
}

// add looks at the label of a record, of a large one at the beginning: it is of several
// classes where that is so anywhere in it, of none where it is so all over: steps of no
// class are how sequences are padded.
func (s *shares) add(scratch []float64, label []byte, t codec.DType) ([]float64, error) {
	const few, many = 0.5, 1.5 // shares that were rounded sum to nearly one
	most := max(1, maxShares/s.classes) * s.classes * t.Size()
	numbers, err := codec.AppendFloats(scratch[:0], label[:min(len(label), most)], t)
	none, several := len(label) <= most, false
	for at := 0; at+s.classes <= len(numbers); at += s.classes {
		sum := 0.0
		for _, x := range numbers[at : at+s.classes] {
			sum += x
		}
		none, several = none && sum < few, several || sum > many
	}
	if none {
		s.none++
	}
	if several {
		s.several++
	}
	return numbers, err
}

// warning says how many labels are not one class each; empty where all are.
func (s *shares) warning(records int64) string {
	var what []string
	if s.none > 0 {
		what = append(what, fmt.Sprintf("%d of %d labels sum to less than 1, as of no class", s.none, records))
	}
	if s.several > 0 {
		what = append(what, fmt.Sprintf("%d of %d to more, as of several classes", s.several, records))
	}
	if what == nil {
		return ""
	}
	return fmt.Sprintf("%s: %s takes one class for each record, or shares that sum to 1; where several may be true, end the model with a sigmoid and train by binary_crossentropy",
		strings.Join(what, ", "), s.loss)
}

// watched is one tensor, whole or element by element; of text, without stats.
type watched struct {
	tensor  codec.Tensor
	filled  bool // something stands for what is missing
	narrow  bool // the model takes 4-byte floats of what is, or may have been, wider
	each    bool
	stats   []stat
	misread misread
}

func newValues(d *features.Decoder, e pipeline.Export) *values {
	v := &values{encoded: map[[2]string]int64{}}
	add := func(have codec.Tensor, want pipeline.Tensor, prefix string) {
		w := &watched{tensor: have, misread: newMisread(prefix+have.Name, have, d.Raw()), narrow: want.DType == "float32" && (have.DType.Size() == 8 || have.Fields != nil)} // fields are decoded straight to the model's type
		n := have.Elements()
		v.named = v.named || have.Fields != nil
		switch {
		case have.DType == codec.String:
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
	inputs, labels := d.Step()
	for i, t := range inputs {
		add(t, e.Inputs[i], "")
	}
	for _, i := range d.Averaged() {
		v.tensors[i].filled = true
	}
	for i, t := range labels {
		add(t, e.Labels[i], "label ")
	}
	if r := labelRange(e); r != nil && (r.Loss == "categorical_crossentropy" || r.Loss == "kl_divergence") && len(labels) == 1 {
		if shape := e.Labels[0].Shape; len(shape) > 0 && shape[len(shape)-1] > 1 {
			v.several = shares{loss: r.Loss, label: len(inputs), classes: shape[len(shape)-1]}
		}
	}
	return v
}

// add takes the stored bytes of one record; labels are nil where it has none.
func (v *values) add(inputs, labels [][]byte) (err error) {
	v.records++
	if len(inputs) > 0 && v.tensors[0].stats != nil {
		if what, cure := codec.Encoded(inputs[0]); what != "" {
			v.encoded[[2]string{what, cure}]++
		}
	}
	for i, w := range v.tensors {
		stored := labels
		at := i - len(inputs)
		if i < len(inputs) {
			stored, at = inputs, i
		}
		if w.stats == nil || stored == nil { // text, or there is none
			continue
		}
		if v.several.loss != "" && i == v.several.label {
			if v.scratch, err = v.several.add(v.scratch, stored[at], w.tensor.DType); err != nil {
				return err
			}
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

// labelRange is that of a model's only label; nil where it has none, or several.
func labelRange(e pipeline.Export) *pipeline.LabelRange {
	if len(e.Labels) != 1 {
		return nil
	}
	return e.LabelRange(0)
}

func (w *watched) record(numbers []float64) {
	if w.each {
		for i, x := range numbers {
			s := &w.stats[i]
			missing, infinite := s.number(x)
			s.Missing += missing
			s.Infinite += infinite
		}
	} else {
		w.stats[0].numbers(numbers)
	}
	w.misread.add(numbers)
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
func (v *values) warnings() []string {
	var all []string
	if missing, _ := v.cause(); missing != "" {
		all = append(all, missing)
	}
	if several := v.several.warning(v.records); several != "" {
		all = append(all, several)
	}
	for is, n := range v.encoded {
		if n >= fewEncoded && 2*n > v.records { // else it may be a part of what is to be learned
			all = append(all, fmt.Sprintf("the bytes of %d of %d records are not numbers but %s, which just has their size: %s", n, v.records, is[0], is[1]))
		}
	}
	for _, w := range v.tensors {
		if i := swapped(w.stats); i >= 0 && w.tensor.DType.Float() {
			all = append(all, fmt.Sprintf("%s: numbers up to %.6g are what floats become whose highest byte comes first, and whole numbers that are read as floats: if it is sent as bytes, send the lowest first (little-endian), as x.astype(\"<f%d\").tobytes() does, or name the type that is sent",
				w.stats[i].Name, w.stats[i].most(), w.tensor.DType.Size()))
		}
		if misread := w.misread.warning(); misread != "" {
			all = append(all, misread)
		}
		for i := range w.stats {
			s := &w.stats[i]
			if n, rest := s.far(); n > 0 && len(all) < maxColumns {
				all = append(all, fmt.Sprintf("%s: %d of its values %s far from all others: up to %.6g, the others up to %.6g",
					s.Name, n, isOrAre(n), s.largest[outliers], rest))
			}
			if w.narrow && rounded(s) && len(all) < maxColumns {
				all = append(all, fmt.Sprintf("%s: numbers around %.6g are rounded to multiples of %g in float32: subtract where they begin, or make the model's tensor float64",
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

// cause says how many records lack what, empty where none does, and what to do
// about a loss of NaN.
func (v *values) cause() (reason, hint string) {
	var missing, infinite []string
	for _, w := range v.tensors {
		for i := range w.stats {
			s := &w.stats[i]
			if s.Missing > 0 && !w.filled {
				missing = append(missing, v.lacks(s))
			}
			if s.Infinite > 0 {
				infinite = append(infinite, fmt.Sprintf("%d of %d records have an infinite %s", s.Infinite, v.records, s.Name))
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
func (v *values) lacks(s *stat) string {
	if v.named {
		return fmt.Sprintf("%d of %d records have no %s", s.Missing, v.records, s.Name)
	}
	return fmt.Sprintf("%d of %d records hold NaN in %s", s.Missing, v.records, s.Name)
}
