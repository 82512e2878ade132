package tensorflow

import (
	"fmt"
	"sync"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/codec"
)

var dataTypes = map[codec.DType]tf.DataType{
	codec.Float16: tf.Half, codec.BFloat16: tf.Bfloat16, codec.Float32: tf.Float, codec.Float64: tf.Double,
	codec.Int8: tf.Int8, codec.Int16: tf.Int16, codec.Int32: tf.Int32, codec.Int64: tf.Int64,
	codec.Uint8: tf.Uint8, codec.Uint16: tf.Uint16, codec.Uint32: tf.Uint32, codec.Uint64: tf.Uint64,
	codec.Bool: tf.Bool,
}

// DataType is TensorFlow's type for d, an error for strings.
func DataType(d codec.DType) (tf.DataType, error) {
	t, ok := dataTypes[d]
	if !ok {
		return 0, fmt.Errorf("tensors of %s cannot be fed", d)
	}
	return t, nil
}

// DTypeOf is the codec's type for t, an error for what no record can hold.
func DTypeOf(t tf.DataType) (codec.DType, error) {
	for d, have := range dataTypes {
		if have == t {
			return d, nil
		}
	}
	return 0, fmt.Errorf("tensors of TensorFlow type %d cannot be read", t)
}

// NewTensor allocates a tensor of zeros, to be filled through Bytes. The
// memory is TensorFlow's and is freed by a finalizer, which the Go heap's size
// does not hurry: make few tensors and use them again. A tensor may be filled
// again once the Run that it was fed to has returned.
func NewTensor(d codec.DType, shape ...int64) (*tf.Tensor, error) {
	n := int64(1)
	for _, s := range shape {
		if s < 0 {
			return nil, fmt.Errorf("tensor of shape %v", shape)
		}
		n *= s
	}
	switch d {
	case codec.Uint32: // ReadTensor refuses these two
		return reshaped(make([]uint32, n), shape)
	case codec.Uint64:
		return reshaped(make([]uint64, n), shape)
	case codec.Float16, codec.BFloat16: // and panics on these
		return halves(d, shape)
	}
	t, err := DataType(d)
	if err != nil {
		return nil, err
	}
	return tf.ReadTensor(t, shape, blank{})
}

func reshaped(values any, shape []int64) (*tf.Tensor, error) {
	t, err := tf.NewTensor(values)
	if err != nil {
		return nil, err
	}
	return t, t.Reshape(shape)
}

// cast gives tensors of 16 bits for tensors of uint16.
type cast struct {
	session *tf.Session
	bits    tf.Output
	to      map[codec.DType]tf.Output
}

// casts is made once, for models that take such types.
var casts = sync.OnceValues(func() (c cast, err error) {
	g := tf.NewGraph()
	bits, err := g.AddOperation(tf.OpSpec{Type: "Placeholder", Name: "bits", Attrs: map[string]any{"dtype": tf.Uint16}})
	if err != nil {
		return c, err
	}
	c.bits, c.to = bits.Output(0), map[codec.DType]tf.Output{}
	for _, d := range []codec.DType{codec.Float16, codec.BFloat16} {
		o, err := g.AddOperation(tf.OpSpec{Type: "Bitcast", Name: d.String(), Input: []tf.Input{c.bits}, Attrs: map[string]any{"type": dataTypes[d]}})
		if err != nil {
			return c, err
		}
		c.to[d] = o.Output(0)
	}
	c.session, err = tf.NewSession(g, nil)
	return c, err
})

// halves makes a tensor of a type that the binding makes none of: TensorFlow takes
// the memory of one of uint16 for it.
func halves(d codec.DType, shape []int64) (*tf.Tensor, error) {
	c, err := casts()
	if err != nil {
		return nil, err
	}
	bits, err := tf.ReadTensor(tf.Uint16, shape, blank{})
	if err != nil {
		return nil, err
	}
	made, err := c.session.Run(map[tf.Output]*tf.Tensor{c.bits: bits}, []tf.Output{c.to[d]}, nil)
	if err != nil {
		return nil, err
	}
	return made[0], nil
}

// blank reads zeros without end.
type blank struct{}

func (blank) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Bytes is the memory of a numeric tensor, little-endian and row-major. It is
// valid as long as t is reachable.
func Bytes(t *tf.Tensor) []byte { return t.TensorData() }

// TensorOf copies bytes into a new tensor.
func TensorOf(d codec.DType, data []byte, shape ...int64) (*tf.Tensor, error) {
	t, err := NewTensor(d, shape...)
	if err != nil {
		return nil, err
	}
	if b := Bytes(t); copy(b, data) != len(data) || len(b) != len(data) {
		return nil, fmt.Errorf("%d bytes for a tensor of %s %v, which has %d", len(data), d, shape, len(b))
	}
	return t, nil
}
