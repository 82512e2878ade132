package savedmodel

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kafkaml/kafkaml/shared/protofield"
)

func (r *reader) addNode(to *[]Node, seen map[string]bool, b []byte) error {
	n, err := r.parseNode(b)
	if err != nil {
		return fmt.Errorf("node %q: %w", n.Name, err)
	}
	if seen[n.Name] {
		return fmt.Errorf("node %q: %w", n.Name, errRepeated)
	}
	seen[n.Name] = true
	*to = append(*to, n)
	return nil
}

func (r *reader) parseNode(b []byte) (n Node, err error) {
	if err := r.spend(ofNode); err != nil {
		return n, err
	}
	var attrs entries[Attr]
	err = r.walk(b, numbers(1, 2, 4), func(f protofield.Field) error {
		switch f.Number {
		case 1:
			n.Name = string(f.Bytes)
		case 2:
			n.Op = string(f.Bytes)
		case 3:
			n.Inputs = append(n.Inputs, string(f.Bytes))
		case 4:
			n.Device = string(f.Bytes)
		case 5:
			return attrs.add(r, f.Bytes, r.parseAttr)
		}
		return nil
	})
	n.Attrs = attrs
	return n, err
}

func (r *reader) parseFunction(b []byte) (*Function, error) {
	if err := r.spend(ofFunction); err != nil {
		return &Function{}, err
	}
	fn := &Function{Rets: map[string]string{}}
	seen := map[string]bool{}
	var attrs entries[Attr]
	var rets entries[string]
	err := r.walk(b, numbers(1), func(f protofield.Field) error {
		switch f.Number {
		case 1:
			return fn.signature(r, f.Bytes)
		case 3:
			return r.addNode(&fn.Nodes, seen, f.Bytes)
		case 4:
			return rets.add(r, f.Bytes, func(b []byte) (string, error) { return string(b), nil })
		case 5:
			return attrs.add(r, f.Bytes, r.parseAttr)
		}
		return nil
	})
	fn.Attrs, fn.Rets = attrs, rets
	return fn, err
}

func (fn *Function) signature(r *reader, b []byte) error {
	return r.walk(b, numbers(1), func(f protofield.Field) error {
		switch f.Number {
		case 1:
			fn.Name = string(f.Bytes)
		case 2:
			var a Arg
			if err := r.spend(ofArg); err != nil {
				return err
			}
			err := r.walk(f.Bytes, numbers(1, 3), func(f protofield.Field) error {
				switch f.Number {
				case 1:
					a.Name = string(f.Bytes)
				case 3:
					a.Type = DType(f.Value)
				}
				return nil
			})
			fn.Args = append(fn.Args, a)
			return err
		case 3:
			return r.walk(f.Bytes, numbers(1, 3), func(f protofield.Field) error {
				if f.Number == 1 {
					fn.Outs = append(fn.Outs, string(f.Bytes))
				}
				return nil
			})
		}
		return nil
	})
}

// parseAttr reads an AttrValue. Its members are a oneof; of several, all are
// gathered.
func (r *reader) parseAttr(b []byte) (a Attr, err error) {
	if err := r.spend(ofAttr); err != nil {
		return a, err
	}
	err = r.walk(b, 0, func(f protofield.Field) error {
		switch f.Number {
		case 1:
			return r.walk(f.Bytes, 0, func(f protofield.Field) error { return a.member(r, f, 9) })
		default:
			return a.member(r, f, 10)
		}
	})
	return a, err
}

// member takes one member of an AttrValue or of its list, which differ only in
// the number of the function.
func (a *Attr) member(r *reader, f protofield.Field, function protowire.Number) error {
	switch f.Number {
	case function:
		return a.call(r, f.Bytes)
	case 2:
		a.Strings = append(a.Strings, string(f.Bytes))
	case 3:
		return r.varints(f, func(v uint64) { a.Ints = append(a.Ints, int64(v)) }) // #nosec G115 -- two's complement
	case 5:
		a.True = a.True || f.Value != 0 || len(f.Bytes) > 0
	case 6:
		return r.varints(f, func(v uint64) { a.Types = append(a.Types, DType(v)) })
	case 7:
		s, err := r.parseShape(f.Bytes)
		a.Shapes = append(a.Shapes, s)
		return err
	case 8:
		t, err := r.parseConstant(f.Bytes)
		a.Tensors = append(a.Tensors, t)
		return err
	}
	return nil
}

// varints takes one number or a packed list of them.
func (r *reader) varints(f protofield.Field, take func(uint64)) error {
	if f.Bytes == nil {
		take(f.Value)
		return nil
	}
	for b := f.Bytes; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if err := r.spend(1); err != nil {
			return err
		}
		take(v)
		b = b[n:]
	}
	return nil
}

// call takes a NameAttrList: a function's name and attributes, which may name
// further functions.
func (a *Attr) call(r *reader, b []byte) error {
	return r.walk(b, numbers(1), func(f protofield.Field) error {
		switch f.Number {
		case 1:
			a.Calls = append(a.Calls, string(f.Bytes))
		case 2:
			_, value, err := r.entry(f.Bytes)
			if err != nil {
				return err
			}
			return r.walk(value, 0, func(f protofield.Field) error {
				if f.Number == 1 || f.Number == 10 {
					return fmt.Errorf("a call with a function or a list as attribute")
				}
				return nil
			})
		}
		return nil
	})
}

// fewInts is of how many bytes the numbers of a constant are kept.
const fewInts = 64

func (r *reader) parseConstant(b []byte) (c Constant, err error) {
	if err := r.spend(ofTensor); err != nil {
		return c, err
	}
	err = r.walk(b, numbers(1, 2, 4), func(f protofield.Field) (err error) {
		switch f.Number {
		case 1:
			c.Type = DType(f.Value)
		case 2:
			c.Shape, err = r.parseShape(f.Bytes)
		case 4:
			for b := f.Bytes[:min(len(f.Bytes), fewInts)]; len(b) >= 4; b = b[4:] {
				c.Ints = append(c.Ints, int64(int32(binary.LittleEndian.Uint32(b)))) // #nosec G115 -- two's complement
			}
		case 7:
			err = r.varints(f, func(v uint64) {
				if len(c.Ints) < fewInts {
					c.Ints = append(c.Ints, int64(int32(v))) // #nosec G115 -- two's complement
				}
			})
		case 8:
			c.Strings = append(c.Strings, string(f.Bytes))
		}
		return err
	})
	return c, err
}

func (r *reader) parseShape(b []byte) (s Shape, err error) {
	if err := r.spend(ofShape); err != nil {
		return s, err
	}
	err = r.walk(b, numbers(3), func(f protofield.Field) error {
		switch f.Number {
		case 2:
			var size int64
			err := r.walk(f.Bytes, numbers(1), func(f protofield.Field) error {
				if f.Number == 1 {
					size = int64(f.Value) // two's complement, as protobuf writes -1
				}
				return nil
			})
			s.Dims = append(s.Dims, size)
			return err
		case 3:
			s.UnknownRank = f.Value != 0
		}
		return nil
	})
	return s, err
}

// Elements is the product of the sizes, math.MaxInt64 where it overflows or a
// size is below -1, and -1 where a size or the rank is open.
func (s Shape) Elements() int64 {
	n, open := int64(1), s.UnknownRank
	for _, d := range s.Dims {
		switch {
		case d < -1:
			return math.MaxInt64
		case d == -1:
			open = true
		case d == 0:
			return 0
		case n > math.MaxInt64/d:
			return math.MaxInt64
		default:
			n *= d
		}
	}
	if open {
		return -1
	}
	return n
}
