package savedmodel

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

func addNode(to *[]Node, seen map[string]bool, b []byte) error {
	n, err := parseNode(b)
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

func parseNode(b []byte) (n Node, err error) {
	var attrs entries[Attr]
	err = walk(b, numbers(1, 2, 4), func(f field) error {
		switch f.number {
		case 1:
			n.Name = string(f.bytes)
		case 2:
			n.Op = string(f.bytes)
		case 3:
			n.Inputs = append(n.Inputs, string(f.bytes))
		case 4:
			n.Device = string(f.bytes)
		case 5:
			return attrs.add(f.bytes, parseAttr)
		}
		return nil
	})
	n.Attrs = attrs
	return n, err
}

func parseFunction(b []byte) (*Function, error) {
	fn := &Function{Rets: map[string]string{}}
	seen := map[string]bool{}
	var attrs entries[Attr]
	var rets entries[string]
	err := walk(b, numbers(1), func(f field) error {
		switch f.number {
		case 1:
			return fn.signature(f.bytes)
		case 3:
			return addNode(&fn.Nodes, seen, f.bytes)
		case 4:
			return rets.add(f.bytes, func(b []byte) (string, error) { return string(b), nil })
		case 5:
			return attrs.add(f.bytes, parseAttr)
		}
		return nil
	})
	fn.Attrs, fn.Rets = attrs, rets
	return fn, err
}

func (fn *Function) signature(b []byte) error {
	return walk(b, numbers(1), func(f field) error {
		switch f.number {
		case 1:
			fn.Name = string(f.bytes)
		case 2:
			var a Arg
			err := walk(f.bytes, numbers(1, 3), func(f field) error {
				switch f.number {
				case 1:
					a.Name = string(f.bytes)
				case 3:
					a.Type = DType(f.value)
				}
				return nil
			})
			fn.Args = append(fn.Args, a)
			return err
		}
		return nil
	})
}

// parseAttr reads an AttrValue. Its members are a oneof; of several, all are
// gathered.
func parseAttr(b []byte) (a Attr, err error) {
	err = walk(b, 0, func(f field) error {
		switch f.number {
		case 1:
			return walk(f.bytes, 0, func(f field) error { return a.member(f, 9) })
		default:
			return a.member(f, 10)
		}
	})
	return a, err
}

// member takes one member of an AttrValue or of its list, which differ only in
// the number of the function.
func (a *Attr) member(f field, function protowire.Number) error {
	switch f.number {
	case function:
		return a.call(f.bytes)
	case 2:
		a.Strings = append(a.Strings, string(f.bytes))
	case 6:
		return a.types(f)
	case 7:
		s, err := parseShape(f.bytes)
		a.Shapes = append(a.Shapes, s)
		return err
	case 8:
		t, err := parseConstant(f.bytes)
		a.Tensors = append(a.Tensors, t)
		return err
	}
	return nil
}

// types takes one type or a packed list of them.
func (a *Attr) types(f field) error {
	if f.bytes == nil {
		a.Types = append(a.Types, DType(f.value))
		return nil
	}
	for b := f.bytes; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		a.Types = append(a.Types, DType(v))
		b = b[n:]
	}
	return nil
}

// call takes a NameAttrList: a function's name and attributes, which may name
// further functions.
func (a *Attr) call(b []byte) error {
	return walk(b, numbers(1), func(f field) error {
		switch f.number {
		case 1:
			a.Calls = append(a.Calls, string(f.bytes))
		case 2:
			_, value, err := entry(f.bytes)
			if err != nil {
				return err
			}
			return walk(value, 0, func(f field) error {
				if f.number == 1 || f.number == 10 {
					return fmt.Errorf("a call with a function or a list as attribute")
				}
				return nil
			})
		}
		return nil
	})
}

func parseConstant(b []byte) (c Constant, err error) {
	err = walk(b, numbers(1, 2, 4), func(f field) (err error) {
		switch f.number {
		case 1:
			c.Type = DType(f.value)
		case 2:
			c.Shape, err = parseShape(f.bytes)
		case 8:
			c.Strings = append(c.Strings, string(f.bytes))
		}
		return err
	})
	return c, err
}

func parseShape(b []byte) (s Shape, err error) {
	err = walk(b, numbers(3), func(f field) error {
		switch f.number {
		case 2:
			var size int64
			err := walk(f.bytes, numbers(1), func(f field) error {
				if f.number == 1 {
					size = int64(f.value) //nolint:gosec // two's complement, as protobuf writes -1
				}
				return nil
			})
			s.Dims = append(s.Dims, size)
			return err
		case 3:
			s.UnknownRank = f.value != 0
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
