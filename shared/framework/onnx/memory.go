package onnx

// #include <malloc.h>
// #include <stdlib.h>
import "C"

import (
	"fmt"
	"slices"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework/rows"
)

// giveBack gives the system the memory of C's that opening a model took beside
// what it keeps, which is several times as much.
func giveBack() { C.malloc_trim(0) }

// buffer is memory of C's, which tensors of the library may lie over: it does
// not move.
type buffer struct{ bytes []byte }

func (b *buffer) size() int { return len(b.bytes) }

// grow makes it larger, what is in it kept. The old memory is no longer valid.
func (b *buffer) grow(size int) []byte {
	memory := C.calloc(1, C.size_t(size))
	if memory == nil {
		panic("out of memory")
	}
	grown := unsafe.Slice((*byte)(memory), size)
	copy(grown, b.bytes)
	b.free()
	b.bytes = grown
	return grown
}

func (b *buffer) free() {
	if len(b.bytes) > 0 {
		C.free(unsafe.Pointer(&b.bytes[0]))
	}
	b.bytes = nil
}

// mostKept bounds the tensors that are kept to be used again.
const mostKept = 256

// span are records of a batch, the last left out, whose outputs are the rows from
// at on.
type span struct{ from, to, at int }

// tensors are those of some records, nil where there is none.
type tensors struct{ inputs, outputs []ort.Value }

func (t tensors) destroy() {
	for _, all := range [][]ort.Value{t.inputs, t.outputs} {
		for _, v := range all {
			if v != nil {
				_ = v.Destroy() // it gives no error
			}
		}
	}
}

// memory is what a batch has of C's and of the library's.
type memory struct {
	inputs, outputs []buffer
	kept            map[span]tensors
}

func newMemory(inputs, outputs int) *memory {
	return &memory{inputs: make([]buffer, inputs), outputs: make([]buffer, outputs), kept: map[span]tensors{}}
}

// forget gives the tensors up, because the memory that they lie over is about
// to move.
func (m *memory) forget() {
	for _, t := range m.kept {
		t.destroy()
	}
	clear(m.kept)
}

func (m *memory) free() {
	m.forget()
	for _, all := range [][]buffer{m.inputs, m.outputs} {
		for i := range all {
			all[i].free()
		}
	}
}

// call is what one of the calls under way has: memory for inputs that are cast,
// which is many times a record's size and so not each batch's, and the watch
// over its time.
type call struct {
	inputs []ort.Value // of this call
	casts  []casts     // by input
	watch  *watch
}

// casts is the memory of one input that is cast, and tensors over it.
type casts struct {
	memory buffer
	dims   []int64           // that the tensors have beside the batch
	kept   map[int]ort.Value // by number of records
}

func newCall(inputs int) (*call, error) {
	w, err := newWatch()
	if err != nil {
		return nil, err
	}
	return &call{inputs: make([]ort.Value, inputs), casts: make([]casts, inputs), watch: w}, nil
}

func (c *call) free() {
	for i := range c.casts {
		c.casts[i].forget()
		c.casts[i].memory.free()
	}
	c.watch.free()
}

func (c *casts) forget() {
	for _, v := range c.kept {
		_ = v.Destroy() // it gives no error
	}
	c.kept = nil
}

// cast gives an input of n records of a batch in the model's type.
func (c *call) cast(input int, b *Batch, stored []byte, dtype codec.DType, n int) (ort.Value, error) {
	to, into := b.p.inputs[input].DType, &c.casts[input]
	size := n * b.Elements(input) * to.Size()
	if into.memory.size() < size {
		into.forget()
		into.memory.grow(max(size, min(2*into.memory.size(), castBytes)))
	}
	if !slices.Equal(into.dims, b.Dims(input)) || len(into.kept) >= mostKept {
		into.forget()
		into.dims = b.Dims(input)
	}
	if err := rows.Cast(into.memory.bytes[:size], to, stored, dtype); err != nil {
		return nil, err
	}
	v, ok := into.kept[n]
	if ok {
		return v, nil
	}
	v, err := tensorOver(into.memory.bytes[:size], to, b.Shape(input, n))
	if err == nil {
		if into.kept == nil {
			into.kept = map[int]ort.Value{}
		}
		into.kept[n] = v
	}
	return v, err
}

var dataTypes = map[codec.DType]ort.TensorElementDataType{
	codec.Float16: ort.TensorElementDataTypeFloat16, codec.BFloat16: ort.TensorElementDataTypeBFloat16,
	codec.Float32: ort.TensorElementDataTypeFloat, codec.Float64: ort.TensorElementDataTypeDouble,
	codec.Int8: ort.TensorElementDataTypeInt8, codec.Int16: ort.TensorElementDataTypeInt16,
	codec.Int32: ort.TensorElementDataTypeInt32, codec.Int64: ort.TensorElementDataTypeInt64,
	codec.Uint8: ort.TensorElementDataTypeUint8, codec.Uint16: ort.TensorElementDataTypeUint16,
	codec.Uint32: ort.TensorElementDataTypeUint32, codec.Uint64: ort.TensorElementDataTypeUint64,
	codec.Bool: ort.TensorElementDataTypeBool,
}

// tensorOver is a tensor whose values are memory, which is C's.
func tensorOver(memory []byte, d codec.DType, shape []int64) (ort.Value, error) {
	t, err := ort.NewCustomDataTensor(shape, memory, dataTypes[d])
	if err != nil { // a nil *CustomDataTensor would be no nil Value
		return nil, err
	}
	return t, nil
}

// bytesOf gives the values of a tensor that the binding has made and copied into
// Go's memory, and gives the tensor up.
func bytesOf(v ort.Value) (data []byte, err error) {
	switch t := v.(type) {
	case *ort.Tensor[float32]:
		data = raw(t.GetData())
	case *ort.Tensor[float64]:
		data = raw(t.GetData())
	case *ort.Tensor[int8]:
		data = raw(t.GetData())
	case *ort.Tensor[int16]:
		data = raw(t.GetData())
	case *ort.Tensor[int32]:
		data = raw(t.GetData())
	case *ort.Tensor[int64]:
		data = raw(t.GetData())
	case *ort.Tensor[uint8]:
		data = raw(t.GetData())
	case *ort.Tensor[uint16]:
		data = raw(t.GetData())
	case *ort.Tensor[uint32]:
		data = raw(t.GetData())
	case *ort.Tensor[uint64]:
		data = raw(t.GetData())
	case *ort.Tensor[bool]:
		data = raw(t.GetData())
	default:
		err = fmt.Errorf("a value of another type (%T)", v)
	}
	_ = v.Destroy() // it gives no error
	return data, err
}

func raw[T any](values []T) []byte {
	if len(values) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), len(values)*int(unsafe.Sizeof(values[0]))) // #nosec G103 -- the same memory as bytes
}
