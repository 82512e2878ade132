package tensorflow

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/framework/keras/kerasmodel"
)

// variables are the values of every variable of model and optimizer, in the
// order of the export's keras/variables.json.
func (t *Trainer) variables() ([]*tf.Tensor, error) {
	if t.values == nil {
		v, err := t.weights.Call(nil)
		if err != nil {
			return nil, fmt.Errorf("read the variables: %w", err)
		}
		t.values = v
	}
	return t.values, nil
}

// WeightsHash is the SHA-256, in hex, over the types, shapes and bytes of all
// variables: equal hashes are equal models.
func (t *Trainer) WeightsHash() (string, error) {
	variables, err := t.variables()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, v := range variables {
		fmt.Fprintf(h, "%d %v\n", v.DataType(), v.Shape())
		h.Write(Bytes(v))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Unsound names the first variable of the model, not of its optimizer, that
// holds NaN or an infinity, "" where all are finite.
func (t *Trainer) Unsound() (string, error) {
	variables, err := t.variables()
	if err != nil {
		return "", err
	}
	places, err := kerasmodel.ReadVariables(t.options.Dir) // none where Keras itself could not save it
	if err != nil {
		return "", err
	}
	for i, v := range variables {
		name := fmt.Sprintf("variable %d", i+1)
		if i < len(places) {
			name = places[i].Path
		}
		if !strings.HasPrefix(name, kerasmodel.OfOptimizer) && !allFinite(v) {
			name, _, _ = strings.Cut(strings.TrimPrefix(name, "/"), "/vars/")
			return name, nil
		}
	}
	return "", nil
}

// allFinite reports whether no number of a tensor is NaN or infinite, by the
// bits of its exponents; numbers that are no floating-point ones are finite.
func allFinite(v *tf.Tensor) bool {
	b, le := Bytes(v), binary.LittleEndian
	switch v.DataType() {
	case tf.Float:
		for ; len(b) >= 4; b = b[4:] {
			if e := uint32(0x7f800000); le.Uint32(b)&e == e {
				return false
			}
		}
	case tf.Double:
		for ; len(b) >= 8; b = b[8:] {
			if e := uint64(0x7ff0000000000000); le.Uint64(b)&e == e {
				return false
			}
		}
	case tf.Half, tf.Bfloat16:
		e := uint16(0x7c00)
		if v.DataType() == tf.Bfloat16 {
			e = 0x7f80
		}
		for ; len(b) >= 2; b = b[2:] {
			if le.Uint16(b)&e == e {
				return false
			}
		}
	}
	return true
}

// Save writes the trained model to dir in all its forms: the SavedModel, and
// where the model was exported for them the ONNX file and the .keras file.
func (t *Trainer) Save(dir string) error {
	if err := t.saveModel(filepath.Join(dir, kerasmodel.Trained)); err != nil {
		return err
	}
	if err := t.saveONNX(dir); err != nil {
		return fmt.Errorf("write the ONNX file: %w", err)
	}
	template := filepath.Join(t.options.Dir, kerasmodel.Template)
	places, err := kerasmodel.ReadVariables(t.options.Dir)
	if err != nil {
		return fmt.Errorf("write the .keras file: %w", err)
	}
	if places == nil || !t.kerasHolds() { // Keras itself could not save it
		return nil
	}
	if err := t.saveKeras(filepath.Join(dir, kerasmodel.KerasFile), template, places); err != nil {
		return fmt.Errorf("write the .keras file: %w", err)
	}
	return nil
}

// saveModel writes the exported SavedModel to dir with its variables replaced,
// all signatures kept.
func (t *Trainer) saveModel(dir string) error {
	if err := os.CopyFS(dir, os.DirFS(t.dir)); err != nil {
		return fmt.Errorf("copy the exported model: %w", err)
	}
	old, err := filepath.Glob(filepath.Join(dir, "variables", "*"))
	if err != nil {
		return err
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	var fetches []tf.Output
	if t.values == nil {
		fetches = t.weights.fetches
	}
	got, err := t.model.saveVariables(dir, fetches)
	if err != nil {
		return fmt.Errorf("save the variables: %w", err)
	}
	if t.values == nil {
		t.values = got
	}
	return nil
}

// saveKeras writes a .keras file: the template, the export's folder keras/,
// with the variables' bytes in place of the initial ones, at their places.
func (t *Trainer) saveKeras(file, template string, places []kerasmodel.Variable) (err error) {
	variables, err := t.variables()
	if err != nil {
		return err
	}
	weights, err := patched(filepath.Join(template, "model.weights.h5"), places, variables)
	if err != nil {
		return err
	}
	config, err := t.kerasConfig(template)
	if err != nil {
		return err
	}
	f, err := os.Create(file) // #nosec G304 -- below a folder of ours
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z := zip.NewWriter(f)
	metadata, err := os.ReadFile(filepath.Join(template, "metadata.json")) // #nosec G304 -- below a folder of ours
	if err != nil {
		return err
	}
	if err := store(z, "metadata.json", metadata); err != nil {
		return err
	}
	if err := store(z, "config.json", config); err != nil {
		return err
	}
	if err := store(z, "model.weights.h5", weights); err != nil {
		return err
	}
	return z.Close()
}

// store adds an uncompressed member, as Keras writes it.
func store(z *zip.Writer, name string, b []byte) error {
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// patched is the weights file with the variables' bytes.
func patched(file string, places []kerasmodel.Variable, variables []*tf.Tensor) ([]byte, error) {
	if len(places) != len(variables) {
		return nil, fmt.Errorf("variables.json has %d variables, the model has %d", len(places), len(variables))
	}
	h5, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for i, p := range places {
		if p.Offset == -1 {
			continue
		}
		b := Bytes(variables[i])
		for _, at := range append([]int64{p.Offset}, p.Copies...) {
			if int64(len(b)) != p.Bytes || at < 0 || at > int64(len(h5))-p.Bytes {
				return nil, fmt.Errorf("variables.json: %s of %d bytes at %d does not fit", p.Path, p.Bytes, at)
			}
			copy(h5[at:], b)
		}
	}
	return h5, nil
}
