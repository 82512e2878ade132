package pipeline

import (
	"strconv"
	"strings"
)

// Label is what a person states of the label of a model: of a loss of their own
// nobody else can know it. Its members are empty where they are to be found by
// trying.
type Label struct {
	DType string
	Shape []int // of one record; nil: not stated, empty: a scalar
}

// scalarLabel states that the label is one number.
const scalarLabel = "scalar"

// ParseLabel reads the label_type and label_reshape of a form.
func ParseLabel(dtype, reshape string) (Label, error) {
	l := Label{DType: dtype}
	reshape = strings.TrimSpace(reshape)
	switch reshape {
	case "":
		return l, nil
	case scalarLabel, "()", "[]":
		l.Shape = []int{}
		return l, nil
	}
	for size := range strings.FieldsFuncSeq(reshape, func(r rune) bool { return strings.ContainsRune(" ,x()[]", r) }) {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 || n > 1<<20 || len(l.Shape) == 8 {
			return l, Invalidf("label_reshape", "%q in %q is not a size", size, reshape).
				WithHint("write the sizes of one label, such as 2 or 3 2, or scalar")
		}
		l.Shape = append(l.Shape, n)
	}
	return l, nil
}
