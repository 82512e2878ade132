package fitargs

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// maxKeywords is how many bytes of argument text are read.
const maxKeywords = 64 << 10

// dict is a Python dict, in the order it was written.
type dict []entry

type entry struct{ key, value any }

// scanner walks over text like a Python tokenizer would, for the small part of
// Python that arguments are written in: names, numbers, strings, True, False,
// None and a dict of those.
type scanner struct {
	text  string
	at    int // bytes
	field string
}

// parseKeywords reads "name=value, name=value" and hands each pair to take. A
// name that is not among known is refused before its value is looked at, which
// may be any Python.
func parseKeywords(text, field string, known []string, take func(name string, value any) error) error {
	s := &scanner{text: text, field: field}
	if len(text) > maxKeywords {
		return pipeline.Invalidf(field, "the text is longer than %d bytes", maxKeywords)
	}
	var seen []string
	for s.space(); s.at < len(s.text); {
		name := s.name()
		if name == "" {
			return s.errorf("a name is expected").WithHint("write name=value, name=value")
		}
		if s.space(); !s.skip("=") {
			return s.errorf("= is expected after %s", name).WithHint("write name=value, name=value")
		}
		if !slices.Contains(known, name) {
			return unknown(field, name, known)
		}
		if slices.Contains(seen, name) {
			return pipeline.Invalidf(field+"."+name, "is given twice")
		}
		seen = append(seen, name)
		read := func() (any, error) { return s.value(true) }
		if name == callbacksName {
			read = s.callbacks
		}
		value, err := read()
		if err != nil {
			return err
		}
		if err := take(name, value); err != nil {
			return err
		}
		if s.space(); !s.skip(",") && s.at < len(s.text) {
			return s.errorf("a comma is expected after the value of %s", name)
		}
		s.space()
	}
	return nil
}

// errorf is an error at the place that was reached, counted in characters.
func (s *scanner) errorf(format string, args ...any) *pipeline.Error {
	rest := s.text[s.at:]
	found := "the end of the text"
	if r, _ := utf8.DecodeRuneInString(rest); rest != "" {
		found = strconv.QuoteRune(r)
	}
	return pipeline.Invalidf(s.field, "%s, not %s, at character %d", fmt.Sprintf(format, args...), found, utf8.RuneCountInString(s.text[:s.at])+1)
}

func (s *scanner) space() {
	for s.at < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.at]) >= 0 {
		s.at++
	}
}

func (s *scanner) skip(what string) bool {
	if !strings.HasPrefix(s.text[s.at:], what) {
		return false
	}
	s.at += len(what)
	return true
}

// run takes the bytes, as many as there are, that are letters, digits, or
// among more.
func (s *scanner) run(more string) string {
	from := s.at
	for s.at < len(s.text) {
		c := s.text[s.at]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && strings.IndexByte(more, c) < 0 {
			break
		}
		s.at++
	}
	return s.text[from:s.at]
}

// name takes a Python name, "" where there is none.
func (s *scanner) name() string {
	if s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' {
		return ""
	}
	return s.run("_")
}

// value takes a value; a dict only where nested is true.
func (s *scanner) value(nested bool) (any, error) {
	s.space()
	from := s.at
	switch {
	case s.at == len(s.text):
		return nil, s.errorf("a value is expected")
	case s.text[s.at] == '{' && nested:
		return s.dict()
	case s.text[s.at] == '\'' || s.text[s.at] == '"':
		return s.quoted()
	}
	if word := s.name(); word != "" {
		switch word {
		case "True", "true":
			return true, nil
		case "False", "false":
			return false, nil
		case "None", "null":
			return nil, nil
		case "dict":
			if nested && s.skip("(") {
				return s.arguments(word, nil)
			}
		}
		s.at = from
		return nil, s.errorf("a number, a string, True, False, None or a dict of them is expected").
			WithHint("the text is not run as Python: write the value itself, and text in quotation marks: 'val_loss'")
	}
	if literal := s.literal(); literal != "" {
		n, err := number(literal)
		if err != nil {
			s.at = from
			return nil, s.errorf("%v", err)
		}
		return n, nil
	}
	return nil, s.errorf("a number, a string, True, False, None or a dict of them is expected")
}

// literal takes what may be a number; number decides.
func (s *scanner) literal() string {
	from := s.at
	for s.at < len(s.text) && (s.text[s.at] == '+' || s.text[s.at] == '-') {
		s.at++
	}
	for {
		digits := s.run("._")
		if !strings.HasSuffix(digits, "e") && !strings.HasSuffix(digits, "E") || !s.skip("+") && !s.skip("-") {
			return s.text[from:s.at]
		}
	}
}

func (s *scanner) quoted() (any, error) {
	quote := s.text[s.at]
	end := strings.IndexByte(s.text[s.at+1:], quote)
	if end < 0 {
		return nil, s.errorf("the string that begins here has no end")
	}
	content := s.text[s.at+1 : s.at+1+end]
	if strings.ContainsAny(content, "\\\n") {
		return nil, s.errorf("a string of one line without backslashes is expected")
	}
	s.at += len(content) + 2
	return content, nil
}

func (s *scanner) dict() (any, error) {
	d := dict{}
	s.skip("{")
	for {
		if s.space(); s.skip("}") {
			return d, nil
		}
		key, err := s.key()
		if err != nil {
			return nil, err
		}
		if s.space(); !s.skip(":") {
			return nil, s.errorf("a colon is expected after %s", python(key))
		}
		value, err := s.value(false)
		if err != nil {
			return nil, err
		}
		d = append(d, entry{key, value})
		s.space()
		if !s.skip(",") && !strings.HasPrefix(s.text[s.at:], "}") {
			return nil, s.errorf("a comma or } is expected")
		}
	}
}

// key takes a value, or a name without quotes, which many write.
func (s *scanner) key() (any, error) {
	s.space()
	from := s.at
	if name := s.name(); name != "" && !slices.Contains([]string{"True", "true", "False", "false", "None", "null"}, name) {
		return name, nil
	}
	s.at = from
	return s.value(false)
}

// callbacks takes a list of calls such as keras.callbacks.EarlyStopping(patience=3),
// one call, or None.
func (s *scanner) callbacks() (any, error) {
	s.space()
	if s.skip("None") || s.skip("null") {
		return nil, nil
	}
	calls := []call{}
	if !s.skip("[") {
		c, err := s.call()
		return append(calls, c), err
	}
	for {
		if s.space(); s.skip("]") {
			return calls, nil
		}
		c, err := s.call()
		if err != nil {
			return nil, err
		}
		calls = append(calls, c)
		s.space()
		if !s.skip(",") && !strings.HasPrefix(s.text[s.at:], "]") {
			return nil, s.errorf("a comma or ] is expected")
		}
	}
}

// call takes the call of a class. The arguments of one that is not known, which
// may be any Python, are not looked at.
func (s *scanner) call() (call, error) {
	path := s.run("_.")
	c := call{class: path[strings.LastIndexByte(path, '.')+1:]}
	if c.class == "" {
		return c, s.errorf("the class of a callback is expected").WithHint("write keras.callbacks.EarlyStopping(patience=3)")
	}
	p, ok := callbacks[c.class]
	if !ok {
		return c, pipeline.Invalidf(s.field+"."+callbacksName, "%s is not a callback that a deployment takes", strconv.Quote(c.class)).WithHint("%s", insteadOf(c.class))
	}
	if s.space(); !s.skip("(") {
		return c, s.errorf("( is expected after %s", c.class)
	}
	d, err := s.arguments(c.class, p.names)
	c.dict = d
	return c, err
}

// arguments takes those of a call up to its parenthesis; without a name they are
// for names, in order.
func (s *scanner) arguments(of string, names []string) (dict, error) {
	d := dict{}
	for named := false; ; {
		if s.space(); s.skip(")") {
			return d, nil
		}
		name, ok := s.keyword()
		switch named = named || ok; {
		case !ok && named:
			return nil, s.errorf("a name is expected").WithHint("arguments without a name stand before those with one")
		case !ok && len(d) >= len(names):
			return nil, s.errorf("%s takes no more than %d arguments without a name", of, len(names))
		case !ok:
			name = names[len(d)]
		}
		value, err := s.value(false)
		if err != nil {
			return nil, err
		}
		d = append(d, entry{name, value})
		s.space()
		if !s.skip(",") && !strings.HasPrefix(s.text[s.at:], ")") {
			return nil, s.errorf("a comma or ) is expected")
		}
	}
}

// keyword takes a name and = after it; where there is none it takes nothing.
func (s *scanner) keyword() (name string, ok bool) {
	from := s.at
	name = s.name()
	if s.space(); name != "" && s.skip("=") {
		return name, true
	}
	s.at = from
	return "", false
}

// number reads a decimal number as Python does: an int64, or a float64 where
// it has a point or an exponent; underscores stand between digits only.
func number(literal string) (any, error) {
	if len(literal) > 400 {
		return nil, fmt.Errorf("a number of at most 400 characters is expected")
	}
	if !isNumber(literal) {
		return nil, fmt.Errorf("a decimal number is expected, %s is none", strconv.Quote(literal))
	}
	digits := strings.ReplaceAll(literal, "_", "")
	if !strings.ContainsAny(digits, ".eE") {
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("a number that fits 64 bits is expected")
		}
		return n, nil
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || math.IsInf(f, 0) {
		return nil, fmt.Errorf("a number that a double can hold is expected")
	}
	return f, nil
}

// isNumber reports whether text is [+-] digits [. digits] [e [+-] digits], with
// digits on at least one side of the point, single underscores between digits,
// and no leading zero before other digits of a whole number.
func isNumber(text string) bool {
	rest := strings.TrimLeft(text, "+-")
	if len(text)-len(rest) > 1 {
		return false
	}
	mantissa, exponent, hasExponent := cutAny(rest, "eE")
	if hasExponent {
		if exponent != "" && strings.IndexByte("+-", exponent[0]) >= 0 {
			exponent = exponent[1:]
		}
		if !isDigits(exponent) {
			return false
		}
	}
	before, after, hasPoint := strings.Cut(mantissa, ".")
	if !hasPoint && !hasExponent && len(before) > 1 && before[0] == '0' {
		return strings.Trim(before, "0_") == "" && isDigits(before)
	}
	if !hasPoint {
		return isDigits(before)
	}
	return (before != "" || after != "") && (before == "" || isDigits(before)) && (after == "" || isDigits(after))
}

func cutAny(text, chars string) (before, after string, found bool) {
	if i := strings.IndexAny(text, chars); i >= 0 {
		return text[:i], text[i+1:], true
	}
	return text, "", false
}

func isDigits(text string) bool {
	for i := range len(text) {
		c := text[i]
		if c == '_' {
			if i == 0 || i == len(text)-1 || text[i-1] == '_' {
				return false
			}
		} else if c < '0' || c > '9' {
			return false
		}
	}
	return text != ""
}
