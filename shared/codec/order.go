package codec

import (
	"encoding/json"
	"slices"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Order is what a model learns of a stream by its place alone: the fields that fill
// its one input, and the classes of its label. Both are empty where an input_config
// does not say them, or a mapping does.
type Order struct{ Fields, Classes []string }

// OrderOf reads the order from an input_config that has been checked.
func OrderOf(format pipeline.Format, config json.RawMessage) (o Order) {
	var c struct {
		avroConfig
		Inputs json.RawMessage `json:"inputs"`
	}
	if format == pipeline.RAW || unmarshalConfig(config, &c) != nil || c.Inputs != nil {
		return o
	}
	o.Fields = c.DataFields
	if format != pipeline.AVRO || c.Framing != "" {
		return o
	}
	if s, err := parseAvro("", c.DataScheme); err == nil && len(o.Fields) == 0 {
		for i := range s.fields {
			o.Fields = append(o.Fields, s.fields[i].name)
		}
	}
	if s, err := parseNumbers("", c.LabelScheme); err == nil && len(s.fields) == 1 {
		o.Classes = s.fields[0].symbols
	}
	return o
}

// Moved is the first name of a list that stands at another place than in the list
// before, and whether there is one. Lists without a name in common tell nothing.
func Moved(before, now []string) (name string, moved bool) {
	for i, name := range now {
		if at := slices.Index(before, name); at >= 0 && at != i {
			return name, true
		}
	}
	return "", false
}
