package inspect

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Proposal is how the records of a topic might train a model.
type Proposal struct {
	Format pipeline.Format     `json:"input_format"`
	Config json.RawMessage     `json:"input_config" types:"object"`
	Inputs map[string][]string `json:"inputs" nullable:"false" description:"the fields for each input of the model"`
	Label  string              `json:"label,omitempty" description:"the field for the label; none where it is the record's key"`
	Notes  []string            `json:"notes" nullable:"false" description:"what is to be decided, or does not fit"`
}

// Propose says how a model might take the records of a report. The notes say
// what a person has to decide: nothing is guessed without being said.
func Propose(r Report, e pipeline.Export) Proposal {
	p := Proposal{Format: r.Format, Config: json.RawMessage("{}"), Inputs: map[string][]string{}, Notes: []string{}}
	switch r.Format {
	case pipeline.JSON, pipeline.AVRO, pipeline.PROTOBUF:
		p.fields(r, e)
	case pipeline.RAW:
		p.raw(r, e)
	default:
		p.note("%s: %s", r.Says, r.Hint)
	}
	return p
}

func (p *Proposal) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// fields chooses among the fields of records.
func (p *Proposal) fields(r Report, e pipeline.Export) {
	free := slices.Clone(r.Value.Fields)
	take := func(path string) {
		free = slices.DeleteFunc(free, func(f Field) bool { return f.Path == path })
	}
	var label *Field
	if at := slices.IndexFunc(free, func(f Field) bool { return f.Role == RoleLabel }); at >= 0 && len(e.Labels) == 1 {
		found := free[at]
		label, p.Label = &found, found.Path
		take(found.Path)
	}
	p.keyed(r, e)
	for _, want := range e.Inputs {
		if at := slices.IndexFunc(free, func(f Field) bool { return named(f.Path, want) && suits(f, want) }); at >= 0 {
			p.Inputs[want.Name] = []string{free[at].Path}
			take(free[at].Path)
		}
	}
	for _, want := range e.Inputs {
		if p.Inputs[want.Name] != nil {
			continue
		}
		chosen := p.choose(free, want, len(e.Inputs) == 1)
		p.Inputs[want.Name] = chosen
		for _, path := range chosen {
			take(path)
		}
	}
	p.Config = p.configOf(r, e, label)
}

// keyed says where the label is to come from where no field looks like it.
func (p *Proposal) keyed(r Report, e pipeline.Export) {
	switch {
	case len(e.Labels) == 0 || p.Label != "":
	case r.Key.Kind == KindNone:
		p.note("no field looks like the label, and the records have no key: choose the field that is to be learned")
	default:
		p.note("no field looks like the label: unless you choose one, it is the record's key")
	}
}

// named reports whether a field is called as an input is.
func named(path string, want pipeline.Tensor) bool {
	last := path[strings.LastIndexByte(path, '.')+1:]
	return slices.ContainsFunc([]string{want.Name, want.SignatureName()}, func(name string) bool {
		return path == name || strings.EqualFold(last, name) || strings.EqualFold(last, codec.AvroName(name))
	})
}

// suits reports whether a field may fill an input alone.
func suits(f Field, want pipeline.Tensor) bool {
	text := want.DType == codec.String.String()
	elements := want.Elements()
	switch f.Holds {
	case HoldsNumber, HoldsBoolean:
		return !text && (elements == 1 || elements < 0)
	case HoldsText:
		if !text && f.Parses {
			return elements == 1 || elements < 0
		}
		if !text { // by classes, one-hot where there are as many
			return f.Counts != nil && (elements == 1 || elements == f.Distinct)
		}
		return elements == 1 || elements < 0
	case HoldsNumbers:
		return !text && f.Length != nil && f.Length[0] == elements && f.Length[1] == elements
	case HoldsTexts:
		return text && f.Length != nil && f.Length[0] == elements && f.Length[1] == elements
	}
	return false
}

// choose gives the fields for an input that no field is named after.
func (p *Proposal) choose(free []Field, want pipeline.Tensor, alone bool) []string {
	role := RoleInput
	if want.DType == codec.String.String() {
		role = RoleText
	}
	var single, all []string
	for _, f := range free {
		switch {
		case f.Role != role:
		case suits(f, want) && (f.Length != nil || !alone):
			single = append(single, f.Path)
		case f.Length == nil && (alone || want.Elements() > 1):
			all = append(all, f.Path)
		}
	}
	if len(single) == 1 {
		return single
	}
	elements := want.Elements()
	if len(all) == elements || elements < 0 && len(all) > 0 {
		return all
	}
	if len(single) > 0 {
		all = single
	}
	switch {
	case len(all) == 0:
		p.note("no field suits the input %q (%s)", want.Name, described(want))
	case len(single) > 0:
		p.note("the input %q (%s) may be %s: choose one", want.Name, described(want), strings.Join(all, ", "))
	case len(all) > elements:
		p.note("the input %q takes %d values, and %d fields may be meant: choose among %s", want.Name, elements, len(all), strings.Join(all, ", "))
	default:
		p.note("the input %q takes %d values, and only %d fields may be meant: %s", want.Name, elements, len(all), strings.Join(all, ", "))
	}
	return []string{}
}

func described(t pipeline.Tensor) string {
	if len(t.Shape) == 0 {
		return t.DType
	}
	return fmt.Sprintf("%s of %s", strings.Trim(strings.ReplaceAll(fmt.Sprint(t.Shape), " ", " x "), "[]"), t.DType)
}

// configOf is the input_config that takes the chosen fields: by their names
// where those are enough, else by their paths.
func (p *Proposal) configOf(r Report, e pipeline.Export, label *Field) json.RawMessage {
	config := map[string]any{}
	if n := r.Value.Of[KindNone]; n > 0 {
		config["where"] = "value != null"
		p.note("%d of %d records are tombstones, which have no value: where leaves them out", n, r.Records)
	}
	columns, plain := p.columns(r.Value.Fields, e)
	if names, named := byName(p.Inputs, e, label); named && plain {
		config["data_fields"] = names
		if label != nil {
			config["label_field"] = label.Path
		}
	} else {
		config["inputs"] = columns
		if label != nil {
			config["label"] = numbered(label)
		}
	}
	b, err := json.Marshal(config)
	if err != nil {
		return json.RawMessage("{}")
	}
	return b
}

// columns are what fills each input: a field by its path, unless it is more. plain
// reports whether none is.
func (p *Proposal) columns(fields []Field, e pipeline.Export) (inputs map[string]any, plain bool) {
	inputs, plain = map[string]any{}, true
	for _, want := range e.Inputs {
		all := []any{}
		for _, path := range p.Inputs[want.Name] {
			at := slices.IndexFunc(fields, func(f Field) bool { return f.Path == path })
			c, is := p.column(&fields[at], want)
			all, plain = append(all, c), plain && is
		}
		inputs[want.Name] = all
		if _, path := first(all).(string); path && len(all) == 1 {
			inputs[want.Name] = all[0]
		}
	}
	return inputs, plain
}

func first(all []any) any {
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

// column is a field for an input: words are numbered for one of numbers, and the
// mean of the others stands for a number that some records do not have.
func (p *Proposal) column(f *Field, want pipeline.Tensor) (column any, plain bool) {
	dtype, err := codec.ParseDType(want.DType)
	switch {
	case err != nil || dtype == codec.String:
	case f.Parses && f.Missing > 0 && dtype.Float():
		p.note("%d of %d records have no %s: the mean of the training split is proposed for it", f.Missing, f.Seen+f.Missing, f.Path)
		return map[string]any{"path": f.Path, "parse": true, "missing": "mean"}, false
	case f.Parses:
		return map[string]any{"path": f.Path, "parse": true}, false
	case f.Holds == HoldsText:
		p.note("the words of %s are numbered as they came in the sample: add those that may come to classes", f.Path)
		return numbered(f), false
	case f.Missing > 0 && f.Holds != HoldsNumbers && dtype.Float():
		p.note("%d of %d records have no %s: the mean of the training split is proposed for it", f.Missing, f.Seen+f.Missing, f.Path)
		return map[string]any{"path": f.Path, "missing": "mean"}, false
	}
	return f.Path, true
}

// byName gives the fields in their order where data_fields can name them all.
func byName(chosen map[string][]string, e pipeline.Export, label *Field) (fields []string, plain bool) {
	for _, want := range e.Inputs {
		paths := chosen[want.Name]
		if len(e.Inputs) > 1 && (len(paths) != 1 || paths[0] != want.Name) {
			return nil, false
		}
		fields = append(fields, paths...)
	}
	top := func(path string) bool { return bareName.MatchString(path) }
	if slices.ContainsFunc(fields, func(path string) bool { return !top(path) }) {
		return nil, false
	}
	return fields, label == nil || top(label.Path) && label.Holds != HoldsText
}

// numbered is a field whose words are classes, numbered in the order of the
// alphabet.
func numbered(f *Field) any {
	switch {
	case f.Parses:
		return map[string]any{"path": f.Path, "parse": true}
	case f.Holds != HoldsText || f.Counts == nil:
		return f.Path
	}
	return map[string]any{"path": f.Path, "classes": slices.Sorted(maps.Keys(f.Counts))}
}

// raw finds the type whose bytes fill a model's only input.
func (p *Proposal) raw(r Report, e pipeline.Export) {
	if r.Value.Kind == KindText {
		p.Config = json.RawMessage(`{"data_type":"string","data_reshape":""}`)
		return
	}
	if len(e.Inputs) != 1 || e.Inputs[0].Elements() < 1 {
		p.note("RAW is for models of one input of a fixed shape: say data_type and data_reshape yourself")
		return
	}
	want := e.Inputs[0]
	dtype, ok := typeOf(r.Value.Sizes[0], want)
	if !ok {
		p.note("%d bytes do not fill %s of %q by any type", r.Value.Sizes[0], described(want), want.Name)
		return
	}
	config := map[string]any{"data_type": dtype, "data_reshape": reshape(want)}
	if len(e.Labels) == 1 {
		label := e.Labels[0]
		if kind, ok := typeOf(r.Key.Sizes[0], label); ok && r.Key.Kind != KindNone {
			config["label_type"], config["label_reshape"] = kind, reshape(label)
		} else {
			p.note("the label of RAW is the record's key, and keys of %d bytes are no label of %s", r.Key.Sizes[0], described(label))
		}
	}
	p.Config, _ = json.Marshal(config)
	p.Inputs[want.Name] = []string{}
}

// typeOf is a type whose elements take so many bytes: the tensor's own if it can
// be.
func typeOf(bytes int, t pipeline.Tensor) (string, bool) {
	elements := t.Elements()
	if elements < 1 || bytes%elements != 0 {
		return "", false
	}
	size := bytes / elements
	if own, err := codec.ParseDType(t.DType); err == nil && own.Size() == size {
		return t.DType, true
	}
	name, ok := map[int]string{1: "uint8", 2: "int16", 4: "float32", 8: "float64"}[size]
	return name, ok
}

func reshape(t pipeline.Tensor) string {
	return strings.Trim(fmt.Sprint(t.Shape), "[]")
}
