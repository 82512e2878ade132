package files

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// number is what a cell holds where it is no text. Exact is a whole number that
// float64 would round, else 0.
type number struct {
	float float64
	exact int64
}

// rounds is where float64 begins to skip whole numbers.
const rounds = 1 << 53

// parseNumber reads a decimal number, a truth value (1 or 0), Infinity, or a
// missing number (NaN): an empty cell and what other programs write for one. A
// whole number beyond 64 bits is none: it would be rounded.
func parseNumber(text string) (n number, ok bool) {
	integer, digits := true, 0
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			digits++
		case (c == '-' || c == '+') && i == 0:
		case c == '.' || c == 'e' || c == 'E' || c == '-' || c == '+':
			integer = false
		default:
			return parseWord(text)
		}
	}
	switch {
	case digits == 0:
		return number{float: math.NaN()}, text == ""
	case integer:
		return parseInteger(text)
	}
	f, err := strconv.ParseFloat(text, 64)
	return number{float: f}, err == nil
}

func parseInteger(text string) (n number, ok bool) {
	v, err := strconv.ParseInt(text, 10, 64)
	if n.float = float64(v); v >= rounds || v <= -rounds {
		n.exact = v
	}
	return n, err == nil
}

func parseWord(text string) (n number, ok bool) {
	switch strings.ToLower(text) {
	case "na", "n/a", "#n/a", "<na>", "nan", "null", "?":
		return number{float: math.NaN()}, true
	case "true":
		return number{float: 1}, true
	case "false":
		return number{}, true
	case "inf", "+inf", "infinity", "+infinity":
		return number{float: math.Inf(1)}, true
	case "-inf", "-infinity":
		return number{float: math.Inf(-1)}, true
	}
	return number{}, false
}

// lookalike is a form of text that people read as a number.
type lookalike struct {
	form       *regexp.Regexp
	what, cure string
	table      string // how pandas reads a table of them
}

var lookalikes = []lookalike{
	{regexp.MustCompile(`^[+-]?\d{1,3},\d{3}$`), "it has a decimal comma, or one between thousands", `write a decimal point (the digits alone where it parts thousands: thousands="," in place of decimal=",")`, `decimal=","`},
	{regexp.MustCompile(`^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$`), "it has commas between thousands", "write the digits alone", `thousands=","`},
	{regexp.MustCompile(`^[+-]?\d{1,3}(\.\d{3})+,\d+$`), "it has points between thousands and a decimal comma", "write a decimal point", `thousands=".", decimal=","`},
	{regexp.MustCompile(`^[+-]?\d*,\d+$`), "it has a decimal comma", "write a decimal point", `decimal=","`},
	{regexp.MustCompile(`^[+-]?[\d.,]+ ?%$`), "it has a percent sign", "write the number alone", ""},
	{regexp.MustCompile(`^[+-]?[$€£¥] ?[\d.,]+$|^[+-]?[\d.,]+ ?[$€£¥]$`), "it has a currency sign", "write the number alone", ""},
	{regexp.MustCompile(`^[+-]?\d+(_\d+)+(\.\d+)?$`), "it has underscores between digits", "write the digits alone", ""},
	{regexp.MustCompile(`^[+-]?0[xX][\da-fA-F.]+([pP][+-]?\d+)?$`), "it is a hexadecimal number", "write a decimal one", ""},
	{regexp.MustCompile(`^[+-]?\d{19,}$`), "it is a whole number beyond 64 bits, which would be rounded", "write it as 1.5e30 where the last digits do not matter", ""},
	{regexp.MustCompile(`^[+-]?\d[\d.]*[eE][+-]?\d+$`), "it is a number beyond the range of float64", "write one below 1.8e308", ""},
	{regexp.MustCompile(`^"?[+-]?\d*\.?\d+([eE][+-]?\d+)?"?$`), "it is a number written as text", "write it without quotation marks", ""},
}

// words are other texts that have a usual number.
var words = []lookalike{
	{regexp.MustCompile(`^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?$|^\d{1,2}[:.]\d{2}([:.]\d{2})?(\.\d+)?$`), "it is a date or a time", "write it as a number, such as seconds since a day", ""},
	{regexp.MustCompile(`^(?i)(-+|\.+|none|nil|missing|unknown|n\.a\.)$`), "it stands for a missing number", "write nothing there", ""},
	{regexp.MustCompile(`^(?i)(yes|no|on|off)$`), "", "write 1 and 0 for yes and no", ""},
}

// like finds the form of a number that a text has.
func like(text string) (lookalike, bool) { return formOf(lookalikes, text) }

func formOf(forms []lookalike, text string) (lookalike, bool) {
	for _, l := range forms {
		if l.form.MatchString(text) {
			return l, true
		}
	}
	return lookalike{}, false
}

// quoted is a text to show, not longer than a line.
func quoted(text string) string {
	const shown = 40
	if len(text) > shown {
		text = strings.ToValidUTF8(text[:shown], "") + "..."
	}
	return strconv.Quote(text)
}

// place is where a row is: counted from 1, the header left out, and its line
// where the file has lines.
type place struct{ row, line int64 }

func (p place) String() string {
	if p.line == 0 {
		return fmt.Sprintf("row %d", p.row)
	}
	return fmt.Sprintf("row %d (line %d)", p.row, p.line)
}
