package files

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Header says what the first row of a table of text is.
type Header string

// What the first row is; the zero value leaves it to its cells.
const (
	HeaderNames  Header = "names"
	HeaderRecord Header = "record"
)

// header decides whether the first of some rows names the columns, and says
// what was taken.
func header(h Header, rows []line) (names bool, why string) {
	const (
		asNames  = "header: the first row names the columns"
		asRecord = "header: none, the first row is a record"
		toRecord = " (--no-header reads it as a record)"
		toNames  = " (--header takes it as names)"
	)
	switch h {
	case HeaderNames:
		return true, asNames
	case HeaderRecord:
		return false, asRecord + ": the columns are column1, column2, ..."
	}
	first, below := rows[0].cells, rows[1:]
	if !slices.ContainsFunc(first, isName) {
		if counted(first, below) {
			return true, asNames + ": its numbers count from 0" + toRecord
		}
		return false, asRecord + " of numbers: the columns are column1, column2, ..." + toNames
	}
	if slices.ContainsFunc(first, isNumber) && likeBelow(first, below) {
		return false, asRecord + " like those below it: the columns are column1, column2, ..." + toNames
	}
	return true, asNames + toRecord
}

// isText reports whether a cell is a text, not empty and not what stands for a
// number.
func isText(cell string) bool {
	_, number := parseNumber(strings.TrimSpace(cell))
	return !number
}

// isName reports whether a cell is a text that is not the form of a number or a
// date either.
func isName(cell string) bool {
	cell = strings.TrimSpace(cell)
	_, number := like(cell)
	word, known := formOf(words, cell)
	return isText(cell) && !number && (!known || word.table == "" && !strings.ContainsAny(cell, "0123456789"))
}

// isNumber reports whether a cell holds digits that are a number.
func isNumber(cell string) bool {
	cell = strings.TrimSpace(cell)
	_, number := parseNumber(cell)
	return number && strings.ContainsAny(cell, "0123456789")
}

// counted reports whether a row of numbers is the names that programs give to
// columns without: 0, 1, 2, ..., after an empty one for the index or not. Two
// numbers are names only where the rows below hold other kinds.
func counted(first []string, below []line) bool {
	numbers := first
	if strings.TrimSpace(first[0]) == "" {
		numbers = first[1:]
	}
	for i, cell := range numbers {
		if n, err := strconv.Atoi(strings.TrimSpace(cell)); err != nil || n != i {
			return false
		}
	}
	if len(numbers) == 0 || len(below) == 0 || slices.ContainsFunc(below, func(l line) bool { return slices.Equal(l.cells, first) }) {
		return false
	}
	if len(numbers) > 2 || len(numbers) < len(first) {
		return true
	}
	return slices.ContainsFunc(below, func(l line) bool {
		return slices.ContainsFunc(l.cells, func(cell string) bool { return strings.ContainsAny(cell, ".eE") || isText(cell) })
	})
}

// likeBelow reports whether a row of texts and numbers is a record as those
// below it: its texts stand over texts, and come again or stand beside numbers
// that name nothing.
func likeBelow(first []string, below []line) bool {
	again := false
	for i, cell := range first {
		if !isName(cell) {
			continue
		}
		for _, l := range below {
			if i >= len(l.cells) {
				continue
			}
			under := strings.TrimSpace(l.cells[i])
			if n, ok := parseNumber(under); ok && !math.IsNaN(n.float) {
				return false
			}
			again = again || under == strings.TrimSpace(cell)
		}
	}
	return again || len(below) == 0 || !nameable(first)
}

// nameable reports whether the numbers of a row could be names, as years are:
// whole, and each of its own.
func nameable(first []string) bool {
	var seen []string
	for _, cell := range first {
		if cell = strings.TrimSpace(cell); !isNumber(cell) {
			continue
		}
		if _, err := strconv.ParseUint(cell, 10, 64); err != nil || slices.Contains(seen, cell) {
			return false
		}
		seen = append(seen, cell)
	}
	return true
}

// comment reports whether a line that begins with # is a comment, not the
// header as NumPy writes it, which has as many cells as the line below.
func comment(text, below string, separator rune) bool {
	if strings.HasPrefix(below, "#") {
		return true
	}
	if separator == 0 {
		separator = separatorOf(below, "", true)
	}
	names := times(strings.TrimPrefix(strings.TrimSpace(text), "#"), separator)
	if separator == ' ' {
		names = len(strings.Fields(strings.TrimPrefix(strings.TrimSpace(text), "#"))) - 1
	}
	cells := strings.FieldsFunc(below, func(r rune) bool { return r == separator })
	return names != times(below, separator) || slices.ContainsFunc(cells, isName)
}
