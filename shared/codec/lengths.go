package codec

import (
	"fmt"
	"slices"
	"sync/atomic"
)

// Lengths are how many values each field brings of those that fill one tensor
// together. Where fields hold arrays, a record whose arrays are as many values in
// all, but longer and shorter ones, would come to other places of the tensor: each
// field brings as many in every record. Any number of goroutines may use it at once;
// nil checks nothing.
type Lengths struct {
	tensor string
	fields []string
	each   atomic.Pointer[[]int] // nil while they are not known
	source string                // of them, for errors
	learns bool                  // the first record says them
	plain  bool                  // they are one each
}

// NewLengths are those of a tensor's fields: the first record says them, unless there
// are as many fields as elements. Nil for a field alone, which is as long as the tensor.
func NewLengths(t Tensor, fields []string) *Lengths {
	if len(fields) < 2 {
		return nil
	}
	l := &Lengths{tensor: t.Name, fields: fields, source: "the first record", learns: true}
	if t.Elements() == len(fields) {
		one := slices.Repeat([]int{1}, len(fields))
		l.each.Store(&one)
		l.learns, l.plain, l.source = false, true, fmt.Sprintf("%q, which has as many fields as elements", t.Name)
	}
	return l
}

// Expect has no record say them: as in serving, whose records are held against those
// of the training. What does not name every field says nothing.
func (l *Lengths) Expect(known map[string]int) {
	if l == nil || l.plain {
		return
	}
	l.learns, l.source = false, "the records that the model was trained on"
	each := make([]int, len(l.fields))
	for i, name := range l.fields {
		n, some := known[name]
		if !some {
			return
		}
		each[i] = n
	}
	l.each.Store(&each)
}

// Tensor is the name of the one that the fields fill.
func (l *Lengths) Tensor() string { return l.tensor }

// Unknown are the fields of which nothing says how many values they bring, and no
// record will: nil where it is known, or the first record says it.
func (l *Lengths) Unknown() []string {
	if l.learns || l.each.Load() != nil {
		return nil
	}
	return l.fields
}

// AddTo notes by tensor and field what records have said.
func (l *Lengths) AddTo(all map[string]map[string]int) {
	if l == nil || l.plain || l.each.Load() == nil {
		return
	}
	of := map[string]int{}
	for i, n := range *l.each.Load() {
		of[l.fields[i]] = n
	}
	all[l.tensor] = of
}

// Tally counts the values of one record's fields.
type Tally struct {
	of    *Lengths
	each  []int
	first bool // they are to become those of all records
	bad   bool
	at    int // the first field that is at fault, and what it holds
	found int
}

// Tally begins a record.
func (l *Lengths) Tally() Tally {
	if l == nil {
		return Tally{}
	}
	if each := l.each.Load(); each != nil {
		return Tally{of: l, each: *each}
	}
	if !l.learns {
		return Tally{}
	}
	return Tally{of: l, each: make([]int, len(l.fields)), first: true}
}

// Field notes how many values a field has brought.
func (t *Tally) Field(at, values int) {
	switch {
	case t.of == nil:
	case t.first:
		t.each[at] = values
	case t.each[at] != values && !t.bad:
		t.bad, t.at, t.found = true, at, values
	}
}

// End is called for a record that fills the tensor, and refuses one whose fields are
// of other lengths.
func (t *Tally) End() error {
	switch {
	case t.first:
		each := t.each
		t.of.each.CompareAndSwap(nil, &each)
	case t.bad:
		return &Fault{
			Reason: fmt.Sprintf("field %q holds %s, and %d in %s: what stands behind it would move to other places of %q", t.of.fields[t.at], values(t.found), t.each[t.at], t.of.source, t.of.tensor),
			Hint:   "send arrays of one length in every record, filled up where there is less; or give each of the fields an input of its own",
		}
	}
	return nil
}

func values(n int) string {
	if n == 1 {
		return "1 value"
	}
	return fmt.Sprintf("%d values", n)
}
