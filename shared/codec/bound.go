package codec

import (
	"fmt"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// MostBytes bounds the tensors of one sample, inputs and labels together, and so
// the memory that a few bytes of an input_config can ask for. A record of Kafka
// is smaller by far; a window of records may come near.
const MostBytes = 64 << 20

// ofText is what an element that is text counts for: what is kept of it beside its
// bytes, which come with the record.
const ofText = 8

// Bound refuses samples whose tensors take more than MostBytes, before any memory
// is taken for them. field is the member of the form to blame.
func Bound(field string, all ...[]Tensor) error {
	left := int64(MostBytes)
	for _, tensors := range all {
		for _, t := range tensors {
			if left -= memoryOf(t); left < 0 {
				return pipeline.Invalidf(field, "%s of %s for %q: a record, or a window of records, would take more than %d MiB of memory", shapeText(t.Shape), t.DType, t.Name, MostBytes>>20).
					WithHint("check the shapes; where they are meant, cut what you send into smaller samples, or make windows of fewer records")
			}
		}
	}
	return nil
}

// memoryOf is the memory of a tensor, or one above MostBytes where that is more: a
// shape's product may overflow.
func memoryOf(t Tensor) int64 {
	n := int64(max(t.DType.Size(), 1))
	if t.DType == String {
		n = ofText
	}
	for _, d := range t.Shape {
		if d < 0 || d > 0 && n > MostBytes/int64(d) {
			return MostBytes + 1
		}
		n *= int64(d)
	}
	return n
}

// tooMany refuses a shape with more elements than fit into MostBytes.
func tooMany(text string) error {
	const shown = 60
	if len(text) > shown {
		text = text[:shown] + "..."
	}
	return &Fault{
		Reason: fmt.Sprintf("shape %q has more than %d elements, the most that one record can have", text, MostBytes),
		Hint:   "write the shape of one record, without the number of records",
	}
}
