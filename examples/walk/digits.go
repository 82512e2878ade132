package walk

import (
	"encoding/binary"
	"fmt"
	"os"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// digits are images of 28 x 28 uint8 pixels, row by row, and their labels.
type digits struct {
	count          int
	images, labels []byte
}

const pixels = 28 * 28

func (d *digits) image(i int) []byte { return d.images[i*pixels : (i+1)*pixels] }
func (d *digits) label(i int) []byte { return d.labels[i : i+1] }

// openDigits reads a pair of IDX files (yann.lecun.com/exdb/mnist: a big-endian
// header of the type, the sizes, then the bytes).
func openDigits(images, labels string) (*digits, error) {
	x, err := idx(images, 16)
	if err != nil {
		return nil, err
	}
	y, err := idx(labels, 8)
	if err != nil {
		return nil, err
	}
	if len(x) != len(y)*pixels {
		return nil, fmt.Errorf("%s holds %d bytes of images for %d labels", images, len(x), len(y))
	}
	return &digits{count: len(y), images: x, labels: y}, nil
}

// idx gives what follows the header of an IDX file of unsigned bytes.
func idx(path string, header int) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, &pipeline.Error{Op: "read the digits", Kind: pipeline.Unavailable, Err: err, Hint: "run `make mnist`, which fetches them"}
	}
	if len(b) < header || binary.BigEndian.Uint32(b)>>8 != 8 {
		return nil, fmt.Errorf("%s is no IDX file of unsigned bytes", path)
	}
	return b[header:], nil
}
