package terminal

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Sourced is an error about a text that the person gave, so that the line at
// fault can be shown.
type Sourced struct {
	Err  error
	File string // as the person named it, "-" for standard input
	Text string
}

// Error is that of the cause.
func (s *Sourced) Error() string { return s.Err.Error() }

// Unwrap gives the cause.
func (s *Sourced) Unwrap() error { return s.Err }

// Diagnose writes an error for a person: what was done, the field, the reason,
// the line of source with a caret below it, and the hint.
func Diagnose(w io.Writer, err error) {
	var e *pipeline.Error
	if !errors.As(err, &e) {
		fmt.Fprintf(w, "error: %s\n", Plain(err.Error()))
		return
	}
	fmt.Fprint(w, headline(e))
	var s *Sourced
	if e.At != nil && errors.As(err, &s) {
		fmt.Fprint(w, Excerpt(s.File, s.Text, *e.At))
	} else if e.At != nil {
		fmt.Fprintf(w, "  at line %d of the source\n", e.At.Line)
	}
	if e.Hint != "" {
		fmt.Fprintf(w, "hint: %s\n", indent(e.Hint, "      "))
	}
}

func headline(e *pipeline.Error) string {
	var b strings.Builder
	b.WriteString("error: ")
	if e.Op != "" {
		b.WriteString(Plain(e.Op) + ": ")
	}
	if e.Field != "" {
		b.WriteString(Plain(e.Field) + ": ")
	}
	b.WriteString(indent(e.Message(), "       ") + "\n")
	return b.String()
}

func indent(s, by string) string {
	return strings.ReplaceAll(PlainText(strings.TrimSpace(s)), "\n", "\n"+by)
}

// Excerpt shows the line of text that at names, with carets below its columns:
//
//	  --> model.py:3:7
//	  |
//	3 | model.compile(loss="nonsense")
//	  |       ^^^^^^^
func Excerpt(file, text string, at pipeline.Position) string {
	lines := strings.Split(text, "\n")
	if at.Line < 1 || at.Line > len(lines) {
		return fmt.Sprintf("  --> %s:%d\n", Plain(file), at.Line)
	}
	number := strconv.Itoa(at.Line)
	margin := strings.Repeat(" ", len(number))
	var b strings.Builder
	fmt.Fprintf(&b, "%s--> %s:%d", margin, Plain(file), at.Line)
	if at.Column > 0 {
		fmt.Fprintf(&b, ":%d", at.Column)
	}
	if at.Guess {
		b.WriteString(" (the likely place)")
	}
	line := PlainText(strings.TrimRight(lines[at.Line-1], "\r"))
	fmt.Fprintf(&b, "\n%s |\n%s | %s\n", margin, number, line)
	if marks := carets(line, at); marks != "" {
		fmt.Fprintf(&b, "%s | %s\n", margin, marks)
	}
	return b.String()
}

// carets underlines the columns of at, keeping tabs so that they line up.
func carets(line string, at pipeline.Position) string {
	runes := []rune(line)
	if at.Column < 1 || at.Column > len(runes)+1 {
		return ""
	}
	end := at.Column + 1
	switch {
	case at.EndLine > at.Line:
		end = len(runes) + 1
	case at.EndColumn > at.Column:
		end = min(at.EndColumn, len(runes)+1)
	}
	var b strings.Builder
	for _, r := range runes[:at.Column-1] {
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	b.WriteString(strings.Repeat("^", max(1, end-at.Column)))
	return b.String()
}
