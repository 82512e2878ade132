package terminal

import (
	"fmt"
	"io"
	"strings"
)

// Screen draws a block of lines over the block it drew before. Lines longer
// than Width are cut, so that a block takes the lines it has.
type Screen struct {
	Out   io.Writer
	Width int // columns; 0 for no limit

	drawn int
}

// Draw writes block in the place of the last one.
func (s *Screen) Draw(block string) {
	var b strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", s.drawn)
	}
	lines := strings.Split(strings.TrimRight(block, "\n"), "\n")
	for _, line := range lines {
		if runes := []rune(line); s.Width > 0 && len(runes) > s.Width {
			line = string(runes[:s.Width-1]) + "…"
		}
		b.WriteString(line + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	s.drawn = len(lines)
	fmt.Fprint(s.Out, b.String())
}
