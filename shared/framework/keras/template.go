package keras

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/kafkaml/kafkaml/shared/framework/keras/savedmodel"
)

// maxJSON bounds the text files of a .keras file's template.
const maxJSON = 16 << 20

// hdf5 begins every HDF5 file.
const hdf5 = "\x89HDF\r\n\x1a\n"

// Variable is one entry of keras/variables.json: where the value of a
// variable lies in keras/model.weights.h5, contiguous and little-endian. The
// entries are in the order of the outputs of the signature weights.
type Variable struct {
	Path   string  `json:"path"`
	Offset int64   `json:"offset"` // -1: the file does not hold it
	Copies []int64 `json:"copies"` // where it lies once more
	Bytes  int64   `json:"bytes"`
	DType  string  `json:"dtype"`
	Shape  []int   `json:"shape"`
}

// checkTemplate holds the template of the .keras file, which a model that
// Keras itself cannot save does not have.
func checkTemplate(dir string, weights map[string]savedmodel.TensorInfo) error {
	table, err := readBounded(filepath.Join(dir, "variables.json"), maxJSON)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for name, check := range map[string]func([]byte) error{"config.json": checkConfig, "metadata.json": checkMetadata} {
		text, err := readBounded(filepath.Join(dir, name), maxJSON)
		if err == nil {
			err = check(text)
		}
		if err != nil {
			return err
		}
	}
	size, err := checkHDF5(filepath.Join(dir, "model.weights.h5"))
	if err != nil {
		return err
	}
	var variables []Variable
	d := json.NewDecoder(bytes.NewReader(table))
	d.DisallowUnknownFields()
	if err := d.Decode(&variables); err != nil {
		return fmt.Errorf("variables.json: %w", err)
	}
	return checkVariables(variables, weights, size)
}

func checkHDF5(path string) (size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	head := make([]byte, len(hdf5))
	if _, err := f.ReadAt(head, 0); err != nil || string(head) != hdf5 {
		return 0, fmt.Errorf("model.weights.h5 is no HDF5 file")
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// checkVariables holds that each variable is that of the signature and lies in
// the file, apart from the others and from the file's head.
func checkVariables(variables []Variable, weights map[string]savedmodel.TensorInfo, size int64) error {
	if len(variables) != len(weights) {
		return fmt.Errorf("variables.json lists %d variables, the graph has %d", len(variables), len(weights))
	}
	var held []Variable
	for i, name := range weightNames(len(variables)) {
		v, t := variables[i], weights[name]
		if v.DType != t.Type.String() || !slices.EqualFunc(v.Shape, t.Shape.Dims, func(a int, b int64) bool { return int64(a) == b }) {
			return fmt.Errorf("variable %s is %s %v, variables.json says %s %v", name, t.Type, t.Shape.Dims, plain(v.DType, 20), v.Shape)
		}
		if !validText(v.Path, 1000) || v.Offset < -1 || v.Bytes != t.Shape.Elements()*t.Type.Bytes() {
			return fmt.Errorf("variable %s: path, offset or size is wrong", name)
		}
		if v.Offset >= 0 && v.Bytes > 0 {
			held = append(held, v)
			for _, at := range v.Copies {
				held = append(held, Variable{Path: v.Path, Offset: at, Bytes: v.Bytes})
			}
		}
	}
	slices.SortFunc(held, func(a, b Variable) int { return int(min(max(a.Offset-b.Offset, -1), 1)) })
	end := int64(len(hdf5))
	for _, v := range held {
		if v.Offset < end || v.Bytes > size-v.Offset {
			return fmt.Errorf("variable %s lies outside of model.weights.h5 or in another", plain(v.Path, 200))
		}
		end = v.Offset + v.Bytes
	}
	return nil
}

// readBounded reads a file of at most most bytes.
func readBounded(path string, most int64) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("%s is no plain file of at most %d MiB", filepath.Base(path), most>>20)
	}
	return os.ReadFile(path)
}
