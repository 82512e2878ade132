package predict

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/kafkaml/kafkaml/functions/predict/openinference"
	"github.com/kafkaml/kafkaml/functions/predict/output"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// requestOf is a message as the request that it is over REST, its data in the
// binary form.
func requestOf(r *openinference.ModelInferRequest) (*inferRequest, error) {
	request := &inferRequest{ID: r.GetId()}
	raw := r.GetRawInputContents()
	if len(raw) > 0 && len(raw) != len(r.GetInputs()) {
		return nil, pipeline.Invalidf("raw_input_contents", "there are %d, and %d inputs", len(raw), len(r.GetInputs())).WithHint("there is one for each input, or none")
	}
	for i, in := range r.GetInputs() {
		input := inferInput{Name: in.GetName(), Datatype: in.GetDatatype()}
		input.Parameters.SharedMemory = sharedMemory(in.GetParameters())
		for _, d := range in.GetShape() {
			input.Shape = append(input.Shape, int(min(max(d, -1), math.MaxInt32)))
		}
		var err error
		switch {
		case len(raw) > 0 && in.GetContents() != nil:
			err = pipeline.Invalidf("contents", "are given beside raw_input_contents: there is the one or the other")
		case len(raw) > 0:
			input.raw = raw[i]
		default:
			input.raw, err = rawOf(in.GetContents(), in.GetDatatype())
		}
		if err != nil {
			return nil, pipeline.Invalidf("inputs", "%q: %s", in.GetName(), output.ReasonOf(err))
		}
		if input.raw == nil {
			input.raw = []byte{}
		}
		request.Inputs = append(request.Inputs, input)
	}
	for _, out := range r.GetOutputs() {
		o := inferOutput{Name: out.GetName()}
		o.Parameters.SharedMemory = sharedMemory(out.GetParameters())
		if out.GetParameters()["classification"] != nil {
			o.Parameters.Classification = json.RawMessage{}
		}
		request.Outputs = append(request.Outputs, o)
	}
	return request, nil
}

func sharedMemory(parameters map[string]*openinference.InferParameter) json.RawMessage {
	if parameters["shared_memory_region"] != nil {
		return json.RawMessage{}
	}
	return nil
}

// rawOf gives elements of a datatype from the member for it as binary data.
func rawOf(c *openinference.InferTensorContents, datatype string) (raw []byte, err error) {
	as, known := datatypes[datatype]
	if !known {
		return nil, pipeline.Invalidf("datatype", "%q is not a type", datatype)
	}
	var n int
	carried := as // the type of the member
	switch as {
	case codec.Bool:
		n, raw, err = stored(c.GetBoolContents())
	case codec.Int8, codec.Int16, codec.Int32:
		carried = codec.Int32
		n, raw, err = stored(c.GetIntContents())
	case codec.Int64:
		n, raw, err = stored(c.GetInt64Contents())
	case codec.Uint8, codec.Uint16, codec.Uint32:
		carried = codec.Uint32
		n, raw, err = stored(c.GetUintContents())
	case codec.Uint64:
		n, raw, err = stored(c.GetUint64Contents())
	case codec.Float32:
		n, raw, err = stored(c.GetFp32Contents())
	case codec.Float64:
		n, raw, err = stored(c.GetFp64Contents())
	case codec.String:
		n = len(c.GetBytesContents())
		for _, text := range c.GetBytesContents() {
			raw = codec.AppendText(raw, text)
		}
	default:
		return nil, pipeline.Invalidf("datatype", "%s has no contents of its own", datatype).WithHint("send raw_input_contents")
	}
	if all := elementsOf(c); all != n {
		return nil, pipeline.Invalidf("contents", "%d elements are of another member than that of %s", all-n, datatype)
	}
	if err == nil && carried != as {
		narrow := make([]byte, n*as.Size())
		err = codec.Cast(narrow, as, raw, carried)
		raw = narrow
	}
	return raw, err
}

func stored[T any](elements []T) (n int, raw []byte, err error) {
	raw, err = binary.Append(nil, binary.LittleEndian, elements)
	return len(elements), raw, err
}

// elementsOf counts those of all members.
func elementsOf(c *openinference.InferTensorContents) int {
	return len(c.GetBoolContents()) + len(c.GetIntContents()) + len(c.GetInt64Contents()) + len(c.GetUintContents()) +
		len(c.GetUint64Contents()) + len(c.GetFp32Contents()) + len(c.GetFp64Contents()) + len(c.GetBytesContents())
}

// contentsOf puts binary data into the member for its type.
func contentsOf(d codec.DType, raw []byte) (c *openinference.InferTensorContents, err error) {
	c = &openinference.InferTensorContents{}
	switch d {
	case codec.Bool:
		c.BoolContents, err = loaded[bool](raw, d, d)
	case codec.Int8, codec.Int16, codec.Int32:
		c.IntContents, err = loaded[int32](raw, d, codec.Int32)
	case codec.Int64:
		c.Int64Contents, err = loaded[int64](raw, d, d)
	case codec.Uint8, codec.Uint16, codec.Uint32:
		c.UintContents, err = loaded[uint32](raw, d, codec.Uint32)
	case codec.Uint64:
		c.Uint64Contents, err = loaded[uint64](raw, d, d)
	case codec.Float32:
		c.Fp32Contents, err = loaded[float32](raw, d, d)
	case codec.Float64:
		c.Fp64Contents, err = loaded[float64](raw, d, d)
	case codec.String:
		for text, rest, ok := codec.CutText(raw); ok; text, rest, ok = codec.CutText(rest) {
			c.BytesContents = append(c.BytesContents, text)
		}
	default:
		err = fmt.Errorf("%s has no contents of its own", d)
	}
	return c, err
}

// loaded reads elements of the type from as those of the type to, which is T.
func loaded[T any](raw []byte, from, to codec.DType) ([]T, error) {
	elements := make([]T, len(raw)/from.Size())
	wide := make([]byte, len(elements)*to.Size())
	if err := codec.Cast(wide, to, raw, from); err != nil {
		return nil, err
	}
	_, err := binary.Decode(wide, binary.LittleEndian, elements)
	return elements, err
}

// messages is the codec of Protocol Buffers, with a bound on what a message takes
// once it is read.
type messages struct{}

// Name implements connect.Codec.
func (messages) Name() string { return "proto" }

// Marshal implements connect.Codec.
func (m messages) Marshal(message any) ([]byte, error) { return m.MarshalAppend(nil, message) }

// MarshalAppend saves connect a copy.
func (messages) MarshalAppend(dst []byte, message any) ([]byte, error) {
	p, ok := message.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no message", message)
	}
	return proto.MarshalOptions{}.MarshalAppend(dst, p)
}

// Unmarshal implements connect.Codec.
func (messages) Unmarshal(data []byte, message any) error {
	p, ok := message.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is no message", message)
	}
	if _, ok := message.(*openinference.ModelInferRequest); ok {
		if err := checkFields(data); err != nil {
			return err
		}
	}
	return proto.Unmarshal(data, p)
}

// maxFields bounds the tensors, parameters and texts of a message: an empty one
// takes two bytes, and some hundred once it is read.
const maxFields = 1 << 18

var errFields = errors.New("a message has too many fields: send text as raw_input_contents")

// checkFields counts the fields of an inference request, of its inputs and of
// their contents.
func checkFields(data []byte) error {
	const inputs, contents = 5, 5
	n := 0
	return eachField(data, &n, func(number protowire.Number, input []byte) error {
		if number != inputs {
			return nil
		}
		return eachField(input, &n, func(number protowire.Number, inner []byte) error {
			if number != contents {
				return nil
			}
			return eachField(inner, &n, func(protowire.Number, []byte) error { return nil })
		})
	})
}

// eachField calls f with the fields that have a length.
func eachField(data []byte, n *int, f func(protowire.Number, []byte) error) error {
	for len(data) > 0 {
		if *n++; *n > maxFields {
			return errFields
		}
		number, kind, head := protowire.ConsumeTag(data)
		if head < 0 {
			return protowire.ParseError(head)
		}
		size := protowire.ConsumeFieldValue(number, kind, data[head:])
		if size < 0 {
			return protowire.ParseError(size)
		}
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(data[head:])
			if err := f(number, value); err != nil {
				return err
			}
		}
		data = data[head+size:]
	}
	return nil
}
