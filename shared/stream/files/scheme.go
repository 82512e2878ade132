package files

import (
	"encoding/json"
	"slices"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// readScheme names the fields of the schema that samples will be read by, and takes
// as text the columns that are text there.
func (o *Options) readScheme() error {
	if o.Scheme == nil {
		return nil
	}
	names, texts, err := codec.WrittenFields(o.Scheme)
	if err != nil {
		return err
	}
	o.fields = names
	for i, name := range names {
		if texts[i] {
			o.Inputs = append(o.Inputs, pipeline.Tensor{Name: name, DType: codec.String.String()})
		}
	}
	return nil
}

// byScheme is an input_config with the schema that samples will be read by.
func (o Options) byScheme(f pipeline.Format, config json.RawMessage) (json.RawMessage, error) {
	if o.Scheme == nil || f != pipeline.AVRO {
		return config, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(config, &members); err != nil {
		return nil, err
	}
	members["data_scheme"] = o.Scheme
	return json.Marshal(members)
}

// leaveOthers leaves out the columns that are neither a label nor a field of the
// schema that samples will be read by.
func (t *table) leaveOthers(o Options, labels []string) {
	var others []string
	for i := range t.found {
		if c := &t.found[i]; len(o.fields) > 0 && !c.left && !slices.Contains(labels, c.name) && !slices.ContainsFunc(o.fields, c.isField) {
			c.left = true
			others = append(others, c.name)
		}
	}
	if len(others) > 0 {
		t.note("left out: %s, which the schema does not have that the records are read by", some(others))
	}
}

// inOrder brings the columns of the sample into the order of the schema that they
// will be read by.
func (t *table) inOrder(o Options) error {
	if len(o.fields) == 0 {
		return nil
	}
	var ordered []int
	for _, name := range o.fields {
		i := slices.IndexFunc(t.samples, func(i int) bool { return t.found[i].isField(name) })
		if i < 0 {
			return pipeline.Invalidf("file", "has no column %q, which the records are read by", name).
				WithHint("it takes the columns %s; the file has %s", some(o.fields), some(t.names()))
		}
		ordered = append(ordered, t.samples[i])
	}
	t.samples = ordered
	return nil
}

// isField reports whether a column is that of a field of Avro.
func (c *column) isField(name string) bool { return c.name == name || codec.AvroName(c.name) == name }
