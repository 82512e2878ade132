package files

import (
	"fmt"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// textual refuses columns that hold no numbers, all of them at once: by the
// first, and with what to do about each.
func (t *table) textual(texts []*column, o Options) error {
	var fix, drop []*column
	for _, c := range texts {
		if _, number := like(c.text); number && c.other == "" || c.numeric && !t.isLabel(c) {
			fix = append(fix, c)
		} else {
			drop = append(drop, c)
		}
	}
	first := texts[0]
	if len(fix) > 0 {
		first = fix[0]
	}
	e := pipeline.Invalidf("file", "%s", t.describeText(first))
	if len(texts) > 1 {
		e.Reason += fmt.Sprintf("; %d columns hold no numbers: %s", len(texts), some(columnNames(texts)))
	}
	var hints []string
	for _, c := range fix {
		if h := t.fix(c); len(hints) == 0 {
			hints = append(hints, h)
		}
	}
	if form, _ := like(first.text); len(fix) > 0 && len(t.samples) > 0 && !t.isLabel(first) && form.table == "" {
		hints = append(hints, fmt.Sprintf("or leave the column out (--drop %s)", flagText(columnNames(fix)...)))
	}
	if first.other != "" && t.isLabel(first) {
		return e.WithHint("name another column with --label, or write the label as a number or the name of a class")
	}
	if len(drop) > 0 {
		hints = append(hints, t.leaveOrWrite(drop, fix))
	}
	if o.Inputs == nil && len(drop) > 0 && drop[0].other == "" && !t.isLabel(drop[0]) {
		hints = append(hints, fmt.Sprintf("where the model takes text, --text %s sends it", flagText(columnNames(drop)...)))
	}
	if len(t.samples) == 0 && len(fix) == 0 && t.learnt.guessed {
		hints = append(hints, "the first row was taken as the names of the columns (--no-header reads it as a record)")
	}
	return e.WithHint("%s", strings.Join(hints, "; "))
}

func (t *table) isLabel(c *column) bool {
	for _, i := range t.labels {
		if &t.found[i] == c {
			return true
		}
	}
	return false
}

// describeText says what a column holds in place of numbers, and where.
func (t *table) describeText(c *column) string {
	if c.other != "" {
		return fmt.Sprintf("column %q holds %s in %s, where numbers are wanted", c.name, c.other, c.textAt)
	}
	text := fmt.Sprintf("column %q holds text (%s) in %s, where numbers are wanted", c.name, quoted(c.text), c.textAt)
	if form, ok := like(c.text); ok {
		text += ": " + form.what
	} else if form, ok := formOf(words, c.text); ok && form.what != "" {
		text += ": " + form.what
	}
	if c.text == c.name {
		text += ": the header comes again"
	}
	if c.numeric {
		text += fmt.Sprintf("; %d of %d rows hold text there", c.texts, t.total)
	}
	return text
}

// fix says how to make numbers of a column that nearly holds them.
func (t *table) fix(c *column) string {
	form, ok := like(c.text)
	switch {
	case ok && form.table != "":
		return fmt.Sprintf("%s, as pandas does: python -c 'import pandas; pandas.read_csv(%q, %s%s).to_csv(\"new.csv\", index=False)'", form.cure, t.file, t.learnt.separator, form.table)
	case ok:
		return form.cure
	}
	if c.text == c.name {
		return "take the row out"
	}
	return "write a number there, or nothing where it is missing, or take the row out"
}

// leaveOrWrite says what to do about columns of texts.
func (t *table) leaveOrWrite(texts, fix []*column) string {
	names := flagText(columnNames(texts)...)
	it, cure := "it", "write its values as numbers"
	if len(texts) > 1 {
		it, cure = "them", "write their values as numbers"
	}
	if form, ok := formOf(words, texts[0].text); ok {
		cure = form.cure
	}
	switch {
	case len(fix) > 0:
		return fmt.Sprintf("and leave out what holds other text (--drop %s)", names)
	case len(t.samples) == 0:
		return "no column of numbers is left for the samples: " + cure
	case texts[0].other != "":
		return fmt.Sprintf("leave %s out (--drop %s), or write the numbers within as columns of their own", it, names)
	}
	return fmt.Sprintf("leave %s out (--drop %s), or %s", it, names, cure)
}

func columnNames(columns []*column) (names []string) {
	for _, c := range columns {
		names = append(names, c.name)
	}
	return names
}
