package files

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// likelyLabels are the names by which tables call their label.
var likelyLabels = []string{"label", "labels", "y", "target", "class", "species", "diagnosis", "outcome"}

// choose sorts the columns into sample and label.
func (t *table) choose(o Options) error {
	labels, why := list(o.Label, t.names()), ""
	for _, name := range labels {
		if i := t.index(name); i < 0 {
			return t.noColumn(name)
		} else if t.found[i].left {
			return pipeline.Invalidf("label", "column %q is to be left out", name).WithHint("name it in --label or in --drop")
		}
	}
	if len(labels) == 0 && !o.Only {
		name, guessed := t.likelyLabel(o)
		labels, why = []string{name}, guessed
	}
	t.leaveNameless(labels)
	t.leaveOthers(o, labels)
	var texts []*column
	for i := range t.found {
		switch c := &t.found[i]; {
		case c.left:
		case slices.Contains(labels, c.name):
			t.labels, c.asText.wanted = append(t.labels, i), false
			if _, number := like(c.text); c.texts > 0 && (number || c.other != "") {
				texts = append(texts, c)
			}
		case c.asText.wanted:
			t.samples = append(t.samples, i)
			if err := c.settle(); err != nil {
				return err
			}
		case c.texts > 0:
			texts = append(texts, c)
		default:
			t.samples = append(t.samples, i)
		}
	}
	if len(texts) > 0 {
		t.noteChoice(why)
		return t.textual(texts, o)
	}
	if err := t.inOrder(o); err != nil {
		return err
	}
	t.noteChoice(why)
	return t.check(why)
}

// check refuses samples and labels that cannot be sent. Why is what the label
// was guessed by, empty where it was named.
func (t *table) check(why string) error {
	if len(t.found) == 1 && len(t.labels) > 0 {
		e := pipeline.Invalidf("file", "has one column, %s, for the sample and the label", quoted(t.found[0].name))
		if t.learnt.ofText {
			return e.WithHint("write commas between the cells of a row (semicolons, tabs, bars and blanks are read, too); or add a column of labels")
		}
		return e.WithHint("give each row its label beside the sample, as a column or member \"label\"")
	}
	if len(t.samples) == 0 {
		return pipeline.Invalidf("file", "no column is left for the samples").WithHint("the columns are %s; name another --label, or drop fewer", some(t.names()))
	}
	if err := t.checkLabels(why); err != nil {
		return err
	}
	if err := t.checkExact(); err != nil {
		return err
	}
	return t.classify()
}

// leaveNameless leaves out columns that have neither a name nor a value, as
// spreadsheets write them at the end of each row.
func (t *table) leaveNameless(labels []string) {
	for i := range t.found {
		c := &t.found[i]
		if !c.left && !c.numeric && c.texts == 0 && !t.learnt.recordFirst && (c.name == fmt.Sprintf("column%d", i+1) || strings.HasPrefix(c.name, "Unnamed: ")) && !slices.Contains(labels, c.name) {
			c.left = true
			t.note("left out: column %d, which has neither a name nor a value", i+1)
		}
	}
}

// checkLabels refuses a label that is missing in a row: nothing can be learnt
// from it.
func (t *table) checkLabels(why string) error {
	if len(t.labels) != 1 {
		return nil
	}
	c := &t.found[t.labels[0]]
	if !c.numeric && c.texts == 0 {
		return pipeline.Invalidf("label", "column %q holds no value", c.name).WithHint("name another --label; the columns are %s", some(t.names()))
	}
	if c.missing > 0 && c.count <= 1 {
		e := pipeline.Invalidf("label", "label %q is missing in %d of %d rows, first in %s", c.name, c.missing, t.total, c.firstMissing)
		if why != "" {
			return e.WithHint("it was taken for the label (%s): name another with --label; or fill it in, or take those rows out of the file", why)
		}
		return e.WithHint("fill it in, or take those rows out of the file")
	}
	return nil
}

// checkExact refuses whole numbers beyond float64 in a column of fractions:
// they would be rounded.
func (t *table) checkExact() error {
	for _, i := range slices.Concat(t.samples, t.labels) {
		if c := &t.found[i]; c.exact != 0 && !c.whole {
			return pipeline.Invalidf("file", "column %q holds the whole number %d in %s, which would be rounded beside fractions", c.name, c.exact, c.exactAt).
				WithHint("leave the column out (--drop %s), or write such numbers as fractions (1.5e18) where the last digits do not matter", flagText(c.name))
		}
	}
	return nil
}

// classify numbers the classes of a label that is text, in alphabetical order.
func (t *table) classify() error {
	for _, i := range t.labels {
		c := &t.found[i]
		if c.texts == 0 {
			continue
		}
		if reason := t.noClasses(c); reason != "" {
			return pipeline.Invalidf("label", "label %q holds text (%s) in %s that does not name classes: %s", c.name, quoted(c.text), c.textAt, reason).
				WithHint("a label is one column of class names, or numbers")
		}
		for word := range c.words {
			t.classes = append(t.classes, word)
		}
		slices.Sort(t.classes)
		for n, word := range t.classes {
			c.words[word] = n
		}
	}
	return nil
}

func (t *table) noClasses(c *column) string {
	switch {
	case len(t.labels) > 1:
		return fmt.Sprintf("%d columns are the label", len(t.labels))
	case c.numeric && c.count <= 1:
		return fmt.Sprintf("%d rows hold text, the others numbers", c.texts)
	case c.manyWords():
		return fmt.Sprintf("there are %d different ones or more", len(c.words))
	}
	return ""
}

// likelyLabel guesses the label, and says what by. A column that is named as an
// input of the models is none, unless all are.
func (t *table) likelyLabel(o Options) (name, why string) {
	input := func(c column) bool {
		return c.left || slices.ContainsFunc(o.Inputs, func(in pipeline.Tensor) bool { return in.Name == c.name })
	}
	if !slices.ContainsFunc(t.found, func(c column) bool { return !input(c) }) {
		input = func(c column) bool { return c.left }
	}
	for _, name := range likelyLabels {
		if i := slices.IndexFunc(t.found, func(c column) bool { return !input(c) && strings.EqualFold(c.name, name) }); i >= 0 {
			return t.found[i].name, "by its name"
		}
	}
	return t.lastLabel(input)
}

// lastLabel is the last column that can be a label and is none of those to leave
// alone.
func (t *table) lastLabel(leave func(column) bool) (name, why string) {
	numeric := 0
	for _, c := range t.found {
		if !c.left && c.numeric && c.texts == 0 {
			numeric++
		}
	}
	for i := len(t.found) - 1; i > 0 || i == 0 && !leave(t.found[0]); i-- {
		switch c := &t.found[i]; {
		case c.left, !c.numeric && c.texts == 0:
		case leave(*c):
			why = "the last column that is no input of the model"
		case c.texts > 0 && c.missing > 0 && numeric > 1: // no name of a class for every row
			why = cmp.Or(why, "the last column that names a class in each row, or holds numbers")
		default:
			return c.name, cmp.Or(why, "the last column")
		}
	}
	return t.found[0].name, "the only column"
}

func (t *table) noColumn(name string) error {
	e := pipeline.Invalidf("file", "there is no column %q", name)
	if t.learnt.recordFirst {
		return e.WithHint("the columns are %s, for the first row was read as a record; --header takes it as the names", some(t.names()))
	}
	return e.WithHint("the columns are %s", some(t.names()))
}

func (t *table) index(name string) int {
	return slices.IndexFunc(t.found, func(c column) bool { return c.name == name })
}

func (t *table) names() []string {
	var all []string
	for _, c := range t.found {
		all = append(all, c.name)
	}
	return all
}

// some lists names, not more than a line of them.
func some(names []string) string {
	const shown = 20
	if n := len(names); n > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), n-shown)
	}
	return strings.Join(names, ", ")
}

// list divides a text at its commas into names. A name that holds a comma is
// given alone, or in quotation marks.
func list(text string, known []string) (items []string) {
	if slices.Contains(known, text) {
		return []string{text}
	}
	r := csv.NewReader(strings.NewReader(text))
	r.TrimLeadingSpace, r.LazyQuotes = true, true
	parts, err := r.Read()
	if err != nil {
		parts = strings.Split(text, ",")
	}
	for _, item := range parts {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

var plainInShell = regexp.MustCompile(`^[\w.:/%+-]*$`)

// flagText writes names as a flag takes them in a shell.
func flagText(names ...string) string {
	quote := false
	names = slices.Clone(names)
	for i, name := range names {
		if strings.ContainsAny(name, `,"`) {
			names[i] = `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		}
		quote = quote || !plainInShell.MatchString(names[i])
	}
	text := strings.Join(names, ",")
	if quote {
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	return text
}
