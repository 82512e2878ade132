package codec

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// rawConfig is the input_config of RAW.
type rawConfig struct {
	DataType     string  `json:"data_type"`
	DataReshape  reshape `json:"data_reshape"`
	LabelType    string  `json:"label_type"`
	LabelReshape reshape `json:"label_reshape"`
}

func newRaw(config json.RawMessage, b Binding) (*Decoder, error) {
	var c rawConfig
	if err := unmarshalConfig(config, &c); err != nil {
		return nil, err
	}
	d := &Decoder{}
	var err error
	if b.samples() {
		if d.inputs, err = rawTensors("data", c.DataType, c.DataReshape, b.Inputs); err != nil {
			return nil, err
		}
		d.sample = rawPart{d.inputs, total(d.inputs)}
	}
	if slices.ContainsFunc(d.inputs, func(t Tensor) bool { return t.DType == String }) {
		d.sample = rawText{}
	}
	if len(b.Labels) == 0 {
		return d, nil
	}
	if d.labels, err = rawTensors("label", c.LabelType, c.LabelReshape, b.Labels); err != nil {
		return nil, err
	}
	d.label = rawPart{d.labels, total(d.labels)}
	return d, nil
}

func rawTensors(what, dtype string, shape reshape, wants []pipeline.Tensor) ([]Tensor, error) {
	t, err := rawType(what, dtype, wants)
	if err != nil {
		return nil, err
	}
	tensors, err := allot("input_config."+what+"_reshape", wants, shape)
	if err != nil {
		return nil, err
	}
	for i := range tensors {
		tensors[i].DType = t
	}
	return tensors, nil
}

func rawType(what, name string, wants []pipeline.Tensor) (DType, error) {
	field := "input_config." + what + "_type"
	if name == "" {
		return 0, pipeline.Invalidf(field, "is missing").WithHint("name the type of the array's elements, as uint8 or float32")
	}
	t, err := ParseDType(name)
	if err != nil {
		return 0, pipeline.Invalidf(field, "%v", err)
	}
	texts := 0
	for _, w := range wants {
		if w.DType == String.String() {
			texts++
		}
	}
	switch {
	case t == String && texts == 0:
		return 0, pipeline.Invalidf(field, "strings do not fill a tensor of numbers").WithHint("send numbers, or use JSON")
	case texts > 0 && (len(wants) > 1 || wants[0].Elements() != 1):
		return 0, pipeline.Invalidf(field, "a record of RAW is one text, and the model takes more than that").WithHint("use JSON or AVRO")
	case texts > 0 && t != String:
		return 0, pipeline.Invalidf(field, "numbers do not fill %q of the model, which takes text", wants[0].Name).WithHint("send text, and name the type string")
	}
	return t, nil
}

// rawPart cuts a record into the bytes of its tensors.
type rawPart struct {
	tensors []Tensor
	bytes   int
}

func total(tensors []Tensor) int {
	n := 0
	for _, t := range tensors {
		n += t.Bytes()
	}
	return n
}

func (p rawPart) decode(dst [][]byte, record []byte) error {
	if len(record) != p.bytes {
		return p.wrongSize(len(record))
	}
	if len(dst) != len(p.tensors) {
		return fmt.Errorf("%d tensors are given, %d are wanted", len(dst), len(p.tensors))
	}
	for i, d := range dst {
		n := p.tensors[i].Bytes()
		if len(d) != n {
			return fmt.Errorf("tensor %d has room for %d bytes, %d are wanted", i, len(d), n)
		}
		copy(d, record[:n])
		record = record[n:]
	}
	return nil
}

func (p rawPart) wrongSize(got int) error {
	if len(p.tensors) == 0 {
		return fmt.Errorf("has %d bytes, none are wanted", got)
	}
	return fmt.Errorf("has %d bytes, %d are wanted (%s of %s)", got, p.bytes, shapeText(p.tensors[0].Shape), p.tensors[0].DType)
}
