package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// finding is one comparison: kafkaml's figure against another's, and what is to
// be reached. Ratio is how many times better kafkaml is; it meets the mark from
// mark on.
type finding struct {
	what    string
	ours    string
	against string
	theirs  string
	ratio   float64
	mark    float64 // at least; 0: no mark, the figure is shown
	rule    string  // how a mark reads that is no plain ratio
	note    string  // fewer runs, settings
}

func (f finding) met() string {
	switch {
	case f.mark == 0:
		return "-"
	case f.ratio >= f.mark:
		return "yes"
	}
	return "NO"
}

// asked is the mark as it reads in the table.
func (f finding) asked() string {
	switch {
	case f.rule != "":
		return f.rule
	case f.mark == 0:
		return "-"
	}
	return fmt.Sprintf("%.4gx", f.mark)
}

// with adds a note to a finding.
func (f finding) with(note string, args ...any) finding {
	f.note = fmt.Sprintf(note, args...)
	return f
}

// better is the ratio as it reads in the table.
func (f finding) better() string {
	if f.ratio >= 100 {
		return fmt.Sprintf("%.0fx", f.ratio)
	}
	return fmt.Sprintf("%.2fx", f.ratio)
}

// entry is what was compared, with the note.
func (f finding) entry() string {
	if f.note == "" {
		return f.what
	}
	return f.what + " (" + f.note + ")"
}

func (f finding) line() string {
	return fmt.Sprintf("%s: %s; %s: %s; %s, asked %s: %s", f.entry(), f.ours, f.against, f.theirs, f.better(), f.asked(), f.met())
}

// table draws the findings as Markdown.
func table(all []finding) string {
	var b strings.Builder
	b.WriteString("\n| what | kafkaml | against | theirs | ratio | mark | met |\n|---|---|---|---|---|---|---|\n")
	for _, f := range all {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", f.entry(), f.ours, f.against, f.theirs, f.better(), f.asked(), f.met())
	}
	return b.String()
}

// faster compares two times: the ratio is theirs to ours.
func faster(what string, ours time.Duration, against string, theirs time.Duration, mark float64) finding {
	return finding{what: what, ours: seconds(ours), against: against, theirs: seconds(theirs), ratio: float64(theirs) / float64(ours), mark: mark}
}

// more compares two rates of records a second: the ratio is ours to theirs.
func more(what string, ours float64, against string, theirs, mark float64) finding {
	return finding{what: what, ours: rate(ours), against: against, theirs: rate(theirs), ratio: ours / theirs, mark: mark}
}

func seconds(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.0f us", float64(d)/1e3)
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

func rate(r float64) string {
	switch {
	case r >= 10_000:
		return fmt.Sprintf("%.0f k/s", r/1e3)
	case r >= 100:
		return fmt.Sprintf("%.0f/s", r)
	}
	return fmt.Sprintf("%.1f/s", r)
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }

// median of at least one value; of an even number the lower middle one.
func median[T int64 | float64 | time.Duration](values []T) T { return quantile(values, 0.5) }

// quantile is the smallest of at least one value that a part q of the values
// does not exceed.
func quantile[T int64 | float64 | time.Duration](values []T, q float64) T {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[max(0, min(len(sorted)-1, int(q*float64(len(sorted))+0.999999)-1))]
}

// times measures what f does.
func times(f func() error) (time.Duration, error) {
	began := time.Now()
	err := f()
	return time.Since(began), err
}
