package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// sink writes the numbers of a field-wise record (AVRO, JSON) into a tensor,
// in order.
type sink struct {
	dst   []byte
	dtype DType
	at    int     // bytes written, of numbers
	left  int     // elements still to come, of text
	whole *Tensor // that one field fills; nil where several do
}

var (
	errTooMany = errors.New("more values than the tensor has elements")
	errTooFew  = errors.New("values are missing")
	errNull    = errors.New("is null")
	errMisfit  = errors.New("does not fit")
)

func (s *sink) integer(v int64) error {
	size := s.dtype.Size()
	if s.at+size > len(s.dst) {
		return errTooMany
	}
	d := s.dst[s.at : s.at+size]
	s.at += size
	if s.dtype == Float32 { // what nearly every model takes
		binary.LittleEndian.PutUint32(d, math.Float32bits(float32(v)))
		return nil
	}
	if !putInteger(d, s.dtype, v) {
		return s.misfit(v)
	}
	return nil
}

// unsigned writes a number above the largest int64 into a uint64 tensor.
func (s *sink) unsigned(v uint64) error {
	if s.at+8 > len(s.dst) {
		return errTooMany
	}
	binary.LittleEndian.PutUint64(s.dst[s.at:], v)
	s.at += 8
	return nil
}

func (s *sink) float(v float64) error {
	size := s.dtype.Size()
	if s.at+size > len(s.dst) {
		return errTooMany
	}
	d := s.dst[s.at : s.at+size]
	s.at += size
	if s.dtype == Float32 {
		binary.LittleEndian.PutUint32(d, math.Float32bits(float32(v)))
		return nil
	}
	if !putFloat(d, s.dtype, v) {
		return s.misfit(v)
	}
	return nil
}

func (s *sink) misfit(v any) error {
	if s.dtype == String {
		return fmt.Errorf("%v %w", v, errNotText)
	}
	return fmt.Errorf("%v %w %s", v, errMisfit, s.dtype)
}

// text adds an element to a tensor of text.
func (s *sink) text(b []byte) error {
	if s.dtype != String {
		return errText
	}
	if s.left == 0 {
		return errTooMany
	}
	s.dst = AppendText(s.dst, b)
	s.left--
	return nil
}

// null is NaN, which a model can look for; an integer tensor has no such value.
func (s *sink) null() error {
	if s.dtype == String {
		return errNoText
	}
	if !s.dtype.Float() {
		return fmt.Errorf("%w, which %s cannot hold", errNull, s.dtype)
	}
	return s.float(math.NaN())
}

// room is how many elements are still to come.
func (s *sink) room() int {
	if s.dtype == String {
		return s.left
	}
	return (len(s.dst) - s.at) / s.dtype.Size()
}

// full tells that every element of t was written.
func (s *sink) full(t *Tensor) error {
	if n := s.room(); n > 0 {
		return fmt.Errorf("%d of %d %w", n, t.Elements(), errTooFew)
	}
	return nil
}

// layout says which tensor each field of a record goes to: all into the one
// tensor, or field i into tensor to[i].
type layout struct {
	tensors []Tensor
	to      []int    // nil: all into the first
	alone   bool     // one field fills the first
	lengths *Lengths // of the fields that go into the first; nil where they need no check
}

// counted are the lengths of a part's fields, nil where there are none.
func (l layout) counted() *Lengths { return l.lengths }

// sinks prepares one sink a tensor. Up to four stay on the caller's stack.
func (l layout) sinks(buf []sink, dst [][]byte) ([]sink, error) {
	if len(dst) != len(l.tensors) {
		return nil, fmt.Errorf("%d tensors are given, %d are wanted", len(dst), len(l.tensors))
	}
	for i, d := range dst {
		if l.tensors[i].DType == String {
			d = d[:0]
		} else if len(d) != l.tensors[i].Bytes() {
			return nil, fmt.Errorf("tensor %d has room for %d bytes, %d are wanted", i, len(d), l.tensors[i].Bytes())
		}
		s := sink{dst: d, dtype: l.tensors[i].DType}
		if l.to != nil || l.alone {
			s.whole = &l.tensors[i]
		}
		if s.dtype == String {
			s.left = l.tensors[i].Elements()
		}
		buf = append(buf, s)
	}
	return buf, nil
}

func (l layout) target(sinks []sink, field int) *sink {
	if l.to == nil {
		return &sinks[0]
	}
	return &sinks[l.to[field]]
}

// complete tells that every tensor was filled, by fields of their lengths, and hands
// over those of text.
func (l layout) complete(sinks []sink, dst [][]byte, tally *Tally) error {
	for i := range sinks {
		if err := sinks[i].full(&l.tensors[i]); err != nil {
			return fmt.Errorf("%s: %w", l.tensors[i].Name, err)
		}
		if sinks[i].dtype == String {
			dst[i] = sinks[i].dst
		}
	}
	return tally.End()
}
