package pipeline

import "strings"

// Meant is the known name that a name was most likely to be: the one with the
// fewest letters put in, left out or exchanged, two at most and not every third of
// them, whatever the case of letters and with or without underscores. It is empty
// where there is none.
func Meant(name string, known []string) string {
	if len(name) > longestName { // strangers choose it
		return ""
	}
	plain := func(s string) string {
		return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(s))
	}
	meant, least := "", 3
	for _, k := range known {
		if n := changes(plain(name), plain(k)); n < least && 3*n < len(k) {
			meant, least = k, n
		}
	}
	return meant
}

// longestName is more bytes than a known name has, however it is spelt.
const longestName = 100

// changes is how many letters are to be put in, left out, replaced or exchanged with
// the next to make b of a (the optimal string alignment distance).
func changes(a, b string) int {
	var before, last []int // of the two rows above
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
