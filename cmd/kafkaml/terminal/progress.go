package terminal

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Progress draws how far a count has come, with its rate and the time left. In
// a terminal it is one line that is drawn again at most ten times a second;
// elsewhere one line every ten seconds. It is not safe for concurrent use.
type Progress struct {
	Out      io.Writer
	Terminal bool
	Unit     string // "records"
	Total    int64  // 0 where unknown
	Now      func() time.Time

	start, drawn time.Time
	bytes, count int64
}

// Begin starts the clock.
func (p *Progress) Begin() {
	p.start = p.Now()
	p.drawn = p.start
}

// Add counts n more units of the given bytes and draws where it is time to.
func (p *Progress) Add(n, bytes int64) {
	p.count += n
	p.bytes += bytes
	every := 10 * time.Second
	if p.Terminal {
		every = 100 * time.Millisecond
	}
	if now := p.Now(); now.Sub(p.drawn) >= every {
		p.drawn = now
		p.draw(now)
	}
}

// End draws the last state and ends the line.
func (p *Progress) End() {
	if p.Terminal {
		p.draw(p.Now())
		fmt.Fprintln(p.Out)
	}
}

func (p *Progress) draw(now time.Time) {
	line := p.line(now.Sub(p.start))
	if p.Terminal {
		fmt.Fprintf(p.Out, "\r%s\x1b[K", line)
		return
	}
	fmt.Fprintln(p.Out, line)
}

func (p *Progress) line(spent time.Duration) string {
	rate := float64(p.count) / max(spent.Seconds(), 1e-9)
	if p.Total <= 0 {
		return fmt.Sprintf("%s %s  %s  %s/s", Count(p.count), p.Unit, Bytes(p.bytes), Count(int64(rate)))
	}
	share := min(float64(p.count)/float64(p.Total), 1)
	left := "-"
	if p.count > 0 {
		left = Clock(time.Duration(float64(p.Total-p.count) / rate * float64(time.Second)))
	}
	return fmt.Sprintf("%s %3.0f%%  %s of %s %s  %s/s  %s left", gauge(share, 24), 100*share,
		Count(p.count), Count(p.Total), p.Unit, Count(int64(rate)), left)
}

func gauge(share float64, width int) string {
	full := int(share * float64(width))
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", width-full) + "]"
}

// Count writes n with its thousands apart: 60,000.
func Count(n int64) string {
	s := fmt.Sprint(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Bytes writes n in the largest binary unit that leaves a number of one or more.
func Bytes(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n), 0
	for v >= 1024 && unit < 4 {
		v /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", v, " KMGT"[unit])
}

// Clock writes d as minutes and seconds, with hours where there are any.
func Clock(d time.Duration) string {
	s := int64(d.Round(time.Second).Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// Ago writes how long ago t was, in its largest unit.
func Ago(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := now.Sub(t)
	switch {
	case d < 2*time.Second:
		return "now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
