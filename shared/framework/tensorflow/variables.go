package tensorflow

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/codec"
)

// Variables are the values of every variable of model and optimizer, in the
// order of the export's keras/variables.json.
func (t *Trainer) Variables() ([]*tf.Tensor, error) { return t.weights.Call(nil) }

// WeightsHash is the SHA-256, in hex, over the types, shapes and bytes of all
// variables: equal hashes are equal models.
func WeightsHash(variables []*tf.Tensor) string {
	h := sha256.New()
	for _, v := range variables {
		fmt.Fprintf(h, "%d %v\n", v.DataType(), v.Shape())
		h.Write(Bytes(v))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Save writes the trained SavedModel to dir, which must not exist: the
// exported one with its variables replaced, all signatures kept.
func (t *Trainer) Save(dir string) error {
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
	if err := t.model.saveVariables(dir); err != nil {
		return fmt.Errorf("save the variables: %w", err)
	}
	return nil
}

// place is one entry of keras/variables.json: where a variable lies in the
// template's model.weights.h5.
type place struct {
	Path   string `json:"path"`
	Offset int64  `json:"offset"` // -1: not in the file
	Bytes  int64  `json:"bytes"`
}

// ErrNoKerasFile says that a model has no .keras template: Keras itself could
// not save it.
var ErrNoKerasFile = errors.New("the model cannot be written as a .keras file")

// WriteKeras writes a .keras file: the template, the export's folder keras/,
// with the variables' bytes in place of the initial ones. A template without
// parts is ErrNoKerasFile.
func WriteKeras(w io.Writer, template string, variables []*tf.Tensor) error {
	raw, err := os.ReadFile(filepath.Join(template, "variables.json"))
	if errors.Is(err, os.ErrNotExist) {
		return ErrNoKerasFile
	}
	if err != nil {
		return err
	}
	var places []place
	if err := json.Unmarshal(raw, &places); err != nil {
		return fmt.Errorf("variables.json: %w", err)
	}
	weights, err := patched(filepath.Join(template, "model.weights.h5"), places, variables)
	if err != nil {
		return err
	}
	z := zip.NewWriter(w)
	for _, name := range []string{"metadata.json", "config.json"} {
		b, err := os.ReadFile(filepath.Join(template, name))
		if err != nil {
			return err
		}
		if err := store(z, name, b); err != nil {
			return err
		}
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
func patched(file string, places []place, variables []*tf.Tensor) ([]byte, error) {
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
		if int64(len(b)) != p.Bytes || p.Offset < 0 || p.Offset > int64(len(h5))-p.Bytes {
			return nil, fmt.Errorf("variables.json: %s of %d bytes at %d does not fit", p.Path, p.Bytes, p.Offset)
		}
		copy(h5[p.Offset:], b)
	}
	return h5, nil
}

// Outputs gives each batch of a split and what the model makes of it, in the
// order of the stream: n records' columns as Samples has them, and the
// outputs of the export in its order. All are valid in the call only.
type Outputs func(n int, columns [][]byte, outputs []*tf.Tensor) error

// predictBatch is how many records Predict runs at once, less where they are
// large.
const predictBatch = 512

// Predict runs the model over a split without training it.
func (t *Trainer) Predict(ctx context.Context, s Samples, each Outputs) error {
	f := newFeeder(s, t.columns, t.predictRows(), 0, nil)
	order, err := t.outputOrder()
	if err != nil {
		return err
	}
	calls := func(yield func(call) bool) {
		for first := int64(0); first < s.Len(); {
			c := call{pass: Stored, first: first, steps: 1, rows: int(min(int64(f.batch), s.Len()-first))}
			if !yield(c) {
				return
			}
			first += int64(c.rows)
		}
	}
	return walk(ctx, f, calls, func(c call, b *buffer) error {
		feeds, err := t.servingFeeds(b)
		if err != nil {
			return err
		}
		got, err := t.serve.Call(feeds)
		if err != nil {
			return err
		}
		outputs := make([]*tf.Tensor, len(order))
		for i, at := range order {
			outputs[i] = got[at]
		}
		return each(c.rows, b.dst, outputs)
	})
}

func (t *Trainer) predictRows() int {
	record := 1
	for _, c := range t.columns {
		record += c.bytes
	}
	return max(1, min(predictBatch, chunkBytes/4/record))
}

// outputOrder maps the export's outputs to those of Call, which are sorted.
func (t *Trainer) outputOrder() ([]int, error) {
	var order []int
	for _, o := range t.options.Export.Outputs {
		at := -1
		for i, name := range t.serve.Outputs {
			if name == o.Name {
				at = i
			}
		}
		if at < 0 {
			return nil, fmt.Errorf("the model has no output %q", o.Name)
		}
		order = append(order, at)
	}
	return order, nil
}

// servingFeeds are a buffer's inputs for the serving signature.
func (t *Trainer) servingFeeds(b *buffer) (map[tf.Output]*tf.Tensor, error) {
	named := map[string]*tf.Tensor{}
	for i, in := range t.options.Export.Inputs {
		named[in.Name] = b.named[t.columns[i].name]
	}
	return t.serve.Feeds(named)
}

// Float64s reads the values of a numeric tensor.
func Float64s(t *tf.Tensor) ([]float64, error) {
	d, err := DTypeOf(t.DataType())
	if err != nil {
		return nil, err
	}
	return FloatsOf(Bytes(t), d)
}

// FloatsOf reads little-endian values of a numeric type.
func FloatsOf(b []byte, d codec.DType) ([]float64, error) {
	wide := make([]byte, len(b)/d.Size()*8)
	if err := codec.Cast(wide, codec.Float64, b, d); err != nil {
		return nil, err
	}
	return float64s(wide), nil
}
