package tensorflow

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	tf "github.com/galeone/tensorflow/tensorflow/go"
	corepb "github.com/galeone/tensorflow/tensorflow/go/core/protobuf/for_core_protos_go_proto"
	"google.golang.org/protobuf/proto"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework/rows"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

const serving = "serving_default"

// servingOptions has each call run on its caller's thread (an inter-op size
// below zero), with operations on threads threads.
func servingOptions(threads int) *tf.SessionOptions {
	config, err := proto.Marshal(&corepb.ConfigProto{
		IntraOpParallelismThreads: int32(max(threads, 1)), // #nosec G115 -- a count of threads
		InterOpParallelismThreads: -1,
	})
	if err != nil { // cannot be: two integers
		return nil
	}
	return &tf.SessionOptions{Config: config}
}

// load opens the session. Once it is open, nothing is read from its folder.
func (p *Predictor) load(dir string, threads int) error {
	fault := func(err error) error {
		return &pipeline.Error{Op: "open model", Kind: pipeline.Internal, Reason: "TensorFlow cannot load the SavedModel: " + err.Error(), Err: err}
	}
	folder, err := forServing(dir)
	if err != nil {
		return fault(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if p.model, err = tf.LoadSavedModel(folder, []string{"serve"}, servingOptions(threads)); err != nil {
		return fault(err)
	}
	return nil
}

// bind finds the tensors of the serving signature, in the order of the export.
func (p *Predictor) bind(e pipeline.Export) error {
	signature, ok := p.model.Signatures[serving]
	if !ok {
		return unservable("it has no signature %s", serving)
	}
	if len(signature.Inputs) != len(e.Inputs) || len(signature.Outputs) != len(e.Outputs) {
		return unservable("its signature has %d inputs and %d outputs, %d and %d were registered",
			len(signature.Inputs), len(signature.Outputs), len(e.Inputs), len(e.Outputs))
	}
	for _, t := range e.Inputs {
		in, at, err := p.bindInput(signature.Inputs, t)
		if err != nil {
			return err
		}
		p.inputs, p.feeds = append(p.inputs, in), append(p.feeds, at)
	}
	for _, t := range e.Outputs {
		info, ok := signature.Outputs[t.SignatureName()]
		if !ok {
			return unservable("its signature has no output %q", t.Name)
		}
		dtype, err := outputType(info.DType)
		if err != nil {
			return unservable("output %q: %v", t.Name, err)
		}
		at, err := p.tensor(info.Name)
		if err != nil {
			return err
		}
		p.fetches, p.types = append(p.fetches, at), append(p.types, dtype)
	}
	return nil
}

func (p *Predictor) bindInput(inputs map[string]tf.TensorInfo, t pipeline.Tensor) (in rows.Input, at tf.Output, err error) {
	name := t.Name
	info, ok := inputs[t.SignatureName()]
	if !ok {
		return in, at, unservable("its signature has no input %q", name)
	}
	dtype, err := inputType(info.DType)
	if err != nil {
		return in, at, unservable("input %q: %v", name, err)
	}
	in = rows.Input{Name: name, DType: dtype}
	if n := info.Shape.NumDimensions(); n < 1 {
		return in, at, unservable("input %q has no batch dimension", name)
	}
	for i := 1; i < info.Shape.NumDimensions(); i++ {
		in.Shape = append(in.Shape, int(info.Shape.Size(i)))
	}
	at, err = p.tensor(info.Name)
	return in, at, err
}

// outputType is the codec's type for one that can be read.
func outputType(t tf.DataType) (codec.DType, error) {
	if t == tf.String {
		return codec.String, nil
	}
	return DTypeOf(t)
}

// inputType is the codec's type for one that can be fed.
func inputType(t tf.DataType) (codec.DType, error) {
	if t == tf.String {
		return codec.String, nil
	}
	d, err := DTypeOf(t)
	if err == nil {
		_, err = NewTensor(d, 1)
	}
	return d, err
}

// tensor finds a tensor by its name in the graph, "operation:index".
func (p *Predictor) tensor(name string) (tf.Output, error) {
	op, index, _ := strings.Cut(name, ":")
	i, err := strconv.Atoi(index)
	o := p.model.Graph.Operation(op)
	if err != nil || o == nil || i < 0 || i >= o.NumOutputs() {
		return tf.Output{}, unservable("its signature names the tensor %q, which the graph does not have", name)
	}
	return o.Output(i), nil
}

func unservable(format string, args ...any) error {
	return &pipeline.Error{Op: "open model", Kind: pipeline.Invalid, Reason: "the SavedModel cannot be served: " + fmt.Sprintf(format, args...)}
}
