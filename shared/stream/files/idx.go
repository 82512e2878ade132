package files

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/kafkaml/kafkaml/shared/codec"
)

// idxTypes are the element types of IDX (Y. LeCun, "The MNIST database", file
// formats), by the third byte of the magic number.
var idxTypes = map[byte]codec.DType{
	0x08: codec.Uint8, 0x09: codec.Int8, 0x0b: codec.Int16, 0x0c: codec.Int32, 0x0d: codec.Float32, 0x0e: codec.Float64,
}

// idxHeader reads the magic number and the sizes.
func (r *rows) idxHeader() error {
	var magic [4]byte
	n, err := io.ReadFull(r.from, magic[:])
	if err != nil {
		return isNot("an IDX file", magic[:n])
	}
	var known bool
	if r.dtype, known = idxTypes[magic[2]]; !known || magic[0] != 0 || magic[1] != 0 {
		return isNot("an IDX file", magic[:])
	}
	shape := make([]int, magic[3])
	for i := range shape {
		var size [4]byte
		if _, err := io.ReadFull(r.from, size[:]); err != nil {
			return fmt.Errorf("ends within its header: %w", err)
		}
		n := binary.BigEndian.Uint32(size[:])
		if n > math.MaxInt32 {
			return fmt.Errorf("size %d is out of range", n)
		}
		shape[i] = int(n)
	}
	r.swap = true
	return r.prepare(shape)
}
