package files

import (
	"math"
	"strconv"
	"strings"
)

// row is one row of a table: for each column its numbers, NaN for those that
// are missing, or its text, or both where the file does not tell them apart (CSV).
type row struct {
	cells []cell
	empty bool // no cell holds anything
}

// cell is empty where its column is left out.
type cell struct {
	numbers []float64
	exact   []int64 // beside numbers where one of them is a whole number that float64 rounds, else empty
	text    string
	texts   []string // of an array of them
	kind    string   // what it holds in place of numbers, as aText; empty for numbers
}

// What a cell may hold in place of numbers. Text has a use as a label, or for a
// model that takes text; bytes and arrays of text for such a model alone.
const (
	aText    = "text"
	aBytes   = "bytes"
	anObject = "an object (a record or a map)"
	anArray  = "an array of other things than numbers"
)

func (c *cell) reset() {
	c.numbers, c.exact, c.texts, c.text, c.kind = c.numbers[:0], c.exact[:0], c.texts[:0], "", ""
}

func (c *cell) add(n number) {
	if n.exact != 0 || len(c.exact) > 0 {
		for len(c.exact) < len(c.numbers) {
			c.exact = append(c.exact, 0)
		}
		c.exact = append(c.exact, n.exact)
	}
	c.numbers = append(c.numbers, n.float)
}

// String is the cell as it was read.
func (c *cell) String() string {
	const most = 8
	switch c.kind {
	case "":
	case aText:
		return quoted(c.text)
	default:
		return c.kind
	}
	var all []string
	for i, f := range c.numbers {
		if i == most {
			all = append(all, "...")
			break
		}
		text := strings.Replace(strconv.FormatFloat(f, 'g', -1, 64), "Inf", "Infinity", 1)
		if i < len(c.exact) && c.exact[i] != 0 {
			text = strconv.FormatInt(c.exact[i], 10)
		} else if math.Abs(f) >= 1e-4 && math.Abs(f) < rounds || f == 0 {
			text = strconv.FormatFloat(f, 'f', -1, 64)
		}
		all = append(all, text)
	}
	if len(all) == 1 {
		return all[0]
	}
	return "[" + strings.Join(all, " ") + "]"
}

// textual is a cell of text as it was read.
func (c *cell) textual() string {
	const most = 8
	texts, err := c.asTexts()
	if err != nil {
		return c.String()
	}
	var all []string
	for i, text := range texts {
		if i == most {
			all = append(all, "...")
			break
		}
		all = append(all, quoted(text))
	}
	if len(all) == 1 {
		return all[0]
	}
	return "[" + strings.Join(all, " ") + "]"
}
