package features

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// origin is the part of a record that a column comes from.
type origin uint8

const (
	fromValue origin = iota
	fromKey
	fromHeader
	fromTimestamp
)

var origins = []string{fromValue: "value", fromKey: "key", fromHeader: "header", fromTimestamp: "timestamp"}

// missing is what becomes of a value that is not there.
type missing uint8

const (
	missingRefuse missing = iota
	missingConstant
	missingMean
	missingMask // zero, or the empty text
)

// column fills one element of a tensor, or by an array several.
type column struct {
	name     string // as it is written
	from     origin
	at       int    // of value and key: the place among their fields
	header   string // its name
	missing  missing
	constant codec.Field
	mask     int // the target that takes whether it is there; -1: none
	maskName string
	parse    bool // text may be a number
	as       conversion
	classes  map[string]int64
	hot      int // classes, where each is a number of its own among zeros; else 0
	framed   bool
}

// columnForm is a column as it is written, where it is more than a path.
type columnForm struct {
	From    string          `json:"from"`
	Path    *string         `json:"path"`
	Missing json.RawMessage `json:"missing"`
	Mask    string          `json:"mask"`
	Parse   bool            `json:"parse"`
	As      string          `json:"as"`
	Classes []string        `json:"classes"`
}

const columnHint = `a column is a path ("payment.amount") or an object with from, path, missing, mask, parse, as, classes`

// column compiles one column of a target.
func (b *builder) column(t *target, raw json.RawMessage) (column, error) {
	var form columnForm
	var path string
	if json.Unmarshal(raw, &path) == nil {
		form.Path = &path
	} else {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&form); err != nil {
			return column{}, pipeline.Invalidf(t.member, "%s: %s is not a column: %s", t.tensor.Name, clip(raw), strings.TrimPrefix(err.Error(), "json: ")).WithHint(columnHint)
		}
	}
	if form.Path != nil {
		path = *form.Path
	}
	c := column{name: path, mask: -1, parse: form.Parse, maskName: form.Mask}
	if err := b.locate(t, &c, form, path); err != nil {
		return c, err
	}
	for _, part := range []func(*target, columnForm) error{c.takeConversion, c.takeClasses, c.takeMissing} {
		if err := part(t, form); err != nil {
			return c, err
		}
	}
	return c, nil
}

// locate says which part of a record a column comes from.
func (b *builder) locate(t *target, c *column, form columnForm, path string) error {
	at := slices.Index(origins, form.From)
	switch {
	case form.From == "":
		at = int(fromValue)
	case at < 0:
		return pipeline.Invalidf(t.member, "%s: a column cannot come from %q", t.tensor.Name, form.From).WithHint("use from: %s", strings.Join(origins, ", "))
	}
	c.from = origin(at) // #nosec G115 -- one of four
	p, err := codec.ParsePath(path)
	if err != nil && c.from != fromHeader {
		return pipeline.Invalidf(t.member, "%s: %v", t.tensor.Name, err)
	}
	switch c.from {
	case fromValue:
		if len(p) == 0 {
			return pipeline.Invalidf(t.member, "%s: the path of the field is missing", t.tensor.Name).WithHint(columnHint)
		}
		c.at = b.place(fromValue, p)
	case fromKey:
		c.name = strings.TrimSuffix("key."+path, ".")
		c.at = b.place(fromKey, p)
	case fromHeader:
		if path == "" {
			return pipeline.Invalidf(t.member, "%s: the name of the header is missing", t.tensor.Name).WithHint(`{"from": "header", "path": "device"}`)
		}
		c.header, c.name = path, "header "+path
	case fromTimestamp:
		if path != "" {
			return pipeline.Invalidf(t.member, "%s: a timestamp has no path", t.tensor.Name)
		}
		c.name = "timestamp"
	}
	return nil
}

func (c *column) takeConversion(t *target, form columnForm) error {
	var known bool
	if c.as, known = conversions[form.As]; !known {
		return pipeline.Invalidf(t.member, "%s: a value cannot be taken as %q", c.name, form.As).WithHint("use as: %s", conversionNames())
	}
	text := c.as == asText
	if len(form.Classes) == 0 && text != (t.tensor.DType == codec.String) && form.As != "" {
		return pipeline.Invalidf(t.member, "%s: %q gives %s, and %q of the model takes %s", c.name, form.As, textOr(text), t.tensor.Name, textOr(!text))
	}
	return nil
}

func textOr(text bool) string {
	if text {
		return "text"
	}
	return "numbers"
}

// takeClasses numbers the texts of a column.
func (c *column) takeClasses(t *target, form columnForm) error {
	if form.Classes == nil {
		return nil
	}
	if t.tensor.DType == codec.String {
		return pipeline.Invalidf(t.member, "%s: classes are numbers, and %q of the model takes text", c.name, t.tensor.Name)
	}
	c.classes = map[string]int64{}
	for i, class := range form.Classes {
		if _, twice := c.classes[class]; twice {
			return pipeline.Invalidf(t.member, "%s: class %q is named twice", c.name, class)
		}
		c.classes[class] = int64(i)
	}
	if n := t.tensor.Elements(); n > 1 && n == len(form.Classes) {
		c.hot = n
	}
	return nil
}

// takeMissing reads what stands for a value that is not there.
func (c *column) takeMissing(t *target, form columnForm) error {
	number := t.tensor.DType != codec.String
	if c.maskName != "" {
		c.missing = missingMask
	}
	if !said(form.Missing) && string(form.Missing) != `""` {
		return nil
	}
	var text string
	if json.Unmarshal(form.Missing, &text) == nil {
		switch text {
		case "refuse":
			c.missing = missingRefuse
			return nil
		case "mask":
			if c.maskName == "" {
				return pipeline.Invalidf(t.member, "%s: which input takes the mask is missing", c.name).WithHint(`{"path": %q, "missing": "mask", "mask": "name of an input of the model"}`, c.name)
			}
			c.missing = missingMask
			return nil
		case "mean":
			if !t.tensor.DType.Float() || c.classes != nil {
				return pipeline.Invalidf(t.member, "%s: a mean is a fraction, and %q of the model takes %s", c.name, t.tensor.Name, t.tensor.DType).
					WithHint("give a constant")
			}
			if t.member == memberLabel {
				return pipeline.Invalidf(t.member, "a mean cannot stand for a label").WithHint(`skip records without one (on_bad: "skip")`)
			}
			c.missing = missingMean
			return nil
		}
	}
	return c.takeConstant(t, form.Missing, number)
}

func (c *column) takeConstant(t *target, raw json.RawMessage, number bool) error {
	c.missing = missingConstant
	var text string
	isText := json.Unmarshal(raw, &text) == nil
	switch {
	case c.classes != nil && isText:
		class, known := c.classes[text]
		if !known {
			return pipeline.Invalidf(t.member, "%s: what stands for a missing value, %q, is none of the classes", c.name, text)
		}
		c.constant = wholeField(class)
		return nil
	case isText && !number:
		c.constant = codec.Field{Kind: codec.Text, Text: []byte(text)}
		return nil
	case isText:
		return pipeline.Invalidf(t.member, "%s: %q cannot stand for a missing value of %q, which takes numbers", c.name, text, t.tensor.Name).
			WithHint(`give a number, "mean", "mask" or "refuse"`)
	case !number:
		return pipeline.Invalidf(t.member, "%s: %s cannot stand for a missing value of %q, which takes text", c.name, clip(raw), t.tensor.Name).
			WithHint("give a text")
	}
	var truth bool
	if json.Unmarshal(raw, &truth) == nil {
		c.constant = codec.Field{Kind: codec.Truth}
		if truth {
			c.constant.Bits = 1
		}
		return nil
	}
	var err error
	if c.constant, err = parseText(raw); err != nil {
		return pipeline.Invalidf(t.member, "%s: %s cannot stand for a missing value", c.name, clip(raw)).WithHint(`give a number, "mean", "mask" or "refuse"`)
	}
	room := make([]byte, t.tensor.DType.Size())
	if err := c.constant.Put(room, t.tensor.DType); err != nil {
		return pipeline.Invalidf(t.member, "%s: what stands for a missing value, %v", c.name, err)
	}
	return nil
}

// suits refuses what the schema of the values shows not to fit.
func (t *target) suits(value codec.FieldReader, framed bool, w *Window) error {
	var kinds []codec.FieldKind
	if value != nil {
		kinds = value.Kinds()
	}
	lists := kinds == nil
	for i := range t.columns {
		c := &t.columns[i]
		if c.framed = framed; c.from != fromValue || kinds == nil {
			continue
		}
		kind := kinds[c.at]
		lists = lists || kind == codec.List || kind == codec.Absent
		if reason, hint := c.misfit(kind, &t.tensor); reason != "" {
			return pipeline.Invalidf(t.member, "%s: %s", c.name, reason).WithHint("%s", hint)
		}
	}
	if n := t.tensor.Elements(); !lists && !t.masked && !t.oneHot() && len(t.columns) != n {
		return pipeline.Invalidf(t.member, "%d columns do not fill %q, which takes %d", len(t.columns), t.tensor.Name, n).WithHint("name as many columns as the model takes numbers%s", w.instead(t, len(t.columns)))
	}
	return nil
}

// misfit says why a kind of value cannot fill a tensor, empty where it can.
func (c *column) misfit(kind codec.FieldKind, t *codec.Tensor) (reason, hint string) {
	text := t.DType == codec.String
	switch {
	case kind == codec.Object:
		return "is an object", "give the path to a value within it"
	case kind == codec.Text && !text && !c.parse && c.classes == nil && !c.as.ofTime():
		return fmt.Sprintf("is text, and %q of the model takes numbers", t.Name),
			`take numbers out of text by "parse": true, number texts by "classes": [...], or read a time by "as": "seconds"`
	case kind.Numeric() && text && c.as != asText:
		return fmt.Sprintf("is %s, and %q of the model takes text", kind, t.Name), `take it as text by "as": "text"`
	}
	return "", ""
}

func wholeField(v int64) codec.Field {
	return codec.Field{Kind: codec.Whole, Bits: uint64(v)} // #nosec G115 -- the same bits
}

func realField(v float64) codec.Field {
	return codec.Field{Kind: codec.Real, Bits: math.Float64bits(v)}
}
