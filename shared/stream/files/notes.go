package files

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// rowsShown is how many rows are shown as they are read.
const rowsShown = 3

// shown is a row to show: the first of its cells, as text.
type shown struct {
	at    place
	cells []string // by column
	texts []string // by column, as those that are sent as text
}

func (t *table) note(format string, args ...any) {
	t.learnt.notes = append(t.learnt.notes, fmt.Sprintf(format, args...))
}

// noteChoice says which columns are the label and the sample.
func (t *table) noteChoice(guessed string) {
	sample := fmt.Sprintf("sample: %s", some(t.namesOf(t.samples)))
	if len(t.samples) > 1 {
		sample = fmt.Sprintf("sample: %d columns, %s", len(t.samples), some(t.namesOf(t.samples)))
	}
	label := "; label: none"
	if len(t.labels) > 0 {
		label = "; label: " + strings.Join(t.namesOf(t.labels), ", ")
	}
	if guessed != "" {
		label += fmt.Sprintf(" (%s; --label names another)", guessed)
	}
	header := ""
	if n := len(t.learnt.notes); n > 0 && strings.HasPrefix(t.learnt.notes[n-1], "header: ") {
		header, t.learnt.notes = t.learnt.notes[n-1]+"; ", t.learnt.notes[:n-1]
	}
	t.note("%s%s%s", header, sample, label)
}

func (t *table) namesOf(columns []int) (names []string) {
	for _, i := range columns {
		name := t.found[i].name
		if t.sentAsText(i) {
			name += " (text)"
		}
		names = append(names, name)
	}
	return names
}

// show keeps a row to show. Of a wide one the first and the last columns will do.
func (t *table) show(r *row) shown {
	s := shown{at: t.place, cells: make([]string, len(r.cells)), texts: make([]string, len(r.cells))}
	for i := range r.cells {
		s.cells[i] = r.cells[i].String()
		if t.found[i].asText.wanted {
			s.texts[i] = r.cells[i].textual()
		}
	}
	return s
}

// report is what a person is to know before the rows are sent: what was taken
// as what, the first rows, and what looks wrong.
func (t *table) report() []string {
	notes := t.learnt.notes
	if t.learnt.about != nil {
		notes = append(notes, t.learnt.about(func(i int) bool { return slices.Contains(t.samples, i) || slices.Contains(t.labels, i) })...)
	}
	for _, s := range t.learnt.shown {
		notes = append(notes, t.line(s))
	}
	if l := &t.learnt; l.empty == 1 {
		notes = append(notes, fmt.Sprintf("left out: %s, which is empty", l.firstEmpty))
	} else if l.empty > 1 {
		notes = append(notes, fmt.Sprintf("left out: %d empty rows, the first is %s", l.empty, l.firstEmpty))
	}
	return append(notes, t.warnings()...)
}

// line is a row as it is read, and its label.
func (t *table) line(s shown) string {
	const most = 6
	var b strings.Builder
	fmt.Fprintf(&b, "%s:", s.at)
	for n, i := range t.samples {
		if n == most && len(t.samples) > most+1 {
			fmt.Fprintf(&b, " ... (%d more)", len(t.samples)-most)
			break
		}
		if t.sentAsText(i) {
			fmt.Fprintf(&b, " %s=%s", t.found[i].name, s.texts[i])
			continue
		}
		fmt.Fprintf(&b, " %s=%s", t.found[i].name, s.cells[i])
	}
	for n, i := range t.labels {
		arrow := " "
		if n == 0 {
			arrow = " -> "
		}
		c := &t.found[i]
		fmt.Fprintf(&b, "%s%s=%s", arrow, c.name, s.cells[i])
		if text, err := strconv.Unquote(s.cells[i]); err == nil && len(t.classes) > 0 {
			if class, known := c.words[text]; known {
				fmt.Fprintf(&b, " (class %d)", class)
			}
		}
	}
	return b.String()
}

func (t *table) infinite() bool {
	return slices.ContainsFunc(t.found, func(c column) bool { return c.infinite > 0 })
}

// indexColumn is the first column where it is the index that pandas and R write
// before the others, else -1.
func (t *table) indexColumn() int {
	c := &t.found[0]
	nameless := !t.learnt.recordFirst && c.name == "column1" || c.name == "Unnamed: 0"
	if !nameless || !slices.Contains(t.samples, 0) || c.null || c.uncounted || c.numbers < 2 || c.count != 1 || c.least != 0 && c.least != 1 {
		return -1
	}
	return 0
}

// warnings say which columns lack numbers, or hold odd ones.
func (t *table) warnings() (notes []string) {
	const most = 20
	var missing []string
	if i := t.indexColumn(); i >= 0 {
		notes = append(notes, fmt.Sprintf("warning: %s has no name and counts the rows, as an index does: leave it out (--drop %s)", t.found[i].name, flagText(t.found[i].name)))
	}
	for _, i := range append(append([]int(nil), t.samples...), t.labels...) {
		c := &t.found[i]
		if !c.numeric && c.texts == 0 {
			notes = append(notes, fmt.Sprintf("warning: %s holds no value in any row: leave it out (--drop %s)", c.name, flagText(c.name)))
		}
		if c.missing > 0 {
			missing = append(missing, fmt.Sprintf("%s %d", c.name, c.missing))
		}
		if c.infinite > 0 {
			notes = append(notes, fmt.Sprintf("warning: %s holds Infinity in %s%s", c.name, c.firstInf, andMore(c.infinite-1)))
		}
		if odd, next, ok := c.odd(); ok {
			notes = append(notes, fmt.Sprintf("warning: %s is %.9g in %s, far from the rest: the next largest is %.9g", c.name, odd.value, odd.at, next))
		}
	}
	notes = append(notes, t.textNotes()...)
	if n := int64(len(t.classes)); n > 20 && n > t.total/2 {
		notes = append(notes, fmt.Sprintf("warning: the label %s names %d classes in %d rows; --label names another column", t.found[t.labels[0]].name, n, t.total))
	}
	if n := len(notes); n > most {
		notes = append(notes[:most], fmt.Sprintf("warning: %d more columns hold Infinity or numbers far from the rest", n-most))
	}
	if len(missing) > 0 {
		sent := t.learnt.rows(t.total)
		notes = append([]string{fmt.Sprintf("warning: %d of %d rows have missing values: %s; they become NaN", t.learnt.missing, sent, some(missing))}, notes...)
	}
	return notes
}

func andMore(n int64) string {
	if n < 1 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

// rows is how many of all rows are sent.
func (l *learnt) rows(total int64) int64 {
	n := max(0, total-l.skip)
	if l.limit > 0 {
		n = min(n, l.limit)
	}
	return n
}
