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
	"golang.org/x/sys/unix"
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
	Name   string  `json:"name"`   // Keras' own, of an optimizer's
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
	datasets, err := checkWeights(filepath.Join(dir, "model.weights.h5"))
	if err != nil {
		return err
	}
	var variables []Variable
	d := json.NewDecoder(bytes.NewReader(table))
	d.DisallowUnknownFields()
	if err := d.Decode(&variables); err != nil {
		return fmt.Errorf("variables.json: %w", err)
	}
	return checkVariables(variables, weights, datasets)
}

// checkWeights is checkHDF5 of a file, which is not read into memory.
func checkWeights(path string) (datasets map[int64]int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return nil, errors.Join(errors.New("model.weights.h5 is no HDF5 file"), err)
	}
	file, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE) // #nosec G115 -- a descriptor
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unix.Munmap(file)) }()
	return checkHDF5(file)
}

// checkVariables holds that each variable is that of the signature and fills a
// dataset of the file, no two the same.
func checkVariables(variables []Variable, weights map[string]savedmodel.TensorInfo, datasets map[int64]int64) error {
	if len(variables) != len(weights) {
		return fmt.Errorf("variables.json lists %d variables, the graph has %d", len(variables), len(weights))
	}
	for i, name := range weightNames(len(variables)) {
		v, t := variables[i], weights[name]
		if v.DType != t.Type.String() || !slices.EqualFunc(v.Shape, t.Shape.Dims, func(a int, b int64) bool { return int64(a) == b }) {
			return fmt.Errorf("variable %s is %s %v, variables.json says %s %v", name, t.Type, t.Shape.Dims, plain(v.DType, 20), v.Shape)
		}
		if !validText(v.Path, 1000) || !validText(v.Name, 1000) || v.Offset < -1 || v.Bytes != t.Shape.Elements()*t.Type.Bytes() {
			return fmt.Errorf("variable %s: path, name, offset or size is wrong", name)
		}
		if v.Offset < 0 || v.Bytes == 0 {
			continue
		}
		for _, at := range append([]int64{v.Offset}, v.Copies...) {
			if datasets[at] != v.Bytes {
				return fmt.Errorf("variable %s is no dataset of model.weights.h5, or that of another", plain(v.Path, 200))
			}
			delete(datasets, at)
		}
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
