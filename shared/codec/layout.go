package codec

import (
	"slices"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// fieldInfo is what a layout needs to know of a field of a record.
type fieldInfo struct {
	name   string
	scalar bool // one value; else as many as the record brings
}

// arrange assigns the fields of a record to the tensors that the model wants:
// a single tensor takes all of them in order, several take one each by name.
// Tensors get the model's type. config names the member of the input_config to
// blame.
func arrange(config string, fields []fieldInfo, wants []pipeline.Tensor) (layout, error) {
	if len(wants) == 1 {
		return concatenate(config, fields, wants[0])
	}
	to := make([]int, len(fields))
	seen := make([]bool, len(wants))
	for i, f := range fields {
		at := wanted(wants, f.name)
		if at < 0 {
			return layout{}, pipeline.Invalidf(config, "field %q is not of the model", f.name).
				WithHint("a model with several tensors takes a field for each, by name: %s", names(wants))
		}
		if seen[at] {
			return layout{}, pipeline.Invalidf(config, "field %q is named twice", f.name)
		}
		seen[at], to[i] = true, at
	}
	l := layout{to: to, tensors: make([]Tensor, len(wants))}
	for i, w := range wants {
		if !seen[i] {
			return layout{}, pipeline.Invalidf(config, "no field for %q of the model", w.Name).
				WithHint("the fields are %s", fieldNames(fields))
		}
		of := fields[slices.Index(to, i)]
		one, err := concatenate(config, []fieldInfo{of}, w)
		if err != nil {
			return layout{}, err
		}
		l.tensors[i] = one.tensors[0]
	}
	return l, nil
}

// wanted finds the tensor that a field is for: the one of its name, else the one
// whose name is the field's once it is written as Avro writes names.
func wanted(wants []pipeline.Tensor, field string) int {
	if at := slices.IndexFunc(wants, func(t pipeline.Tensor) bool { return t.Name == field }); at >= 0 {
		return at
	}
	return slices.IndexFunc(wants, func(t pipeline.Tensor) bool { return AvroName(t.Name) == field || t.SignatureName() == field })
}

// AvroName mends a name to what Avro takes as one: letters, digits and
// underscores, no digit first. The empty name becomes "_".
func AvroName(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, name)
	if plain == "" || plain[0] >= '0' && plain[0] <= '9' {
		plain = "_" + plain
	}
	return plain
}

func concatenate(config string, fields []fieldInfo, want pipeline.Tensor) (layout, error) {
	dtype, err := ParseDType(want.DType)
	if err != nil {
		return layout{}, pipeline.Invalidf(config, "tensor %q of the model: %v", want.Name, err)
	}
	if len(fields) == 0 {
		return layout{}, pipeline.Invalidf(config, "names no field")
	}
	t := Tensor{Name: want.Name, DType: dtype, Shape: slices.Clone(want.Shape)}
	elements := want.Elements()
	if slices.ContainsFunc(fields, func(f fieldInfo) bool { return !f.scalar }) {
		if elements < 0 {
			return layout{}, pipeline.Invalidf(config, "%q of the model has an open size (%s), which arrays cannot settle", want.Name, shapeText(want.Shape)).
				WithHint("give the model fixed sizes, or send RAW with a data_reshape")
		}
		if len(fields) == elements { // one number each, then
			t.Fields = plainNames(fields)
		}
		l := layout{tensors: []Tensor{t}, alone: len(fields) == 1}
		if arrays(fields) > 1 { // else the sum tells
			l.lengths = NewLengths(t, plainNames(fields))
		}
		return l, nil
	}
	shape, ok := resolve(want.Shape, []int{len(fields)}, len(fields))
	if elements != len(fields) && !ok {
		return layout{}, pipeline.Invalidf(config, "%d fields (%s) do not fill %s of %q", len(fields), fieldNames(fields), shapeText(want.Shape), want.Name).
			WithHint("name as many fields as the model takes numbers; the label is not among them: it is the record's key, or in JSON the member that label_field names")
	}
	if elements < 0 {
		t.Shape = shape
	}
	t.Fields = plainNames(fields)
	return layout{tensors: []Tensor{t}}, nil
}

func arrays(fields []fieldInfo) (n int) {
	for _, f := range fields {
		if !f.scalar {
			n++
		}
	}
	return n
}

func plainNames(fields []fieldInfo) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.name
	}
	return all
}

func names(wants []pipeline.Tensor) string {
	var all []string
	for _, w := range wants {
		all = append(all, w.Name)
	}
	return strings.Join(all, ", ")
}

func fieldNames(fields []fieldInfo) string {
	const shown = 8
	return firstOf(plainNames(fields), shown)
}

// firstOf lists names for an error, of many the first.
func firstOf(names []string, shown int) string {
	if len(names) > shown {
		names = append(names[:shown:shown], "...")
	}
	return strings.Join(names, ", ")
}
