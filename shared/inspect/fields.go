package inspect

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/shared/codec"
)

// What a field holds.
const (
	HoldsNumber  = "number"
	HoldsBoolean = "boolean"
	HoldsText    = "text"
	HoldsNumbers = "numbers" // a list of them, which may be nested
	HoldsTexts   = "texts"
	HoldsBytes   = "bytes"
	HoldsNothing = "nothing" // null, or an empty list or object
	HoldsMixed   = "mixed"
)

// What a field may be to a model.
const (
	RoleInput = "input" // numbers, or truth values
	RoleText  = "text"  // an input of text
	RoleLabel = "label"
	RoleTime  = "time"
	RoleID    = "id"
	RoleNone  = "none"
)

// Field is what lies at a path of the records of a sample.
type Field struct {
	Path     string            `json:"path" description:"empty for the whole value"`
	Holds    string            `json:"holds" enum:"number,boolean,text,numbers,texts,bytes,nothing,mixed"`
	Role     string            `json:"role" enum:"input,text,label,time,id,none" description:"what it may be to a model, by its name and values"`
	Seen     int               `json:"seen" description:"records that have it, with a value"`
	Missing  int               `json:"missing" description:"records that do not have it, or have null there"`
	Parses   bool              `json:"parses,omitempty" description:"all of its texts are numbers, which parse reads"`
	Whole    bool              `json:"whole,omitempty" description:"all of its numbers are whole"`
	Least    *float64          `json:"least,omitempty"`
	Most     *float64          `json:"most,omitempty"`
	Length   *[2]int           `json:"length,omitempty" description:"of its lists, the shortest and the longest"`
	Distinct int               `json:"distinct" description:"different values, counted up to 100"`
	Counts   map[string]int    `json:"counts,omitempty" description:"how often each value comes, where they are few"`
	Examples []json.RawMessage `json:"examples" nullable:"false"`

	kinds   map[string]int
	times   int
	numbers int // of its texts
}

// The bounds of what is told of a sample.
const (
	mostFields   = 500
	mostDistinct = 100
	fewValues    = 20
	mostExamples = 3
	mostIndices  = 8 // of a list of objects
	mostDepth    = 32
)

// fieldSet collects the fields of records.
type fieldSet struct {
	fields  []*Field
	index   map[string]*Field
	records int
}

func newFieldSet() *fieldSet { return &fieldSet{index: map[string]*Field{}} }

// add takes a record.
func (s *fieldSet) add(tree any) {
	s.records++
	s.walk("", tree, 0)
}

func (s *fieldSet) walk(path string, v any, depth int) {
	if depth > mostDepth {
		return
	}
	switch v := v.(type) {
	case codec.TreeObject:
		for _, m := range v {
			s.walk(join(path, m.Name), m.Value, depth+1)
		}
		if len(v) == 0 && path != "" {
			s.leaf(path, nil)
		}
	case []any:
		if slices.ContainsFunc(v, func(item any) bool { _, is := item.(codec.TreeObject); return is }) {
			for i, item := range v[:min(len(v), mostIndices)] {
				s.walk(fmt.Sprintf("%s[%d]", path, i), item, depth+1)
			}
			return
		}
		s.leaf(path, v)
	default:
		s.leaf(path, v)
	}
}

var bareName = regexp.MustCompile(`^[^.\[\]*?"'$][^.\[\]*?"']*$`)

// join adds a member's name to a path. A name that a path could not tell from
// its own signs is written in brackets.
func join(path, name string) string {
	switch {
	case !bareName.MatchString(name):
		return path + "[" + strconv.Quote(name) + "]"
	case path == "":
		return name
	}
	return path + "." + name
}

func (s *fieldSet) leaf(path string, v any) {
	f := s.index[path]
	if f == nil {
		if len(s.fields) >= mostFields {
			return
		}
		f = &Field{Path: path, Whole: true, Examples: []json.RawMessage{}, Counts: map[string]int{}, kinds: map[string]int{}}
		s.fields, s.index[path] = append(s.fields, f), f
	}
	f.add(v)
}

func (f *Field) add(v any) {
	if v == nil {
		return
	}
	f.Seen++
	switch v := v.(type) {
	case bool:
		f.kinds[HoldsBoolean]++
		f.counted(strconv.FormatBool(v))
	case json.Number:
		f.kinds[HoldsNumber]++
		f.number(v)
		f.counted(v.String())
	case string:
		f.kinds[HoldsText]++
		if _, err := time.Parse(time.RFC3339, v); err == nil {
			f.times++
		}
		if numeral.MatchString(v) {
			f.numbers++
		}
		f.counted(v)
	case []byte:
		f.kinds[HoldsBytes]++
	case []any:
		f.list(v)
	}
	if len(f.Examples) < mostExamples {
		if shown, err := json.Marshal(plain(v)); err == nil && !slices.ContainsFunc(f.Examples, func(e json.RawMessage) bool { return string(e) == string(shown) }) {
			f.Examples = append(f.Examples, shown)
		}
	}
}

// numeral is a number as programs write it. One that begins with zeros, or has the
// length of a telephone or an account number, is more likely a name.
var numeral = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,8})(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func (f *Field) counted(text string) {
	const long = 100
	if len(text) > long || len(f.Counts) >= mostDistinct && f.Counts[text] == 0 {
		return
	}
	f.Counts[text]++
}

func (f *Field) number(n json.Number) {
	v, err := n.Float64()
	if err != nil {
		return
	}
	f.Whole = f.Whole && v == math.Trunc(v)
	if f.Least == nil {
		f.Least, f.Most = &v, new(v)
		return
	}
	*f.Least, *f.Most = min(*f.Least, v), max(*f.Most, v)
}

// list takes a list without objects; of nested ones the numbers count.
func (f *Field) list(all []any) {
	n := 0
	var each func(any)
	each = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				each(item)
			}
			return
		case json.Number:
			f.kinds[HoldsNumbers]++
			f.number(v)
		case bool, nil:
			f.kinds[HoldsNumbers]++
		case string:
			f.kinds[HoldsTexts]++
		}
		n++
	}
	each(all)
	if f.Length == nil {
		f.Length = &[2]int{n, n}
	}
	f.Length[0], f.Length[1] = min(f.Length[0], n), max(f.Length[1], n)
}

func (s *fieldSet) list() []Field {
	all := make([]Field, len(s.fields))
	for i, f := range s.fields {
		f.Missing, f.Holds = s.records-f.Seen, f.holds()
		f.Whole = f.Whole && f.Least != nil
		f.Parses = f.Holds == HoldsText && f.numbers == f.Seen
		f.Distinct = len(f.Counts)
		f.Role = f.role()
		if f.Distinct > fewValues || f.Distinct == 0 {
			f.Counts = nil
		}
		all[i] = *f
	}
	oneLabel(all)
	return all
}

func (f *Field) holds() string {
	switch len(f.kinds) {
	case 0:
		return HoldsNothing
	case 1:
		for kind := range f.kinds {
			return kind
		}
	}
	if len(f.kinds) == 2 && f.kinds[HoldsNumber] > 0 && f.kinds[HoldsBoolean] > 0 {
		return HoldsNumber
	}
	return HoldsMixed
}

// The names that people give to labels, times and identifiers.
var (
	labelName = regexp.MustCompile(`(?i)^(.*[._-])?(label|labels|target|class|classes|y|outcome|category|species|is_?(fraud|spam|churn|anomaly)|fraud|churn(ed)?|diagnosis|survived|quality|result|truth|ground_?truth|kind_?of)$`)
	timeName  = regexp.MustCompile(`(?i)(^|[._-])(ts|time|timestamp|date|datetime|created|updated|at|when|event_?time)$|_(at|ts|time|date)$|[a-z](Time|Timestamp|Date|At)$`)
	idName    = regexp.MustCompile(`(?i)(^|[._-])(id|uuid|guid|key|seq|offset)$|_(id|uuid)$|[a-z](Id|ID|Uuid)$`)
)

// Milliseconds since 1970 of the years 2001 to 2096; seconds are a thousandth.
const earliestMillis, latestMillis = 1e12, 4e12

func (f *Field) role() string {
	name := f.Path[strings.LastIndexAny(f.Path, ".]")+1:]
	switch {
	case f.Holds == HoldsNothing || f.Holds == HoldsMixed || f.Holds == HoldsBytes:
		return RoleNone
	case f.Seen > 0 && f.times == f.Seen,
		timeName.MatchString(name) && (f.Holds == HoldsText || f.Least != nil && f.Whole && *f.Least > earliestMillis/1000),
		f.Holds == HoldsNumber && f.Whole && *f.Least > earliestMillis && *f.Most < latestMillis:
		return RoleTime
	case idName.MatchString(name):
		return RoleID
	case f.Length == nil && labelName.MatchString(f.Path) && f.Distinct < mostDistinct:
		return RoleLabel
	case f.Parses:
		return RoleInput
	case f.Holds == HoldsText:
		const sample = 20
		if f.Seen >= sample && f.Distinct == f.Seen && !strings.Contains(string(f.Examples[0]), " ") {
			return RoleID
		}
		return RoleText
	case f.Holds == HoldsTexts:
		return RoleText
	case f.Length != nil && f.Length[0] != f.Length[1]:
		return RoleNone
	}
	return RoleInput
}

// oneLabel leaves the last of several that look like labels; the others are
// inputs as likely.
func oneLabel(all []Field) {
	found := false
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Role != RoleLabel {
			continue
		}
		if found {
			all[i].Role = RoleInput
			if all[i].Holds == HoldsText {
				all[i].Role = RoleText
			}
		}
		found = true
	}
}
