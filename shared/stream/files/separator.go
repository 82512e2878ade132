package files

import (
	"slices"
	"strings"
)

// separators are what may stand between cells, likeliest first.
var separators = []rune{',', ';', '\t', '|', ' '}

// separatorOf finds what stands between cells: what each of the first lines has
// equally often outside quotation marks, else what the first has most of.
// Blanks are not looked at where the cells may be texts, which have them within.
func separatorOf(start, path string, blanks bool) rune {
	if name := strings.ToLower(path); strings.Contains(name, ".tsv") || strings.HasSuffix(name, ".tab") {
		return '\t'
	}
	lines := firstLines(start)
	best, most := ',', 0
	for range 2 { // all lines, then those below the first
		for _, s := range separators[:len(separators)-1] {
			if n := steady(lines, s); n > most {
				best, most = s, n
			}
		}
		if blanks && (most == 0 || best == '\t' && numbersApart(lines)) { // else blanks stand in texts
			if n := steady(lines, ' '); n > most {
				best, most = ' ', n
			}
		}
		if most > 0 || len(lines) < 3 {
			break
		}
		lines = lines[1:]
	}
	if most > 0 || len(lines) == 0 {
		return best
	}
	for _, s := range separators[:len(separators)-1] { // blanks stand in texts, too
		if n := times(lines[0], s); n > most {
			best, most = s, n
		}
	}
	return best
}

// numbersApart reports whether what stands before the first tab of a line is
// several numbers with blanks between them.
func numbersApart(lines []string) bool {
	before, _, _ := strings.Cut(lines[0], "\t")
	cells := strings.Fields(before)
	return len(cells) > 1 && !slices.ContainsFunc(cells, isText)
}

// firstLines are the first few lines that hold something and are there whole.
func firstLines(start string) []string {
	const looked = 8
	var lines []string
	for len(lines) < looked {
		line, rest, more := strings.Cut(start, "\n")
		if strings.TrimSpace(line) != "" && (more || len(lines) == 0 || len(start) < 4<<10) {
			lines = append(lines, line)
		}
		if !more {
			break
		}
		start = rest
	}
	return lines
}

// steady is how often a separator stands in each line, 0 where lines differ.
func steady(lines []string, separator rune) int {
	n := 0
	for i, line := range lines {
		of := times(line, separator)
		if i > 0 && of != n {
			return 0
		}
		n = of
	}
	return n
}

// times counts a separator outside quotation marks; blanks side by side are one.
func times(line string, separator rune) int {
	if separator == ' ' {
		line = strings.Join(strings.Fields(line), " ")
	}
	n, within := 0, false
	for _, c := range line {
		switch c {
		case '"':
			within = !within
		case separator:
			if !within {
				n++
			}
		}
	}
	return n
}
