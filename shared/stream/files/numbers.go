package files

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/kafkaml/kafkaml/shared/codec"
)

// numbers are those of a sample or a label.
type numbers struct {
	data  []byte
	whole []bool // beside the numbers where one is an int64, else empty
	texts []byte // as codec.AppendText stores them
}

func (n *numbers) array() codec.Array {
	return codec.Array{DType: codec.Float64, Data: n.data, Whole: n.whole, Texts: n.texts}
}

func (n *numbers) fill(t *table, columns []int) error {
	n.data, n.whole, n.texts = n.data[:0], n.whole[:0], n.texts[:0]
	for _, i := range columns {
		c, of := &t.row.cells[i], &t.found[i]
		if of.asText.wanted {
			if err := n.fillText(c, of); err != nil {
				return err
			}
			continue
		}
		if c.kind != "" {
			class, known := of.words[c.text]
			if !known {
				return fmt.Errorf("column %q: the file has changed: %q is new", of.name, c.text)
			}
			n.data = binary.LittleEndian.AppendUint64(n.data, math.Float64bits(float64(class)))
		}
		if of.exact != 0 {
			n.integers(c)
			continue
		}
		for _, f := range c.numbers {
			n.data = binary.LittleEndian.AppendUint64(n.data, math.Float64bits(f))
		}
	}
	if len(n.whole) > 0 {
		n.mark(len(n.data) / 8)
	}
	return nil
}

// integers adds the numbers of a column of whole numbers as int64; missing ones
// stay NaN.
func (n *numbers) integers(c *cell) {
	for i, f := range c.numbers {
		n.mark(len(n.data) / 8)
		switch {
		case math.IsNaN(f):
			n.data = binary.LittleEndian.AppendUint64(n.data, math.Float64bits(f))
			continue
		case i < len(c.exact) && c.exact[i] != 0:
			n.data = binary.LittleEndian.AppendUint64(n.data, uint64(c.exact[i]))
		default:
			n.data = binary.LittleEndian.AppendUint64(n.data, uint64(int64(f)))
		}
		n.whole = append(n.whole, true)
	}
}

// mark lengthens whole to n numbers.
func (n *numbers) mark(count int) {
	for len(n.whole) < count {
		n.whole = append(n.whole, false)
	}
}
