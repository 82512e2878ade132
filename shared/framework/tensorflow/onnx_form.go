package tensorflow

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxgraph"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxmodel"
)

// saveONNX writes the trained model as an ONNX file to dir, where one was
// exported whose weights are open: they have the names of the outputs of the
// signature weights, and only those are open that the model's outputs depend on.
func (t *Trainer) saveONNX(dir string) (err error) {
	open, err := os.ReadFile(filepath.Join(t.options.Dir, onnxmodel.Open.Path))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	names, err := onnxgraph.Inputs(open)
	if err != nil {
		return err
	}
	variables, err := t.variables()
	if err != nil {
		return err
	}
	var weights []onnxgraph.Weight
	for i, v := range variables {
		if name := t.weights.Outputs[i]; slices.Contains(names, name) {
			w, err := weightOf(name, v)
			if err != nil {
				return err
			}
			weights = append(weights, w)
		}
	}
	f, err := os.Create(filepath.Join(dir, onnxmodel.Model.Path)) // #nosec G304 -- below a folder of ours
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	return errors.Join(onnxgraph.Fill(w, open, weights), w.Flush())
}

// weightOf is a variable as a weight of an ONNX file; the memory is shared.
func weightOf(name string, v *tf.Tensor) (onnxgraph.Weight, error) {
	d, err := DTypeOf(v.DataType())
	if err != nil {
		return onnxgraph.Weight{}, fmt.Errorf("weight %s: %w", name, err)
	}
	w := onnxgraph.Weight{Name: name, DType: d, Data: Bytes(v)}
	for _, n := range v.Shape() {
		w.Shape = append(w.Shape, int(n))
	}
	return w, nil
}
