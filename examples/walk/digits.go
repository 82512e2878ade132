package walk

import (
	"path/filepath"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/stream/files"
)

// openDigits opens a pair of MNIST's files: images of 28 x 28 uint8 pixels, and
// their labels. Set is "train" or "t10k".
func (w *Walk) openDigits(set string) (*files.Reader, error) {
	r, err := files.Open([]string{
		filepath.Join(w.Data, set+"-images-idx3-ubyte"), filepath.Join(w.Data, set+"-labels-idx1-ubyte"),
	}, files.Options{Format: pipeline.RAW})
	if err != nil {
		return nil, &pipeline.Error{Op: "read the digits", Kind: pipeline.Unavailable, Err: err, Hint: "run `make mnist`, which fetches them"}
	}
	return r, nil
}
