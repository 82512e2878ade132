package main

import (
	"archive/zip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// dataset is arrays of training samples: the same bytes go to Kafka as RAW
// records and to Python as an .npz file.
type dataset struct {
	name   string
	dtype  codec.DType // of samples; labels are uint8
	shape  []int
	count  int
	values []byte // row after row
	labels []byte
}

func (d *dataset) size() int { return len(d.values) / d.count }

// sample and label are the value and key of record i; after the last comes the
// first again.
func (d *dataset) sample(i int) []byte {
	i %= d.count
	return d.values[i*d.size() : (i+1)*d.size()]
}

func (d *dataset) label(i int) []byte { return d.labels[i%d.count : i%d.count+1] }

// first is the first n rows.
func (d *dataset) first(n int) *dataset {
	n = min(n, d.count)
	part := *d
	part.count, part.values, part.labels = n, d.values[:n*d.size()], d.labels[:n]
	return &part
}

// config is the input_config of the records.
func (d *dataset) config() json.RawMessage {
	shape := ""
	for i, n := range d.shape {
		if i > 0 {
			shape += " "
		}
		shape += fmt.Sprint(n)
	}
	return fmt.Appendf(nil, `{"data_type": %q, "data_reshape": %q, "label_type": "uint8", "label_reshape": ""}`, d.dtype, shape)
}

// sizes are the shape as arguments of a Python loop.
func (d *dataset) sizes() (all []string) {
	for _, n := range d.shape {
		all = append(all, fmt.Sprint(n))
	}
	return all
}

// points are n records of the small net: three floats, and which of two classes.
func points(n int) *dataset {
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- data, not a secret
	d := &dataset{name: "points", dtype: codec.Float32, shape: []int{3}, count: n}
	for range n {
		var sum float32
		for range 3 {
			v := random.Float32()
			sum += v
			d.values = binary.LittleEndian.AppendUint32(d.values, math.Float32bits(v))
		}
		label := byte(0)
		if sum > 1.5 {
			label = 1
		}
		d.labels = append(d.labels, label)
	}
	return d
}

// digits are MNIST's 60,000 images.
func digits() (*dataset, error) {
	dir, err := toolchain.Data("mnist")
	if err != nil {
		return nil, err
	}
	x, err := os.ReadFile(filepath.Join(dir, "train-images-idx3-ubyte"))
	if err != nil {
		return nil, err
	}
	y, err := os.ReadFile(filepath.Join(dir, "train-labels-idx1-ubyte"))
	if err != nil {
		return nil, err
	}
	const imageHeader, labelHeader = 16, 8 // of IDX
	if len(x) < imageHeader || len(y) <= labelHeader || len(x)-imageHeader != 784*(len(y)-labelHeader) {
		return nil, fmt.Errorf("%s holds no MNIST", dir)
	}
	return &dataset{
		name: "digits", dtype: codec.Uint8, shape: []int{28, 28}, count: len(y) - labelHeader,
		values: x[imageHeader:], labels: y[labelHeader:],
	}, nil
}

// npz writes the arrays x and y for numpy.load.
func (d *dataset) npz(path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z := zip.NewWriter(f)
	if err := npy(z, "x.npy", d.dtype, append([]int{d.count}, d.shape...), d.values); err != nil {
		return err
	}
	if err := npy(z, "y.npy", codec.Uint8, []int{d.count}, d.labels); err != nil {
		return err
	}
	return z.Close()
}

// npy writes one array in NumPy's format 1.0, uncompressed.
func npy(z *zip.Writer, name string, dtype codec.DType, shape []int, data []byte) error {
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err != nil {
		return err
	}
	kind := map[codec.DType]string{codec.Float32: "<f4", codec.Uint8: "|u1"}[dtype]
	dims := ""
	for _, n := range shape {
		dims += fmt.Sprintf("%d, ", n)
	}
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", kind, dims)
	const preamble = 10 // magic, version, length of the header
	for (preamble+len(header)+1)%64 != 0 {
		header += " "
	}
	header += "\n"
	start := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	if _, err := w.Write(append(start, header...)); err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// binding is what the models of the bench take of d, for a decoder.
func (d *dataset) binding() codec.Binding {
	return codec.Binding{
		Inputs: []pipeline.Tensor{{Name: "x", DType: "float32", Shape: d.shape}},
		Labels: []pipeline.Tensor{{Name: "y", DType: "int32", Shape: []int{}}},
	}
}
