package features

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const (
	memberInputs = "input_config.inputs"
	memberLabel  = "input_config.label"
	memberWhere  = "input_config.where"
)

// builder collects the fields that a mapping wants of values and keys.
type builder struct {
	format     pipeline.Format
	value, key []codec.Path
	places     [2]map[string]int // of value and key
}

// place is where a path comes to lie among the fields of its side.
func (b *builder) place(of origin, p codec.Path) int {
	paths, places := &b.value, &b.places[0]
	if of == fromKey {
		paths, places = &b.key, &b.places[1]
	}
	if *places == nil {
		*places = map[string]int{}
	}
	text := p.String()
	at, known := (*places)[text]
	if !known {
		at = len(*paths)
		(*places)[text], *paths = at, append(*paths, p)
	}
	return at
}

// target is one tensor and what fills it.
type target struct {
	member   string // of the input_config, for refusals
	tensor   codec.Tensor
	columns  []column // none of a mask
	averaged bool     // NaN stands for a missing value
	lengths  *codec.Lengths
	masked   bool // it is the mask of another
}

func tensorsOf(all []target) []codec.Tensor {
	tensors := make([]codec.Tensor, len(all))
	for i := range all {
		tensors[i] = all[i].tensor
	}
	return tensors
}

// inputs reads the member inputs: {input: column or columns}, or for a model with
// one input its column or columns alone.
func (b *builder) inputs(raw json.RawMessage, wants []pipeline.Tensor) ([]target, error) {
	if bytes.TrimSpace(raw)[0] == '{' {
		return b.named(memberInputs, raw, wants)
	}
	if len(wants) != 1 {
		return nil, pipeline.Invalidf(memberInputs, "is %s, and the model has %d inputs", clip(raw), len(wants)).
			WithHint(`give an object with a member for each: %s`, namesOf(wants))
	}
	return b.targets(memberInputs, []json.RawMessage{raw}, wants)
}

// labels reads the member label: a column, or for a model with several labels
// {label: column}.
func (b *builder) labels(raw json.RawMessage, wants []pipeline.Tensor) ([]target, error) {
	if len(wants) == 1 {
		return b.targets(memberLabel, []json.RawMessage{raw}, wants)
	}
	if bytes.TrimSpace(raw)[0] != '{' {
		return nil, pipeline.Invalidf(memberLabel, "is %s, and the model has %d labels", clip(raw), len(wants)).
			WithHint(`give an object with a member for each: %s`, namesOf(wants))
	}
	return b.named(memberLabel, raw, wants)
}

// named reads an object with a member for each tensor.
func (b *builder) named(member string, raw json.RawMessage, wants []pipeline.Tensor) ([]target, error) {
	given := make([]json.RawMessage, len(wants))
	err := codec.Members(raw, func(name, value []byte) error {
		at := slices.IndexFunc(wants, func(t pipeline.Tensor) bool { return t.Name == string(name) })
		if at < 0 {
			at = slices.IndexFunc(wants, func(t pipeline.Tensor) bool {
				return codec.AvroName(t.Name) == string(name) || t.SignatureName() == string(name)
			})
		}
		switch {
		case at < 0:
			return pipeline.Invalidf(member, "the model has no %q", name).WithHint("it takes %s; a column that is more than a path goes into an array: [{...}]", namesOf(wants))
		case given[at] != nil:
			return pipeline.Invalidf(member, "%q is named twice", name)
		}
		given[at] = slices.Clone(value)
		return nil
	})
	if err != nil {
		return nil, asRefusal(member, err)
	}
	return b.targets(member, given, wants)
}

// asRefusal gives an error a member, unless it names one.
func asRefusal(member string, err error) error {
	if pipeline.KindOf(err) == pipeline.Invalid {
		return err
	}
	return &pipeline.Error{Kind: pipeline.Invalid, Field: member, Err: err, Hint: codec.Hint(err)}
}

// targets compiles the columns of each tensor. One without columns is the mask of
// another.
func (b *builder) targets(member string, given []json.RawMessage, wants []pipeline.Tensor) ([]target, error) {
	all := make([]target, len(wants))
	for i, w := range wants {
		dtype, err := codec.ParseDType(w.DType)
		if err != nil {
			return nil, pipeline.Invalidf(member, "tensor %q of the model: %v", w.Name, err)
		}
		if w.Elements() < 0 {
			return nil, pipeline.Invalidf(member, "%q of the model has an open size", w.Name).
				WithHint("give the model fixed sizes, so that columns can fill it")
		}
		all[i] = target{member: member, tensor: codec.Tensor{Name: w.Name, DType: dtype, Shape: slices.Clone(w.Shape)}}
		if given[i] == nil {
			continue
		}
		if err := b.columns(&all[i], given[i]); err != nil {
			return nil, err
		}
	}
	if err := masks(all); err != nil {
		return nil, err
	}
	for i := range all {
		if len(all[i].columns) == 0 && !all[i].masked {
			return nil, pipeline.Invalidf(member, "nothing is said of %q of the model", wants[i].Name).
				WithHint(`say where it comes from: "%s": "path.of.the.field"`, wants[i].Name)
		}
	}
	return all, nil
}

// masks finds the inputs that say whether others are there.
func masks(all []target) error {
	for i := range all {
		for k := range all[i].columns {
			c := &all[i].columns[k]
			if c.maskName == "" {
				continue
			}
			at := slices.IndexFunc(all, func(t target) bool { return t.tensor.Name == c.maskName })
			switch {
			case at < 0:
				return pipeline.Invalidf(all[i].member, "%s: the model has no input %q for its mask", c.name, c.maskName).
					WithHint("name an input of the model: %s", targetNames(all))
			case len(all[at].columns) > 0:
				return pipeline.Invalidf(all[i].member, "%s: its mask %q is an input with columns of its own", c.name, c.maskName)
			case all[at].tensor.DType == codec.String:
				return pipeline.Invalidf(all[i].member, "%s: its mask %q takes text", c.name, c.maskName)
			}
			c.mask, all[at].masked = at, true
		}
	}
	return nil
}

// columns compiles one column or an array of them.
func (b *builder) columns(t *target, raw json.RawMessage) error {
	each := []json.RawMessage{raw}
	if bytes.TrimSpace(raw)[0] == '[' {
		each = nil
		if err := json.Unmarshal(raw, &each); err != nil {
			return asRefusal(t.member, err)
		}
	}
	for _, one := range each {
		c, err := b.column(t, one)
		if err != nil {
			return err
		}
		t.columns = append(t.columns, c)
		t.averaged = t.averaged || c.missing == missingMean
	}
	if n := t.tensor.Elements(); len(t.columns) == 0 || len(t.columns) > n && !t.oneHot() {
		return pipeline.Invalidf(t.member, "%d columns do not fill %q, which takes %d", len(t.columns), t.tensor.Name, n)
	}
	if !t.oneHot() {
		t.lengths = codec.NewLengths(t.tensor, columnNames(t.columns))
	}
	if len(t.columns) == t.tensor.Elements() {
		t.tensor.Fields = columnNames(t.columns)
	}
	return nil
}

func columnNames(columns []column) []string {
	names := make([]string, len(columns))
	for i := range columns {
		names[i] = columns[i].name
	}
	return names
}

func (t *target) oneHot() bool { return len(t.columns) == 1 && t.columns[0].hot > 0 }

func namesOf(wants []pipeline.Tensor) string {
	var all []string
	for _, w := range wants {
		all = append(all, fmt.Sprintf("%q", w.Name))
	}
	return strings.Join(all, ", ")
}

func targetNames(all []target) string {
	var names []string
	for _, t := range all {
		names = append(names, fmt.Sprintf("%q", t.tensor.Name))
	}
	return strings.Join(names, ", ")
}
