package keras

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/kafkaml/kafkaml/shared/framework/keras/savedmodel"
	"github.com/kafkaml/kafkaml/shared/framework/onnx/onnxmodel"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// maxGraph bounds saved_model.pb; most is constants.
const maxGraph = 64 << 20

// Verify checks an export that Export left in dir, and its description: only
// the expected files, a graph of allowed operations that reaches no file but
// through its saver, the promised signatures with the types and shapes of want,
// sizes within bounds. The error is an Invalid *pipeline.Error.
func Verify(dir string, want pipeline.Export) error {
	weights, err := verify(dir, want)
	if err == nil {
		err = verifyONNX(dir, want, weights)
	}
	return refusalOf(err)
}

// refusalOf is what is wrong with an export, for a person.
func refusalOf(err error) error {
	if err == nil {
		return nil
	}
	return &pipeline.Error{
		Op: op, Kind: pipeline.Invalid, Field: "source", Err: err,
		Reason: "the exported model is refused: " + plain(err.Error(), 1000),
		Hint:   compute(err),
	}
}

// compute says what to do about an operation that may not be exported.
func compute(err error) string {
	var node *nodeError
	if errors.As(err, &node) {
		if node.hint != "" {
			return node.hint
		}
		switch node.op {
		case "StringFormat", "PrintV2", "Print":
			return "leave print and tf.print out of layers and losses: nobody would read what they write"
		case "PyFunc", "EagerPyFunc", "PyFuncStateless":
			return "leave tf.py_function and tf.numpy_function out: training runs no Python; write it with keras.ops"
		}
	}
	return "use layers and operations of Keras and TensorFlow that only compute"
}

// verify checks the SavedModel and the template, and gives the tensors of the
// signature weights.
func verify(dir string, want pipeline.Export) (weights map[string]savedmodel.TensorInfo, _ error) {
	if err := checkDescription(want); err != nil {
		return nil, fmt.Errorf("its description: %w", err)
	}
	if err := checkFiles(dir); err != nil {
		return nil, err
	}
	data, err := readBounded(filepath.Join(dir, "model", "saved_model.pb"), maxGraph)
	if err != nil {
		return nil, err
	}
	m, err := savedmodel.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("saved_model.pb: %w", err)
	}
	g, err := checkGraph(m)
	if err != nil {
		return nil, err
	}
	if err := g.checkSignatures(want); err != nil {
		return nil, err
	}
	weights = g.Signatures["weights"].Outputs
	if err := checkTemplate(filepath.Join(dir, "keras"), weights); err != nil {
		return nil, fmt.Errorf("the template of the .keras file: %w", err)
	}
	return weights, nil
}

// checkFiles holds that dir has the exported files, plain and bounded, and
// nothing else.
func checkFiles(dir string) error {
	found := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return nil
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() || info.Size() > maxFile || !slices.Contains(append(slices.Concat(graphFiles, templateFiles), onnxmodel.Open.Path), filepath.ToSlash(name)) {
			return fmt.Errorf("the file %q is not expected", plain(name, 200))
		}
		if name != onnxmodel.Open.Path {
			found++
		}
		return nil
	})
	if err == nil && found != len(graphFiles) && found != len(graphFiles)+len(templateFiles) {
		err = fmt.Errorf("%d files, the SavedModel's %d or also the template's %d are expected", found, len(graphFiles), len(templateFiles))
	}
	return err
}
