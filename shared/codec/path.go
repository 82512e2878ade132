package codec

import (
	"fmt"
	"strconv"
	"strings"
)

// Path leads through a record to a value: by names of fields and keys of maps,
// and by indices of arrays. The empty path is the record itself.
//
//	payment.amount   items[0].price   tags["a.b"]   $.payment.amount
type Path []PathStep

// PathStep is one step of a Path: Name, or where that is empty Index.
type PathStep struct {
	Name  string
	Index int
}

// The bounds of a path, which comes with a message.
const (
	pathSteps = 64
	pathBytes = 1000
)

// ParsePath reads the text of a path. Names that hold a dot or a bracket are
// written in brackets and quotation marks.
func ParsePath(text string) (Path, error) {
	if len(text) > pathBytes {
		return nil, fmt.Errorf("the path has more than %d characters", pathBytes)
	}
	rest := strings.TrimPrefix(text, "$")
	if rest != text && rest != "" && rest[0] != '.' && rest[0] != '[' {
		rest = text // a name that begins with $
	}
	if rest != text {
		rest = strings.TrimPrefix(rest, ".")
	}
	var p Path
	for first := true; rest != ""; first = false {
		step, n, err := pathStep(rest, first)
		if err != nil {
			return nil, fmt.Errorf("path %q, at character %d: %w", text, len(text)-len(rest)+1, err)
		}
		if p = append(p, step); len(p) > pathSteps {
			return nil, fmt.Errorf("path %q has more than %d steps", text, pathSteps)
		}
		rest = rest[n:]
	}
	return p, nil
}

// pathStep reads the first step of a text, and tells how long it is.
func pathStep(text string, first bool) (s PathStep, n int, err error) {
	if text[0] == '[' {
		return bracketed(text)
	}
	if !first {
		if text[0] != '.' {
			return s, 0, fmt.Errorf("a dot or a bracket is wanted")
		}
		n = 1
	}
	end := strings.IndexAny(text[n:], ".[")
	if end < 0 {
		end = len(text) - n
	}
	s.Name = text[n : n+end]
	switch {
	case s.Name == "":
		return s, 0, fmt.Errorf("a name is missing")
	case strings.ContainsAny(s.Name, "]*?\"'"):
		return s, 0, fmt.Errorf(`%q is not a name: write names with such characters as ["..."]; a path leads to one place`, s.Name)
	}
	return s, n + end, nil
}

// bracketed reads [0], ["name"] or ['name'].
func bracketed(text string) (s PathStep, n int, err error) {
	if len(text) > 1 && (text[1] == '"' || text[1] == '\'') {
		end := strings.Index(text[2:], text[1:2]+"]")
		if end <= 0 {
			return s, 0, fmt.Errorf("the name in brackets does not end, or is empty")
		}
		return PathStep{Name: text[2 : 2+end]}, end + 4, nil
	}
	end := strings.IndexByte(text, ']')
	if end < 0 {
		return s, 0, fmt.Errorf("the bracket does not end")
	}
	index, err := strconv.Atoi(text[1:end])
	if err != nil || index < 0 || text[1] == '+' {
		return s, 0, fmt.Errorf("[%s] is neither the index of an array, counted from 0, nor a name in quotation marks", text[1:end])
	}
	return PathStep{Index: index}, end + 1, nil
}

// String is the text of a path.
func (p Path) String() string {
	var b strings.Builder
	for i, s := range p {
		switch {
		case s.Name == "":
			fmt.Fprintf(&b, "[%d]", s.Index)
		case strings.ContainsAny(s.Name, `.[]*?"'$`):
			quote := `"`
			if strings.Contains(s.Name, quote) {
				quote = "'"
			}
			b.WriteString("[" + quote + s.Name + quote + "]")
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.Name)
		}
	}
	return b.String()
}
