package features

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
)

// conversion is what a value is taken as.
type conversion uint8

const (
	asIs     conversion = iota
	asNumber            // of an enum, too
	asText              // of an enum its symbol, of a number its digits
	asMillis
	asSeconds
	asMinute
	asHour
	asWeekday
	asDay
	asMonth
	asYear
)

// conversions are the names that as takes. Parts of times are those of UTC; the
// first day of a week is Monday, 0.
var conversions = map[string]conversion{
	"": asIs, "number": asNumber, "text": asText, "symbol": asText, "milliseconds": asMillis, "seconds": asSeconds,
	"minute": asMinute, "hour": asHour, "weekday": asWeekday, "day": asDay, "month": asMonth, "year": asYear,
}

func conversionNames() string {
	return strings.Join(slices.Sorted(maps.Keys(conversions))[1:], ", ")
}

func (c conversion) ofTime() bool { return c >= asMillis }

// convert is what a column makes of a value that is there.
func (c *column) convert(f codec.Field, text bool) (codec.Field, error) {
	switch {
	case c.classes != nil:
		return c.class(f)
	case c.as.ofTime():
		return c.as.time(f)
	case text:
		return c.text(f)
	}
	switch f.Kind {
	case codec.Whole:
		if f.Unit > codec.Millis {
			return millis(f), nil
		}
		return f, nil
	case codec.Truth, codec.Natural, codec.Real:
		return f, nil
	case codec.Symbol:
		if c.framed && c.as != asNumber {
			return f, &codec.Fault{
				Reason: "is an enum, whose numbers may change with the schema",
				Hint:   `number its symbols by "classes": [...], or take the writer's numbers by "as": "number"`,
			}
		}
		return f, nil
	case codec.Text:
		if !c.parse {
			return f, notNumber(f.Text)
		}
		return parseText(f.Text)
	}
	return f, &codec.Fault{Reason: "is " + f.Kind.String(), Hint: "give the path to a value within it"}
}

// notNumber says of a text that no number was asked for in it.
func notNumber(text []byte) error {
	f := &codec.Fault{Reason: fmt.Sprintf("is the text %s, numbers are wanted", shown(text)), Hint: `number the texts by "classes": [...], or give the path to a number`}
	if _, err := parseText(text); err == nil {
		f.Hint = `take numbers out of text by "parse": true`
	} else if _, err := asSeconds.time(codec.Field{Kind: codec.Text, Text: text}); err == nil {
		f.Hint = `read it as a time by "as": "seconds", "hour", "weekday" ...`
	} else if hint := codec.TruthHint(text); hint != "" {
		f.Hint = hint
	}
	return f
}

// shown is a text to show, not longer than a few words.
func shown(text []byte) string {
	const most = 40
	if len(text) > most {
		return strconv.Quote(strings.ToValidUTF8(string(text[:most]), "")) + "..."
	}
	return strconv.Quote(string(text))
}

// parseText reads a number that is written as text.
func parseText(text []byte) (codec.Field, error) {
	word := strings.TrimSpace(string(text))
	if v, err := strconv.ParseInt(word, 10, 64); err == nil {
		return wholeField(v), nil
	}
	if v, err := strconv.ParseUint(word, 10, 64); err == nil {
		return codec.Field{Kind: codec.Natural, Bits: v}, nil
	}
	v, err := strconv.ParseFloat(word, 64)
	if err != nil || math.IsInf(v, 0) || strings.ContainsAny(word, "xX_") {
		return codec.Field{}, &codec.Fault{
			Reason: fmt.Sprintf("is the text %s, which is no number", shown(text)),
			Hint:   cmp.Or(codec.TruthHint(text), "a number has digits, a point and an exponent, and nothing else"),
		}
	}
	return realField(v), nil
}

// text is a value for a tensor of text.
func (c *column) text(f codec.Field) (codec.Field, error) {
	switch {
	case f.Kind == codec.Text, f.Kind == codec.Symbol, f.Text != nil: // of a key that is a number, its digits
		return f, nil
	case f.Kind.Numeric() && c.as == asText:
		return codec.Field{Kind: codec.Text, Text: wordOf(&f)}, nil
	case f.Kind.Numeric():
		return f, &codec.Fault{Reason: "is " + f.Kind.String() + ", and the model takes text", Hint: `take it as text by "as": "text"`}
	}
	return f, &codec.Fault{Reason: "is " + f.Kind.String() + ", and the model takes text", Hint: "give the path to a value within it"}
}

// wordOf is a number or truth value as text.
func wordOf(f *codec.Field) []byte {
	switch f.Kind {
	case codec.Truth:
		return strconv.AppendBool(nil, f.Bits != 0)
	case codec.Whole:
		return strconv.AppendInt(nil, int64(f.Bits), 10) // #nosec G115 -- as it was stored
	case codec.Natural:
		return strconv.AppendUint(nil, f.Bits, 10)
	case codec.Real:
		return strconv.AppendFloat(nil, f.Float(), 'f', -1, 64)
	}
	return f.Text
}

// class is the number of a text.
func (c *column) class(f codec.Field) (codec.Field, error) {
	word := f.Text
	if word == nil {
		word = wordOf(&f)
	}
	if at, known := c.classes[string(word)]; known {
		return wholeField(at), nil
	}
	return f, &codec.Fault{Reason: fmt.Sprintf("is %s, which is none of the classes %s", shown(word), c.classList()), Hint: "add it to classes, in the place that its number shall be"}
}

// classNames are the classes by their numbers.
func (c *column) classNames() []string {
	return slices.SortedFunc(maps.Keys(c.classes), func(a, b string) int { return int(c.classes[a] - c.classes[b]) })
}

func (c *column) classList() string {
	const most = 10
	names := c.classNames()
	if len(names) > most {
		names = append(names[:most:most], "...")
	}
	return strings.Join(names, ", ")
}

// millis is an instant in milliseconds since 1970: whole, or where it is finer
// a fraction.
func millis(f codec.Field) codec.Field {
	v, by := int64(f.Bits), int64(1) // #nosec G115 -- as it was stored
	switch f.Unit {
	case codec.Micros:
		by = 1_000
	case codec.Nanos:
		by = 1_000_000
	case codec.Days:
		const day = 86_400_000
		return wholeField(v * day)
	}
	if v%by == 0 {
		return wholeField(v / by)
	}
	return realField(float64(v) / float64(by))
}

var errNoTime = errors.New("is no time")

// timeLayouts are the texts that are read as times; without a zone they are of UTC.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", time.DateOnly}

// time is a part of a time: of an instant or date by its schema, of a number in
// milliseconds since 1970, or of a text.
func (c conversion) time(f codec.Field) (codec.Field, error) {
	var ms codec.Field
	switch f.Kind {
	case codec.Whole:
		ms = millis(f)
	case codec.Real:
		ms = f
	case codec.Text:
		at, err := parseTime(string(f.Text))
		if err != nil {
			return f, &codec.Fault{Reason: fmt.Sprintf("is the text %s, which is no time", shown(f.Text)), Hint: "times as text are those of RFC 3339, as 2024-06-10T17:20:00Z, or dates"}
		}
		ms = millis(codec.Field{Kind: codec.Whole, Unit: codec.Nanos, Bits: uint64(at.UnixNano())}) // #nosec G115 -- the same bits
	default:
		return f, fmt.Errorf("%w but %s", errNoTime, f.Kind)
	}
	const second = 1000
	switch c {
	case asMillis:
		return ms, nil
	case asSeconds:
		if v := int64(ms.Bits); ms.Kind == codec.Whole && v%second == 0 { // #nosec G115 -- as it was stored
			return wholeField(v / second), nil
		}
		return realField(ms.Float() / second), nil
	}
	if f.Kind != codec.Text && f.Unit == codec.Plain { // else it says its unit
		if err := notMillis(ms.Float()); err != nil {
			return f, err
		}
	}
	return wholeField(int64(c.part(time.UnixMilli(int64(math.Floor(ms.Float()))).UTC()))), nil
}

// notMillis refuses times in seconds, microseconds or nanoseconds since 1970, of this
// century: as milliseconds they are of January 1970, or of years far beyond, and their
// parts mean nothing. Somebody may be born in that January: midnights there, of any
// zone, are let through.
func notMillis(v float64) error {
	const from, to = 1e9, 2e9 // 2001 and 2033, in seconds
	const zones = 900_000     // milliseconds that lie between them, a quarter of an hour
	if v < to && math.Mod(v, zones) == 0 {
		return nil
	}
	for _, unit := range []struct {
		name string
		each float64
	}{{"seconds", 1}, {"microseconds", 1e6}, {"nanoseconds", 1e9}} {
		if v >= from*unit.each && v < to*unit.each {
			return &codec.Fault{
				Reason: fmt.Sprintf("is %.0f, which seems to be %s since 1970 (%s), and milliseconds are wanted", v, unit.name, time.Unix(int64(v/unit.each), 0).UTC().Format(time.DateOnly)),
				Hint:   "send times as milliseconds since 1970, as text of RFC 3339, or as a logical type of Avro",
			}
		}
	}
	return nil
}

func (c conversion) part(t time.Time) int {
	const week = 7
	switch c {
	case asMinute:
		return t.Minute()
	case asHour:
		return t.Hour()
	case asWeekday:
		return (int(t.Weekday()) + week - 1) % week
	case asDay:
		return t.Day()
	case asMonth:
		return int(t.Month())
	}
	return t.Year()
}

func parseTime(text string) (time.Time, error) {
	for _, layout := range timeLayouts {
		if at, err := time.Parse(layout, strings.TrimSpace(text)); err == nil && at.Year() >= 1678 && at.Year() < 2262 {
			return at, nil
		}
	}
	return time.Time{}, errNoTime
}
