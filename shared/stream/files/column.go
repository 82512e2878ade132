package files

import (
	"fmt"
	"math"
	"strings"
)

// column is what the first reading learnt of a column.
type column struct {
	name    string
	left    bool // it is left out: nothing was learnt
	count   int  // numbers in each cell
	whole   bool // no fraction was seen
	null    bool // a number was missing
	numeric bool // a number was seen
	exact   int64
	exactAt place
	least   float64
	most    float64

	other  string         // what a cell held that is neither numbers nor text
	texts  int64          // cells of text or of other
	words  map[string]int // the texts, while they may be names of classes
	size   int            // bytes of words
	text   string         // the first text
	textAt place

	asText asText // it is sent as text, or may be

	missing      int64 // rows that are sent and lack a number here
	firstMissing place
	infinite     int64
	firstInf     place
	numbers      int64      // finite ones
	uncounted    bool       // they are not 0, 1, 2, ... or 1, 2, 3, ...
	peaks        [4]extreme // the largest by amount, largest first
}

// extreme is a number and where it stands.
type extreme struct {
	value float64
	at    place
}

// maxClasses and maxWords bound the names of classes that are kept, and their
// bytes: more are no label.
const (
	maxClasses = 10_000
	maxWords   = 4 << 20
)

// exactInFloat32 is up to where float32 holds every whole number.
const exactInFloat32 = 1 << 24

// largest is the largest amount of a number, 0 where none was seen.
func (c *column) largest() float64 {
	if !c.numeric {
		return 0
	}
	return max(math.Abs(c.least), math.Abs(c.most))
}

// see learns from a cell, and reports whether a number is missing there.
func (c *column) see(v *cell, at place) (missing bool, err error) {
	if v.kind != "" {
		c.word(v, at)
		return false, nil
	}
	if c.count == 0 {
		c.count = len(v.numbers)
	}
	if len(v.numbers) != c.count {
		if len(v.numbers) == 1 && math.IsNaN(v.numbers[0]) {
			return false, fmt.Errorf("is missing, where an array of %d numbers is wanted", c.count)
		}
		return false, fmt.Errorf("holds %d numbers, %d before: give each row as many", len(v.numbers), c.count)
	}
	for i, f := range v.numbers {
		if math.IsNaN(f) {
			c.null, missing = true, true
			continue
		}
		c.numeric = true
		c.whole = c.whole && f == math.Trunc(f)
		c.least, c.most = min(c.least, f), max(c.most, f)
		if i < len(v.exact) && v.exact[i] != 0 && c.exact == 0 {
			c.exact, c.exactAt = v.exact[i], at
		}
		c.peak(f, at)
	}
	return missing, nil
}

func (c *column) word(v *cell, at place) {
	if c.texts++; c.texts == 1 {
		c.text, c.textAt, c.words = v.text, at, map[string]int{}
	}
	if v.kind != aText && c.other == "" {
		c.other, c.textAt = v.kind, at
	}
	if _, known := c.words[v.text]; !known && !c.manyWords() {
		c.words[strings.Clone(v.text)] = 0 // without the rest of its row
		c.size += len(v.text)
	}
}

// manyWords reports whether there are more texts than a label has.
func (c *column) manyWords() bool { return len(c.words) >= maxClasses || c.size > maxWords }

// peak keeps the largest numbers.
func (c *column) peak(f float64, at place) {
	f = math.Abs(f)
	if math.IsInf(f, 0) {
		if c.infinite++; c.infinite == 1 {
			c.firstInf = at
		}
		return
	}
	if !c.uncounted && f != c.least+float64(c.numbers) {
		c.uncounted = true
	}
	c.numbers++
	last := len(c.peaks) - 1
	if f <= c.peaks[last].value {
		return
	}
	for ; last > 0 && c.peaks[last-1].value < f; last-- {
		c.peaks[last] = c.peaks[last-1]
	}
	c.peaks[last] = extreme{f, at}
}

// odd gives the number that is far beyond all others of its column, of which
// there are some, and how large the next one is.
func (c *column) odd() (found extreme, next float64, ok bool) {
	const (
		far = 1000
		few = 5
	)
	if c.numbers < few {
		return extreme{}, 0, false
	}
	for i, p := range c.peaks[1:] {
		if p.value > 0 && c.peaks[i].value >= far*p.value {
			return c.peaks[0], p.value, true
		}
	}
	return extreme{}, 0, false
}
