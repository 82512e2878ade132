package tensorflow

// #include "text.h"
import "C"

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"unsafe"

	tf "github.com/galeone/tensorflow/tensorflow/go"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/framework"
)

// texts is a tensor of text that is filled again and again. It owns the memory
// of its strings, which TensorFlow does not free with the tensor: keep it
// reachable as long as the tensor is in use.
type texts struct {
	tensor *tf.Tensor
	memory []byte // the strings of tensor, as the library keeps them
	n      int
}

// newTexts makes a tensor of empty strings. Its shape has one size at least.
func newTexts(shape ...int64) (*texts, error) {
	n := int64(1)
	for _, d := range shape {
		if d < 1 {
			return nil, fmt.Errorf("tensor of text of shape %v", shape)
		}
		n *= d
	}
	// A tensor of strings cannot be given another shape, so it is made of
	// nested slices.
	nested := reflect.ValueOf("")
	for _, d := range slices.Backward(shape) {
		outer := reflect.MakeSlice(reflect.SliceOf(nested.Type()), int(d), int(d))
		for i := range int(d) {
			outer.Index(i).Set(nested)
		}
		nested = outer
	}
	tensor, err := tf.NewTensor(nested.Interface())
	if err != nil {
		return nil, err
	}
	t := &texts{tensor: tensor, memory: tensor.TensorData(), n: int(n)}
	runtime.SetFinalizer(t, (*texts).free) // before the tensor's own, which t keeps reachable
	return t, nil
}

func (t *texts) free() { C.kafkaml_free_texts(unsafe.Pointer(&t.memory[0]), C.size_t(t.n)) }

// fill sets the first n strings to those of stored (codec.AppendText), which
// holds exactly so many.
func (t *texts) fill(stored []byte, n int) error {
	if n > t.n || len(stored) == 0 {
		return fmt.Errorf("%d bytes of text for %d of %d elements", len(stored), n, t.n)
	}
	whole := C.kafkaml_set_texts(unsafe.Pointer(&t.memory[0]), C.size_t(n), unsafe.Pointer(&stored[0]), C.size_t(len(stored)))
	runtime.KeepAlive(t)
	if whole == 0 {
		return fmt.Errorf("%d bytes are not the text of %d elements", len(stored), n)
	}
	return nil
}

// mostText bounds the text that a model gives for one batch.
const mostText = 64 << 20

// mostSeen bounds the words of some records that are counted.
const mostSeen = 512 << 20

// appendTexts copies the strings of a tensor that the library gave to dst, as
// codec.AppendText stores them: at most most bytes. The library frees them with
// the tensor.
func appendTexts(dst []byte, t *tf.Tensor, most uint64) ([]byte, error) {
	n := elements(t)
	if n == 0 {
		return dst, nil
	}
	memory := t.TensorData()
	strings := unsafe.Pointer(&memory[0])
	bytes := uint64(C.kafkaml_texts_size(strings, C.size_t(n)))
	if bytes > most {
		return dst, fmt.Errorf("%d bytes, more than %d", bytes, most)
	}
	from := len(dst)
	dst = slices.Grow(dst, int(bytes))[:from+int(bytes)] // #nosec G115 -- bounded above
	C.kafkaml_get_texts(strings, C.size_t(n), unsafe.Pointer(&dst[from]))
	runtime.KeepAlive(t)
	return dst, nil
}

// elements is how many values a tensor holds.
func elements(t *tf.Tensor) int {
	n := 1
	for _, d := range t.Shape() {
		n *= int(d)
	}
	return n
}

// readTexts copies the strings of a tensor into the records of an output, whose
// memory it uses again.
func readTexts(o *framework.Output, t *tf.Tensor, records int) (err error) {
	o.Ends, o.Size = o.Ends[:0], 0
	if o.Data, err = appendTexts(o.Data[:0], t, mostText); err != nil {
		return fmt.Errorf("the texts that the model gives for %d records have %w", records, err)
	}
	n, rest := elements(t), o.Data
	for range records {
		for range n / records {
			_, rest, _ = codec.CutText(rest)
		}
		o.Ends = append(o.Ends, len(o.Data)-len(rest))
	}
	return nil
}
