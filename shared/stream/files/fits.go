package files

import (
	"fmt"
	"math"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Rounded says which numbers a model would round, a line each. Without inputs
// the model is not known, and is taken to be of float32, as most are.
func (r *Reader) Rounded(inputs, labels []pipeline.Tensor) (notes []string) {
	t, ok := r.inner().(*table)
	if !ok {
		return nil
	}
	for _, i := range t.samples {
		c := &t.found[i]
		if t.sentAsText(i) {
			continue
		}
		notes = append(notes, c.rounded(narrower(r.wire, typeFor(c.name, inputs)), fmt.Sprintf("leave it out (--drop %s), or give the model an input of float64 or int64", flagText(c.name)))...)
	}
	if len(labels) > 0 {
		for _, i := range t.labels {
			c := &t.found[i]
			notes = append(notes, c.rounded(typeFor(c.name, labels), "or give the model labels of float64")...)
		}
	}
	return notes
}

func (c *column) rounded(to codec.DType, cure string) []string {
	step := stepOf(to, c)
	if step == 0 {
		return nil
	}
	return []string{fmt.Sprintf("warning: %s goes up to %s, where %s has steps of %.6g: its values are rounded; subtract a beginning from them, %s", c.name, amount(c), to, step, cure)}
}

// Found says what looked wrong in the rows that Next has read, of files that are
// read only once: those of arrays.
func (r *Reader) Found(inputs []pipeline.Tensor) []string {
	p, ok := r.inner().(*pair)
	if !ok {
		return nil
	}
	notes := p.found()
	to := narrower(r.wire, typeFor("", inputs))
	if p.x.dtype.Integer() && p.x.largest > exactIn(to) {
		notes = append(notes, fmt.Sprintf("warning: %s holds whole numbers up to %.0f, where %s has steps of %.6g: they are rounded", p.x.name, p.x.largest, to, spacing(to, p.x.largest)))
	}
	return notes
}

// CheckLabels refuses labels that name no class of a model.
func (r *Reader) CheckLabels(e pipeline.Export) error {
	if p, ok := r.inner().(*pictures); ok && e.Task == pipeline.Classification && len(p.classes) > e.Classes && len(e.Labels) == 1 && e.Labels[0].Elements() == 1 {
		return pipeline.Invalidf("label", "there are %d folders of pictures (%s), the model has %d classes", len(p.classes), some(p.classes), e.Classes).
			WithHint("give the model %d outputs", len(p.classes))
	}
	t, ok := r.inner().(*table)
	if ok && len(e.Labels) == 1 && e.LabelRange(0) != nil {
		return t.checkRange(e.LabelRange(0))
	}
	if !ok || e.Task != pipeline.Classification || len(e.Labels) != 1 || e.Labels[0].Elements() != 1 || len(t.labels) != 1 {
		return nil
	}
	c := &t.found[t.labels[0]]
	if n := len(t.classes); n > e.Classes {
		return pipeline.Invalidf("label", "column %q names %d classes (%s), the model has %d", c.name, n, some(t.classes), e.Classes).
			WithHint("give the model %d outputs, or name another column with --label", n)
	}
	if c.texts > 0 || !c.numeric || c.least >= 0 && c.most < float64(e.Classes) {
		return nil
	}
	refusal := pipeline.Invalidf("label", "column %q holds %g to %g, the model has the classes 0 to %d", c.name, c.least, c.most, e.Classes-1)
	switch {
	case c.whole && c.least == 1 && c.most == float64(e.Classes):
		return refusal.WithHint("number the classes from 0: subtract 1 from each")
	case !c.whole:
		return refusal.WithHint("name the column of the class with --label")
	}
	return refusal.WithHint("give the model as many outputs as there are classes, numbered from 0; or name another column with --label")
}

// FewClasses says where texts of a label are numbered by a file that has fewer of them
// than the model has classes: another file would number them otherwise.
func (r *Reader) FewClasses(e pipeline.Export) []string {
	var classes []string
	switch s := r.inner().(type) {
	case *table:
		classes = s.classes
	case *pictures:
		classes = s.classes
	}
	if len(classes) == 0 || len(classes) >= e.Classes || len(e.Labels) != 1 || e.Labels[0].Elements() != 1 {
		return nil
	}
	return []string{fmt.Sprintf("warning: %d classes are here (%s), and the model has %d: they are numbered 0 to %d in the order of their names, and otherwise in a file that has others, too. Send all classes in one stream, or number them yourself", len(classes), some(classes), e.Classes, len(classes)-1)}
}

// checkRange refuses labels that the model's loss is not for.
func (t *table) checkRange(r *pipeline.LabelRange) error {
	for _, i := range t.labels {
		c := &t.found[i]
		if n := len(t.classes); n > 2 && r.Probability() {
			return pipeline.Invalidf("label", "column %q names %d classes (%s), the model's loss, %s, tells two apart", c.name, n, some(t.classes), r.Loss).
				WithHint("%s", codec.UnlikelyHint(float64(n), r))
		}
		if c.texts == 0 && c.numeric && !(r.Holds(c.least) && r.Holds(c.most)) {
			at := c.least
			if r.Holds(at) {
				at = c.most
			}
			return pipeline.Invalidf("label", "column %q holds %g to %g, the model's loss, %s, takes labels of %s", c.name, c.least, c.most, r.Loss, codec.Taken(r)).
				WithHint("%s", codec.UnlikelyHint(at, r))
		}
	}
	return nil
}

// inner is the source itself.
func (r *Reader) inner() source {
	s := r.source
	if l, ok := s.(*limited); ok {
		s = l.source
	}
	if a, ok := s.(*archive); ok {
		return a.pair
	}
	return s
}

// typeFor is the type of the model's input that takes a column.
func typeFor(name string, inputs []pipeline.Tensor) codec.DType {
	for _, in := range inputs {
		if len(inputs) == 1 || codec.AvroName(in.Name) == codec.AvroName(name) {
			if t, err := codec.ParseDType(in.DType); err == nil {
				return t
			}
		}
	}
	return codec.Float32
}

// narrower is the type that rounds more; 0 is no type.
func narrower(a, b codec.DType) codec.DType {
	if a == 0 || exactIn(b) < exactIn(a) {
		return b
	}
	return a
}

// exactIn is up to where a type holds every whole number.
func exactIn(t codec.DType) float64 {
	switch t {
	case codec.Float16:
		return 1 << 11
	case codec.BFloat16:
		return 1 << 8
	case codec.Float32:
		return exactInFloat32
	case codec.Float64:
		return rounds
	}
	return math.Inf(1)
}

// stepOf is how far apart the numbers of a type are at the end of a column,
// 0 where that rounds none of it. Of fractions some are always rounded: what
// counts is whether rounding levels their differences.
func stepOf(t codec.DType, c *column) float64 {
	most := c.largest()
	if math.IsInf(most, 0) || most <= exactIn(t) {
		return 0
	}
	step := spacing(t, most)
	if !c.whole && step < (c.most-c.least)/1000 {
		return 0
	}
	return step
}

// spacing is the distance of two numbers side by side of a type.
func spacing(t codec.DType, at float64) float64 {
	return math.Exp2(math.Ceil(math.Log2(at / exactIn(t))))
}

func amount(c *column) string {
	if c.exact != 0 && math.Abs(float64(c.exact)) == c.largest() {
		return fmt.Sprint(c.exact)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.3f", c.largest()), ".000")
}
