package files

import (
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// likelyLabels are the names by which tables call their label.
var likelyLabels = []string{"label", "labels", "y", "target", "class", "species", "diagnosis", "outcome"}

// choose sorts the columns into sample and label.
func (t *table) choose(o Options) error {
	drop, labels := list(o.Drop), list(o.Label)
	for _, name := range slices.Concat(drop, labels) {
		if t.index(name) < 0 {
			return pipeline.Invalidf("file", "there is no column %q", name).WithHint("the columns are %s", strings.Join(t.names(), ", "))
		}
	}
	if len(labels) == 0 && !o.Only {
		labels = []string{t.likelyLabel(drop)}
	}
	for i := range t.found {
		switch c := &t.found[i]; {
		case slices.Contains(drop, c.name):
		case slices.Contains(labels, c.name):
			t.labels = append(t.labels, i)
		case len(c.words) > 0:
			return pipeline.Invalidf("file", "column %q holds text (%q), a sample is numbers", c.name, c.sample).
				WithHint("leave it out, or write its values as numbers")
		default:
			t.samples = append(t.samples, i)
		}
	}
	if len(t.samples) == 0 {
		return pipeline.Invalidf("file", "no column is left for the samples")
	}
	return t.classify()
}

// classify numbers the classes of a label that is text, in alphabetical order.
func (t *table) classify() error {
	for _, i := range t.labels {
		c := &t.found[i]
		switch {
		case len(c.words) == 0:
			continue
		case len(t.labels) > 1 || c.numeric || len(c.words) >= maxClasses:
			return pipeline.Invalidf("file", "label %q holds text (%q) that does not name classes", c.name, c.sample).
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

func (t *table) likelyLabel(drop []string) string {
	for _, name := range likelyLabels {
		if i := slices.IndexFunc(t.found, func(c column) bool { return strings.EqualFold(c.name, name) }); i >= 0 {
			return t.found[i].name
		}
	}
	for i := len(t.found) - 1; i > 0; i-- {
		if name := t.found[i].name; !slices.Contains(drop, name) {
			return name
		}
	}
	return t.found[0].name
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

func list(text string) (items []string) {
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
