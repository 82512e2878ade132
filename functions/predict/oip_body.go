package predict

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// headerLength tells how many bytes of a body are JSON. Binary data follows them:
// of each tensor that has a binary_data_size, in their order.
const headerLength = "Inference-Header-Content-Length"

// inferRequest is an inference request, by REST the JSON of its body.
type inferRequest struct {
	ID         string `json:"id"`
	Parameters struct {
		BinaryOutput bool `json:"binary_data_output"` // of outputs that do not say
	} `json:"parameters"`
	Inputs  []inferInput  `json:"inputs"`
	Outputs []inferOutput `json:"outputs"` // those to answer with; all where there are none
}

type inferInput struct {
	Name       string          `json:"name"`
	Shape      []int           `json:"shape"`
	Datatype   string          `json:"datatype"`
	Parameters inputParameters `json:"parameters"`
	Data       json.RawMessage `json:"data"`
	// raw has the elements in place of Data where it is not nil: little-endian,
	// row-major, text as codec.AppendText stores it.
	raw []byte
}

type inputParameters struct {
	BinarySize   *int            `json:"binary_data_size"`
	SharedMemory json.RawMessage `json:"shared_memory_region"`
}

type inferOutput struct {
	Name       string           `json:"name"`
	Parameters outputParameters `json:"parameters"`
}

type outputParameters struct {
	Binary         *bool           `json:"binary_data"`
	SharedMemory   json.RawMessage `json:"shared_memory_region"`
	Classification json.RawMessage `json:"classification"`
}

// output is what the request says of an output; nil where it says nothing.
func (r *inferRequest) output(name string) *inferOutput {
	i := slices.IndexFunc(r.Outputs, func(o inferOutput) bool { return o.Name == name })
	if i < 0 {
		return nil
	}
	return &r.Outputs[i]
}

func (r *inferRequest) wantsBinary(output string) bool {
	if o := r.output(output); o != nil && o.Parameters.Binary != nil {
		return *o.Parameters.Binary
	}
	return r.Parameters.BinaryOutput
}

// readInferRequest reads a request for a model with these inputs.
func readInferRequest(r *http.Request, inputs []pipeline.Tensor) (*inferRequest, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	request := &inferRequest{}
	length := r.Header.Get(headerLength)
	if length == "" {
		if err = unmarshalRequest(body, request); err == nil {
			err = request.withoutBinary()
		}
		return request, err
	}
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n > len(body) {
		return nil, pipeline.Invalidf(headerLength, "%q is no number of bytes of the body, which has %d", length, len(body))
	}
	if n == 0 {
		return rawRequest(body, inputs)
	}
	if err = unmarshalRequest(body[:n], request); err == nil {
		err = request.takeBinary(body[n:])
	}
	return request, err
}

// rawRequest takes a body that is nothing but the data of the one input: as many
// rows as there are, or one text.
func rawRequest(body []byte, inputs []pipeline.Tensor) (*inferRequest, error) {
	if len(inputs) != 1 {
		return nil, pipeline.Invalidf(headerLength, "is 0, so that the body is the data of one input, and the model has %d", len(inputs)).WithHint("name them in JSON before the data")
	}
	want := inputs[0]
	d, _ := codec.ParseDType(want.DType) // of the model's own signature
	input := inferInput{Name: want.Name, Datatype: datatypeOf(d), Shape: append([]int{1}, want.Shape...), raw: body}
	elements := want.Elements()
	switch {
	case elements < 0, d == codec.String && elements != 1:
		return nil, pipeline.Invalidf(headerLength, "is 0, and the input %q of shape %v needs its shape said", want.Name, append([]int{-1}, want.Shape...)).WithHint("say it in JSON before the data")
	case d == codec.String:
		input.raw = codec.AppendText(nil, body)
	case len(body) == 0 || len(body)%(elements*d.Size()) != 0:
		return nil, pipeline.Invalidf("inputs", "%q: %d bytes are no rows of %d", want.Name, len(body), elements*d.Size())
	default:
		input.Shape[0] = len(body) / (elements * d.Size())
	}
	return &inferRequest{Inputs: []inferInput{input}}, nil
}

// takeBinary cuts the data after the JSON into the inputs that say a size.
func (r *inferRequest) takeBinary(rest []byte) error {
	all := len(rest)
	for i := range r.Inputs {
		in := &r.Inputs[i]
		n := in.Parameters.BinarySize
		switch {
		case n == nil:
			continue
		case in.Data != nil:
			return pipeline.Invalidf("inputs", "%q has data and a binary_data_size: it has the one or the other", in.Name)
		case *n < 0 || *n > len(rest):
			return pipeline.Invalidf("inputs", "%q: its binary_data_size is %d, and %d of the %d bytes after the JSON are left", in.Name, *n, len(rest), all)
		}
		in.raw, rest = rest[:*n:*n], rest[*n:]
	}
	if len(rest) > 0 {
		return pipeline.Invalidf("inputs", "%d of the %d bytes after the JSON belong to no input", len(rest), all).WithHint("say the size of each input's data as its parameter binary_data_size, and that of the JSON in %s", headerLength)
	}
	return nil
}

// withoutBinary refuses binary data where no header tells where it begins.
func (r *inferRequest) withoutBinary() error {
	for _, in := range r.Inputs {
		if in.Parameters.BinarySize != nil {
			return pipeline.Invalidf("inputs", "%q has a binary_data_size, and the request no header %s", in.Name, headerLength)
		}
	}
	return nil
}

// readBody reads a whole body, which may be compressed; both its forms are
// bounded by maxBody.
func readBody(r *http.Request) ([]byte, error) {
	if whole, ok := r.Body.(*wholeBody); ok && whole.err == nil && r.Header.Get("Content-Encoding") == "" {
		return whole.data, nil // which nobody writes to
	}
	body, err := io.Reader(r.Body), error(nil)
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		body, err = gzip.NewReader(r.Body)
	case "deflate":
		body, err = zlib.NewReader(r.Body)
	default:
		err = pipeline.Invalidf("Content-Encoding", "%q cannot be read", encoding).WithHint("gzip and deflate can")
	}
	var buffer bytes.Buffer
	if err == nil {
		buffer.Grow(int(min(max(r.ContentLength, 0), maxBody) + bytes.MinRead))
		_, err = buffer.ReadFrom(io.LimitReader(body, maxBody+1))
	}
	if err == nil && buffer.Len() > maxBody {
		err = &http.MaxBytesError{Limit: maxBody}
	}
	var known *pipeline.Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		err = &pipeline.Error{Kind: pipeline.Invalid, Reason: fmt.Sprintf("the body is too large: it has more than %d bytes", tooLarge.Limit), Hint: "send fewer rows in a request", Err: err}
	case err != nil && !errors.As(err, &known):
		err = &pipeline.Error{Kind: pipeline.Invalid, Reason: "the body cannot be read: " + err.Error(), Err: err}
	}
	return buffer.Bytes(), err
}

const (
	// maxTensors bounds the inputs and outputs of a request.
	maxTensors = 1024
	// manyObjects is how many objects a request may have without a look at
	// what they are: an empty one takes fifty times its text once read.
	manyObjects = 1 << 14
)

// unmarshalRequest reads the JSON of a request.
func unmarshalRequest(text []byte, request *inferRequest) error {
	if bytes.Count(text, []byte("{")) > manyObjects {
		var tensors struct{ Inputs, Outputs []json.RawMessage }
		if err := unmarshal(text, &tensors); err != nil {
			return err
		}
		if n := max(len(tensors.Inputs), len(tensors.Outputs)); n > maxTensors {
			return pipeline.Invalidf("inputs", "%d tensors are more than %d", n, maxTensors)
		}
	}
	return unmarshal(text, request)
}

// unmarshal is json.Unmarshal with errors for a person.
func unmarshal(text []byte, into any) error {
	err := json.Unmarshal(text, into)
	var misfit *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &misfit):
		return &pipeline.Error{Kind: pipeline.Invalid, Field: misfit.Field, Reason: eventing.CannotBe(misfit), Err: err}
	}
	return &pipeline.Error{Kind: pipeline.Invalid, Reason: fmt.Sprintf("the request is not JSON: %v", err), Err: err}
}
