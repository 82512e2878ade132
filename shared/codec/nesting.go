package codec

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// mostNested is how deep arrays of numbers lie in each other, at most.
const mostNested = 32

// nesting follows the arrays of one value as they are read, and refuses those
// that are no tensor: rows of different lengths, numbers beside arrays.
type nesting struct {
	depth  int               // of arrays that are open
	leaf   int               // where numbers lie; 0 until there was one
	counts [mostNested]int32 // by depth: items so far of the array that is open
	sizes  [mostNested]int32 // and one more than those of the first that was closed
}

// open begins an array.
func (n *nesting) open() error {
	if n.leaf > 0 && n.depth >= n.leaf {
		return errMixed
	}
	if n.depth == mostNested {
		return &Fault{Reason: fmt.Sprintf("has arrays nested more than %d deep", mostNested), Hint: "send numbers, or arrays of them"}
	}
	n.counts[n.depth] = 0
	n.depth++
	return nil
}

// item notes a number in the array that is open.
func (n *nesting) item() error {
	if n.depth == 0 {
		return nil
	}
	if n.leaf == 0 {
		n.leaf = n.depth
	}
	if n.leaf != n.depth {
		return errMixed
	}
	n.counts[n.depth-1]++
	return nil
}

// close ends an array.
func (n *nesting) close() error {
	n.depth--
	size := &n.sizes[n.depth]
	if count := n.counts[n.depth]; *size == 0 {
		*size = count + 1
	} else if *size != count+1 {
		return &Fault{
			Reason: fmt.Sprintf("holds arrays of different lengths, one of %d beside one of %d: what stands behind would move to other places", *size-1, count),
			Hint:   oneLength,
		}
	}
	if n.depth > 0 {
		n.counts[n.depth-1]++
	}
	return nil
}

// shaped is a nesting whose fault is told where it matters: a list that nobody takes as
// a tensor may have any.
type shaped struct {
	nesting
	fault error
}

func (s *shaped) open() {
	if s.fault == nil {
		s.fault = s.nesting.open()
	}
}

func (s *shaped) item() {
	if s.fault == nil {
		s.fault = s.nesting.item()
	}
}

func (s *shaped) close() {
	if s.fault == nil {
		s.fault = s.nesting.close()
	}
}

// list is a List of items that lie so.
func (s *shaped) list(of *Scratch, items []Field) Field {
	f := Field{Kind: List, Items: items}
	if s.leaf < 2 && s.fault == nil {
		return f
	}
	from := len(of.text)
	for i := 0; i < s.leaf && s.fault == nil; i++ {
		of.text = binary.LittleEndian.AppendUint32(of.text, uint32(s.sizes[i]-1)) // #nosec G115 -- not negative
	}
	if s.fault != nil {
		f.Unit = Ragged
		of.text = append(of.text, s.fault.Error()...)
	}
	f.Text = of.text[from:len(of.text):len(of.text)]
	return f
}

// Fills refuses a List of lists that is no tensor, or whose numbers would come to other
// places in t; nil for a tensor that the list does not fill alone.
func (f *Field) Fills(t *Tensor) error {
	if f.Kind != List || len(f.Text) == 0 {
		return nil
	}
	if f.Unit == Ragged {
		return &Fault{Reason: string(f.Text), Hint: oneLength}
	}
	if t == nil {
		return nil
	}
	var shape []int
	for b := f.Text; len(b) > 0; b = b[4:] {
		shape = append(shape, int(binary.LittleEndian.Uint32(b)))
	}
	return fills(shape, t)
}

const oneLength = "send arrays of one length, filled up where there is less"

var errMixed = &Fault{Reason: "holds numbers beside arrays", Hint: "send an array of numbers, or of arrays of one length"}

// fills refuses arrays whose numbers would come to other places in a tensor of a
// shape than they have: those of 3x32x32 in one of 32x32x3.
func (n *nesting) fills(t *Tensor) error {
	if n.leaf < 2 {
		return nil
	}
	shape := make([]int, n.leaf)
	for i := range shape {
		shape[i] = int(n.sizes[i]) - 1
	}
	return fills(shape, t)
}

func fills(shape []int, t *Tensor) error {
	if sameOrder(shape, t.Shape) {
		return nil
	}
	return &Fault{
		Reason: fmt.Sprintf("holds arrays of %s, and %q takes %s", shapeText(shape), t.Name, shapeText(t.Shape)),
		Hint:   "send them in the order of the model's input, as numpy.transpose gives it; or as one flat array, which is taken row by row",
	}
}

// sameOrder reports whether each of two shapes of as many elements is the other,
// but for sizes that are split or joined: 28x28, 784 and 28x28x1 are.
func sameOrder(a, b []int) bool {
	if product(a) != product(b) { // which is refused elsewhere
		return true
	}
	within := func(of, in []int) bool {
		return !slices.ContainsFunc(of, func(n int) bool { return !slices.Contains(in, n) })
	}
	p, q := strides(a), strides(b)
	return within(p, q) || within(q, p)
}

// strides are the elements that each size spans, of sizes of 1 none.
func strides(shape []int) (all []int) {
	n := 1
	for _, size := range slices.Backward(shape) {
		if size != 1 {
			n *= size
			all = append(all, n)
		}
	}
	return all
}
