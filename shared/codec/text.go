package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A tensor of text has no fixed size. Each of its elements is stored as the
// number of its bytes, in 4 bytes, and the bytes: as the Open Inference
// Protocol stores BYTES. A buffer for such a tensor is grown: what fills dst[i]
// puts another slice there, dst[i] = append(dst[i][:0], ...).

// textHead is how many bytes tell the length of an element.
const textHead = 4

var (
	errNotText = errors.New("is a number, and the model takes text")
	errNoText  = errors.New("is null, and the model takes text")
)

// AppendText adds one element of text to dst.
func AppendText[T string | []byte](dst []byte, text T) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(text))) // #nosec G115 -- a part of a record
	return append(dst, text...)
}

// CutText takes the first element off the stored bytes of a tensor of text. ok
// is false where they hold none.
func CutText(stored []byte) (text, rest []byte, ok bool) {
	if len(stored) < textHead {
		return nil, stored, false
	}
	n := uint64(binary.LittleEndian.Uint32(stored)) + textHead
	if n > uint64(len(stored)) {
		return nil, stored, false
	}
	return stored[textHead:n], stored[n:], true
}

// Cut takes the bytes of the first records of a tensor off the stored bytes of
// more; text, too.
func Cut(t Tensor, stored []byte, records int) (first, rest []byte, err error) {
	n := records * t.Bytes()
	if t.DType == String {
		rest = stored
		for range records * t.Elements() {
			var ok bool
			if _, rest, ok = CutText(rest); !ok {
				return nil, stored, fmt.Errorf("%s: the text of %d records is not there", t.Name, records)
			}
		}
		n = len(stored) - len(rest)
	}
	if n > len(stored) {
		return nil, stored, fmt.Errorf("%s: %d bytes for %d records, which have %d", t.Name, len(stored), records, n)
	}
	return stored[:n], stored[n:], nil
}

// rawText takes a whole record as the one element of a tensor of text.
type rawText struct{}

func (rawText) decode(dst [][]byte, record []byte) error {
	switch {
	case len(dst) != 1:
		return fmt.Errorf("%d tensors are given, 1 is wanted", len(dst))
	case record == nil:
		return errors.New("has no value")
	}
	dst[0] = AppendText(dst[0][:0], record)
	return nil
}
