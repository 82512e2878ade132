package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// Decoder turns records of one format into the tensors of one model. Between
// records it holds nothing but the schemas of a registry that it was taught, so
// any number of goroutines may use it at once.
type Decoder struct {
	inputs, labels []Tensor
	sample, label  part
	embedded       bool         // JSON: a record without a key holds its label in the value
	inValue        bool         // a registry's AVRO: the label is a field of the value
	named          bool         // JSON: the members of the label are named, so that the value is looked through for them
	from           atomic.Int32 // of those: labelUnseen, or where the first record has its label
}

// Where the label of a record lies that may be in its value or be its key.
const (
	labelUnseen int32 = iota
	labelInKey
	labelInValue
)

// part decodes a record's value or its key into tensors.
type part interface {
	decode(dst [][]byte, record []byte) error
}

// New binds a format and its input_config to a model. What cannot fit is
// refused by the member of the config at fault: shapes whose element counts
// differ, unknown types, fields the model does not take.
//
//   - RAW: the arrays' bytes; several inputs lie one after the other, in the
//     model's order. Tensors keep the wire's type: Cast makes them the model's.
//     A model whose only input is one text takes the whole value as that text.
//   - AVRO: numbers, booleans, enums (by index; for inputs of text by symbol),
//     for inputs of text strings and bytes, arrays and nullable unions of them.
//     One input takes all fields in order, several take a field each by name. A
//     null is NaN in a float tensor and refused in another.
//     Records that a schema registry frames are read by the schema that wrote
//     each, resolved by name to data_scheme, to data_fields or to the inputs.
//   - JSON: as AVRO, with the members that data_fields names; without it, those
//     named as the model's inputs. The label is label_field of the value where
//     the value has it, else the key, or label_field of it.
//   - PROTOBUF: fields of a message by name, as for framed AVRO. Of proto3 a field
//     that the wire leaves out is its default, one of explicit presence is not there.
//   - TELEGRAF_STR_JSON: as JSON, the object being text in fields.value; for
//     inference only.
func New(format pipeline.Format, config json.RawMessage, b Binding) (*Decoder, error) {
	if err := decodable(b); err != nil {
		return nil, err
	}
	d, err := newDecoder(format, config, b)
	if err != nil {
		return nil, err
	}
	return d, Bound("input_config", d.inputs, d.labels)
}

func newDecoder(format pipeline.Format, config json.RawMessage, b Binding) (*Decoder, error) {
	switch format {
	case pipeline.RAW:
		return newRaw(config, b)
	case pipeline.AVRO:
		return newAvro(config, b)
	case pipeline.JSON:
		return newJSON(config, b)
	case pipeline.PROTOBUF:
		return newProto(config, b)
	case pipeline.TelegrafJSON:
		return newTelegraf(config, b)
	}
	return nil, pipeline.Invalidf("input_format", "%q is not a format", string(format)).
		WithHint("use RAW, AVRO, JSON or PROTOBUF (TELEGRAF_STR_JSON for inference)")
}

// decodable refuses tensors of types that are unknown, and labels of text.
func decodable(b Binding) error {
	for _, t := range slices.Concat(b.Inputs, b.Labels) {
		if _, err := ParseDType(t.DType); err != nil {
			return pipeline.Invalidf("input_config", "tensor %q of the model: %v", t.Name, err)
		}
	}
	for _, t := range b.Labels {
		if t.DType == String.String() {
			return pipeline.Invalidf("input_config", "label %q of the model holds text, and labels are numbers", t.Name).
				WithHint("number the classes before they are sent, and train on the numbers")
		}
	}
	return nil
}

// Inputs are the tensors that Sample fills, in the model's input order.
func (d *Decoder) Inputs() []Tensor { return d.inputs }

// Lengths are how many values each field of the inputs brings, nil where that needs no
// check.
func (d *Decoder) Lengths() *Lengths { return lengthsOf(d.sample) }

func lengthsOf(p part) *Lengths {
	if of, some := p.(interface{ counted() *Lengths }); some {
		return of.counted()
	}
	return nil
}

// Labels are the tensors that Label fills, in the model's label order; none for
// inference.
func (d *Decoder) Labels() []Tensor { return d.labels }

// Sample decodes a record's value: dst[i] takes Inputs()[i].Bytes() bytes; where
// that is text, another slice is put in its place, which may use its memory. On
// an error, a *Fault, the contents of dst are undefined. RAW does not allocate.
func (d *Decoder) Sample(dst [][]byte, value []byte) error {
	if d.sample == nil {
		return errors.New("no inputs are bound")
	}
	if err := d.sample.decode(dst, value); err != nil {
		return explain(sideValue, d.sample, dst, value, err)
	}
	return nil
}

// Label decodes a record's key: dst[i] takes Labels()[i].Bytes() bytes.
func (d *Decoder) Label(dst [][]byte, key []byte) error {
	if d.label == nil {
		return errors.New("no labels are bound")
	}
	if err := d.label.decode(dst, key); err != nil {
		return explain(sideLabel, d.label, dst, key, err)
	}
	return nil
}

// Record decodes a whole training record: Sample of the value and Label of the
// key, or of the value where the format lets a record hold its own label.
func (d *Decoder) Record(inputs, labels [][]byte, key, value []byte) error {
	if err := d.Sample(inputs, value); err != nil {
		return fmt.Errorf("value: %w", d.withLabel(err, key, value))
	}
	return d.LabelOf(labels, key, value)
}

// NamesLabel reports whether the input_config names members of the value that are the
// label, of JSON.
func (d *Decoder) NamesLabel() bool { return d.named }

// LabelOf decodes the label of a training record, which lies in the key, or where
// the format lets a record hold it, in the value. Models without labels have none.
func (d *Decoder) LabelOf(labels [][]byte, key, value []byte) error {
	if d.label == nil {
		return nil
	}
	in := labelInKey
	if d.inValue || d.embedded && (len(key) == 0 || d.named && d.label.(*jsonPart).within(value)) {
		key, in = value, labelInValue // a key beside it is the producer's own, such as a device's id
	}
	if d.named {
		if before := d.from.Load(); before != labelUnseen && before != in {
			return fmt.Errorf("label: %w", d.label.(*jsonPart).elsewhere(in))
		}
	}
	if err := d.Label(labels, key); err != nil {
		return fmt.Errorf("label: %w", err)
	}
	if d.named {
		d.from.CompareAndSwap(labelUnseen, in)
	}
	return nil
}

// withLabel looks whether a value of RAW that does not fit holds its label, too.
func (d *Decoder) withLabel(err error, key, value []byte) error {
	if label, ok := d.label.(rawPart); ok && len(key) == 0 && len(value) == total(d.inputs)+label.bytes {
		return &Fault{
			Reason: fmt.Sprintf("%v; it would fit with the label's bytes (%d) in it", err, label.bytes),
			Hint:   "send the label as the record's key: only JSON can hold it in the value (label_field)",
		}
	}
	return err
}

// unmarshalConfig reads an input_config. Members that the format does not know
// are left alone: producers add their own.
func unmarshalConfig(config json.RawMessage, into any) error {
	if len(config) == 0 {
		return pipeline.Invalidf("input_config", "is missing")
	}
	if err := json.Unmarshal(config, into); err != nil {
		var mistyped *json.UnmarshalTypeError
		if errors.As(err, &mistyped) && mistyped.Field != "" {
			return pipeline.Invalidf("input_config."+mistyped.Field, "is a JSON %s", mistyped.Value)
		}
		return &pipeline.Error{Kind: pipeline.Invalid, Field: "input_config", Err: err, Hint: Hint(err)}
	}
	return nil
}
