package codec

import (
	"encoding/json"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Declared is what an input_config says of its records by itself: of RAW, which
// names types and shapes, an input "sample" and a label "label". It is empty
// where only the model tells: for other formats, and for RAW without a
// data_reshape.
func Declared(format pipeline.Format, config json.RawMessage) (Binding, error) {
	if format != pipeline.RAW {
		return Binding{}, nil
	}
	var c rawConfig
	if err := unmarshalConfig(config, &c); err != nil {
		return Binding{}, err
	}
	if len(c.DataReshape) == 0 {
		return Binding{}, nil
	}
	b := Binding{Inputs: []pipeline.Tensor{{Name: "sample", DType: c.DataType, Shape: c.DataReshape}}}
	if c.LabelType != "" {
		b.Labels = []pipeline.Tensor{{Name: "label", DType: c.LabelType, Shape: c.LabelReshape}}
	}
	return b, nil
}
