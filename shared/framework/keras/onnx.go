package keras

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework/keras/savedmodel"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxgraph"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// maxONNX bounds open.onnx, as worker/onnx_form.py does; most is constants.
const maxONNX = 64 << 20

// collectONNX copies the ONNX form of a verified export, where the child says
// that there is one, and verifies the copy. What is wrong with it becomes
// want.NoONNX, and nothing of it is left in dir.
func collectONNX(root *os.Root, dir string, want *pipeline.Export, weights map[string]savedmodel.TensorInfo) error {
	if want.NoONNX != "" {
		return nil
	}
	path := filepath.Join(dir, onnxmodel.Open.Path)
	err := copyFile(root, filepath.Join("export", "onnx", onnxmodel.Open.Path), path, maxONNX)
	if err == nil {
		err = verifyONNX(dir, *want, weights)
	}
	if err == nil {
		return nil
	}
	want.NoONNX = line(reasonOf(err))
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unavailable(err)
	}
	return nil
}

// reasonOf is what an error says without its operation and hint.
func reasonOf(err error) string {
	var e *pipeline.Error
	if errors.As(err, &e) && e.Reason != "" {
		return e.Reason
	}
	return err.Error()
}

// verifyONNX checks the ONNX form in dir, if there is one: of the weights, it
// may read what the signature weights gives.
func verifyONNX(dir string, e pipeline.Export, weights map[string]savedmodel.TensorInfo) error {
	graph, err := readBounded(filepath.Join(dir, onnxmodel.Open.Path), maxONNX)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	want, err := onnxgraph.WantOf(e)
	if err != nil {
		return err
	}
	names, err := onnxgraph.Inputs(graph)
	if err != nil {
		return err
	}
	for _, name := range names {
		info, isWeight := weights[name]
		if !isWeight {
			continue
		}
		dtype, err := codec.ParseDType(info.Type.String())
		if err != nil {
			return fmt.Errorf("the weight %s: %w", name, err)
		}
		open := onnxgraph.Tensor{Name: name, DType: dtype}
		for _, d := range info.Shape.Dims {
			open.Shape = append(open.Shape, int(d))
		}
		want.Open = append(want.Open, open)
	}
	return onnxgraph.Verify(graph, want)
}
