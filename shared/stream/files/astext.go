package files

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// asText is what the first reading learnt of a column whose cells are sent as
// text, just as they are written. Until the label is chosen that may be a column
// more than there will be.
type asText struct {
	wanted  bool
	count   int   // texts in each cell
	fault   error // why a cell cannot be sent as text
	faultAt place
	empty   int64 // rows that are sent and have no text here
	foreign bool  // a text is not UTF-8
	first   struct{ empty, foreign place }
}

// takesText reports whether some column is to be sent as text.
func (o Options) takesText() bool {
	return o.Text != "" || slices.ContainsFunc(o.Inputs, func(t pipeline.Tensor) bool { return t.DType == codec.String.String() })
}

// markTexts says which columns are to be sent as text: those of a list, else
// those for inputs of text. Of a model whose only input is text that is each
// column but the label.
func (t *table) markTexts(o Options) error {
	named := list(o.Text, t.names())
	for _, name := range named {
		if t.index(name) < 0 {
			return t.noColumn(name)
		}
	}
	labels := list(o.Label, t.names())
	for i := range t.found {
		c := &t.found[i]
		if len(named) > 0 {
			c.asText.wanted = slices.Contains(named, c.name)
		} else {
			c.asText.wanted = !slices.Contains(labels, c.name) && typeFor(c.name, o.Inputs) == codec.String
		}
	}
	return nil
}

// see learns from a cell of a row, and reports whether it holds no text.
func (a *asText) see(c *cell, at place, sent bool) (empty bool) {
	if !a.wanted || a.fault != nil {
		return false
	}
	texts, err := c.asTexts()
	if a.count == 0 {
		a.count = len(texts)
	}
	if err == nil && len(texts) != a.count {
		err = fmt.Errorf("holds %d texts, %d before: give each row as many", len(texts), a.count)
	}
	if err != nil {
		a.fault, a.faultAt = err, at
		return false
	}
	for _, text := range texts {
		if !a.foreign && !utf8.ValidString(text) {
			a.foreign, a.first.foreign = true, at
		}
	}
	if empty = sent && len(texts) == 1 && texts[0] == ""; empty {
		if a.empty++; a.empty == 1 {
			a.first.empty = at
		}
	}
	return empty
}

// asTexts gives the texts of a cell, as they are written; one that is missing is
// empty. They are valid until the next row.
func (c *cell) asTexts() ([]string, error) {
	switch {
	case c.kind == anArray && len(c.texts) > 0:
		return c.texts, nil
	case c.kind == aText, c.kind == aBytes, c.kind == "" && c.text != "", len(c.numbers) == 1 && math.IsNaN(c.numbers[0]):
		c.texts = append(c.texts[:0], c.text)
		return c.texts, nil
	case c.kind == "" && len(c.numbers) == 1:
		return nil, fmt.Errorf("holds the number %s, where text is wanted: write it in quotation marks", c)
	case c.kind == "":
		return nil, fmt.Errorf("holds %d numbers, where text is wanted", len(c.numbers))
	}
	return nil, fmt.Errorf("holds %s, where text is wanted", c.kind)
}

// settle makes a column one of text: what was learnt of its cells as numbers is
// forgotten.
func (c *column) settle() error {
	if c.asText.fault != nil {
		return fault(c.asText.faultAt, fmt.Errorf("column %q %w", c.name, c.asText.fault))
	}
	c.missing, c.infinite, c.exact, c.null, c.peaks = 0, 0, 0, false, [4]extreme{}
	return nil
}

// textField is a column of text as a field of records.
func (c *column) textField() field {
	f := field{name: c.name, avro: "string", count: max(1, c.asText.count), text: true}
	if c.asText.foreign {
		f.avro = "bytes" // what Avro calls a string is UTF-8
	}
	return f
}

// fillText adds the texts of a cell.
func (n *numbers) fillText(c *cell, of *column) error {
	texts, err := c.asTexts()
	if err == nil && len(texts) != max(1, of.asText.count) {
		err = fmt.Errorf("holds %d texts", len(texts))
	}
	if err != nil {
		return fmt.Errorf("column %q: the file has changed: it %w", of.name, err)
	}
	for _, text := range texts {
		n.texts = codec.AppendText(n.texts, text)
	}
	return nil
}

// textNotes say which columns of text lack a text, or hold other bytes than
// UTF-8.
func (t *table) textNotes() (notes []string) {
	var empty []string
	for _, i := range t.samples {
		c := &t.found[i]
		if !c.asText.wanted {
			continue
		}
		if c.asText.empty > 0 {
			empty = append(empty, fmt.Sprintf("%s %d (first in %s)", c.name, c.asText.empty, c.asText.first.empty))
		}
		if c.asText.foreign {
			notes = append(notes, fmt.Sprintf("warning: %s is not UTF-8 in %s, as which models read text; save the file as UTF-8", c.name, c.asText.first.foreign))
		}
	}
	if len(empty) > 0 {
		notes = append(notes, fmt.Sprintf("warning: %d of %d rows lack text: %s; it is sent as an empty one", t.learnt.textless, t.learnt.rows(t.total), some(empty)))
	}
	return notes
}
