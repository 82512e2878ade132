package pipeline

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ParseMoment reads a time as people write it: RFC 3339, a date or a date and a
// time of day (in UTC), milliseconds since 1970, "now", or how long ago it was:
// "7d", "90 minutes", "1h30m", "last 7 days".
func ParseMoment(field, text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "now" {
		return now, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return sinceEpoch(field, text, n)
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	if ago, ok := parseAgo(text); ok {
		return now.Add(-ago), nil
	}
	return time.Time{}, Invalidf(field, "%q is not a time", text).
		WithHint("write RFC 3339 (2026-01-31T08:00:00Z), milliseconds since 1970, or how long ago (7d, 12h, last 30 minutes)")
}

// ParseSpan reads a time that something takes: "2h", "7 days", "1h30m".
func ParseSpan(field, text string) (time.Duration, error) {
	if span, ok := parseAgo(strings.TrimSpace(text)); ok && span > 0 {
		return span, nil
	}
	return 0, Invalidf(field, "%q is not a span of time", text).WithHint("write a number with its unit: 2h, 7d, 90 minutes")
}

// sinceEpoch reads milliseconds since 1970, and refuses what are seconds,
// microseconds or nanoseconds by the look of them.
func sinceEpoch(field, text string, n int64) (time.Time, error) {
	const (
		leastMillis = 1e11 // of 1973
		mostMillis  = 1e14 // of 5138
	)
	meant := ""
	switch {
	case n == 0, n >= leastMillis && n < mostMillis:
		return time.UnixMilli(n).UTC(), nil
	case n >= leastMillis/1000 && n < leastMillis:
		meant = time.Unix(n, 0).UTC().Format(time.RFC3339)
	case n >= mostMillis && n < mostMillis*1000:
		meant = time.UnixMicro(n).UTC().Format(time.RFC3339)
	case n >= mostMillis*1000:
		meant = time.Unix(0, n).UTC().Format(time.RFC3339)
	}
	refusal := Invalidf(field, "%s is not a time in milliseconds since 1970", text)
	if meant != "" {
		return time.Time{}, refusal.WithHint("if %s is meant, write that, or it in milliseconds", meant)
	}
	return time.Time{}, refusal.WithHint("write milliseconds since 1970, RFC 3339, or how long ago with its unit (7d, 12h)")
}

// agoUnits are the units of a duration by their first letters.
var agoUnits = map[string]time.Duration{
	"ms": time.Millisecond, "millisecond": time.Millisecond,
	"s": time.Second, "sec": time.Second, "second": time.Second,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute,
	"h": time.Hour, "hour": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour,
	"w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour,
}

var (
	agoText = regexp.MustCompile(`^(?:(?:the )?last )?((?:[0-9]+(?:\.[0-9]+)? ?[a-z]+ ?)+?)(?: ago)?$`)
	agoPart = regexp.MustCompile(`([0-9]+(?:\.[0-9]+)?) ?([a-z]+)`)
)

// parseAgo reads how long ago something was.
func parseAgo(text string) (ago time.Duration, ok bool) {
	text = strings.ToLower(text)
	if unit, found := strings.CutPrefix(strings.TrimPrefix(text, "the "), "last "); found {
		if one, known := agoUnits[unit]; known { // "last week"
			return one, true
		}
	}
	found := agoText.FindStringSubmatch(text)
	if found == nil {
		return 0, false
	}
	for _, part := range agoPart.FindAllStringSubmatch(found[1], -1) {
		unit, known := agoUnits[part[2]]
		if !known {
			unit, known = agoUnits[strings.TrimSuffix(part[2], "s")]
		}
		n, err := strconv.ParseFloat(part[1], 64)
		const most = 100 * 365 * 24 * time.Hour
		if !known || err != nil || n*float64(unit) > float64(most) {
			return 0, false
		}
		ago += time.Duration(n * float64(unit))
	}
	return ago, true
}
