package onnxgraph

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/kafkaml/kafkaml/shared/codec"
)

// kind is a type of TensorProto.DataType.
type kind struct {
	name  string // NumPy's
	bits  int64  // of one element
	dtype codec.DType
	// member is that of TensorProto which holds values where raw_data does not,
	// each the half of an element where halves is set.
	member int
	halves bool
}

const typeString = 8

var kinds = map[int32]kind{
	1:  {name: "float32", bits: 32, dtype: codec.Float32, member: 4},
	2:  {name: "uint8", bits: 8, dtype: codec.Uint8, member: 5},
	3:  {name: "int8", bits: 8, dtype: codec.Int8, member: 5},
	4:  {name: "uint16", bits: 16, dtype: codec.Uint16, member: 5},
	5:  {name: "int16", bits: 16, dtype: codec.Int16, member: 5},
	6:  {name: "int32", bits: 32, dtype: codec.Int32, member: 5},
	7:  {name: "int64", bits: 64, dtype: codec.Int64, member: 7},
	8:  {name: "string", bits: 256, dtype: codec.String, member: 6},
	9:  {name: "bool", bits: 8, dtype: codec.Bool, member: 5},
	10: {name: "float16", bits: 16, dtype: codec.Float16, member: 5},
	11: {name: "float64", bits: 64, dtype: codec.Float64, member: 10},
	12: {name: "uint32", bits: 32, dtype: codec.Uint32, member: 11},
	13: {name: "uint64", bits: 64, dtype: codec.Uint64, member: 11},
	14: {name: "complex64", bits: 64, member: 4, halves: true},
	15: {name: "complex128", bits: 128, member: 10, halves: true},
	16: {name: "bfloat16", bits: 16, dtype: codec.BFloat16, member: 5},
	17: {name: "float8e4m3fn", bits: 8, member: 5},
	18: {name: "float8e4m3fnuz", bits: 8, member: 5},
	19: {name: "float8e5m2", bits: 8, member: 5},
	20: {name: "float8e5m2fnuz", bits: 8, member: 5},
	21: {name: "uint4", bits: 4, member: 5},
	22: {name: "int4", bits: 4, member: 5},
	23: {name: "float4e2m1", bits: 4, member: 5},
	24: {name: "float8e8m0", bits: 8, member: 5},
	25: {name: "uint2", bits: 2, member: 5},
	26: {name: "int2", bits: 2, member: 5},
}

func nameOf(dtype int32) string {
	if k, ok := kinds[dtype]; ok {
		return k.name
	}
	return fmt.Sprintf("type %d", dtype)
}

// typeOf is the number of a type of the codec.
func typeOf(d codec.DType) (int32, bool) {
	for n, k := range kinds {
		if k.dtype == d && d != 0 {
			return n, true
		}
	}
	return 0, false
}

// tensor is a TensorProto or, dense, a SparseTensorProto.
type tensor struct {
	name     string
	dtype    int32
	dims     []int64
	elements int64
	bytes    int64     // of all elements, as the runtime keeps them
	values   []float64 // of few elements
}

// elements is the product of the sizes, an error where it is no size of a
// tensor.
func elements(dims []int64) (int64, error) {
	if len(dims) > mostDims {
		return 0, fmt.Errorf("%d dimensions", len(dims))
	}
	n, empty := int64(1), false
	for _, d := range dims {
		switch {
		case d < 0:
			return 0, fmt.Errorf("a size of %d", d)
		case d == 0:
			empty = true
		case n > math.MaxInt32*mostDims/d:
			return 0, fmt.Errorf("the shape %v is too large", dims)
		default:
			n *= d
		}
	}
	if empty {
		return 0, nil
	}
	return n, nil
}

// stored is what a TensorProto holds of values.
type stored struct {
	raw    []byte
	hasRaw bool
	counts [12]int64 // by member
	values []float64 // the first ones
}

func (p *parser) tensor(b []byte) (t tensor, err error) {
	var s stored
	err = walk(b, &tensorMembers, func(v member) (err error) {
		switch v.number {
		case 1:
			return v.each(varints, func(n uint64) { t.dims = keep(t.dims, n) })
		case 2:
			t.dtype, err = v.int32()
		case 3:
			return fmt.Errorf("it is a part of a tensor")
		case 4:
			return s.add(v, floats, func(n uint64) float64 { return float64(math.Float32frombits(uint32(n))) }) // #nosec G115 -- 32 bits
		case 5, 7, 11:
			return s.add(v, varints, func(n uint64) float64 { return float64(int64(n)) }) // #nosec G115 -- two's complement
		case 6:
			if len(v.bytes) > mostText {
				return fmt.Errorf("a text of more than %d bytes", mostText)
			}
			s.counts[6]++
		case 8:
			t.name, err = p.name(v.bytes)
		case 9:
			s.raw, s.hasRaw = v.bytes, true
		case 10:
			return s.add(v, doubles, math.Float64frombits)
		case 13:
			return errExternal
		case 14:
			if v.value != 0 {
				return errExternal
			}
		}
		return err
	})
	if err == nil {
		err = p.spend()
	}
	if err == nil {
		err = t.hold(s)
	}
	if err != nil {
		return t, fmt.Errorf("tensor %.100q: %w", t.name, err)
	}
	return t, nil
}

func (s *stored) add(v member, f form, read func(uint64) float64) error {
	return v.each(f, func(n uint64) {
		if s.counts[v.number]++; len(s.values) <= keptValues {
			s.values = append(s.values, read(n))
		}
	})
}

// hold takes what is stored as the tensor's values, which must be those of its
// type and shape.
func (t *tensor) hold(s stored) error {
	k, ok := kinds[t.dtype]
	if !ok {
		return fmt.Errorf("its type %d is not known", t.dtype)
	}
	n, err := elements(t.dims)
	if err != nil {
		return err
	}
	t.elements, t.bytes = n, (n*k.bits+7)/8
	want := n
	if k.halves {
		want = 2 * n
	}
	if k.bits < 8 { // several to a number
		want = t.bytes
	}
	if s.hasRaw {
		want = 0
	}
	for member, count := range s.counts {
		if count != 0 && member != k.member || member == k.member && count != want {
			return fmt.Errorf("it holds %d values of another number or type than %s %v", count, k.name, t.dims)
		}
	}
	if s.hasRaw && (int64(len(s.raw)) != t.bytes || t.dtype == typeString) {
		return fmt.Errorf("it holds %d bytes, %s %v has %d", len(s.raw), k.name, t.dims, t.bytes)
	}
	if n <= keptValues {
		t.values = s.values
		if s.hasRaw {
			t.values = decode(s.raw, t.dtype)
		}
	}
	return nil
}

// decode reads the numbers of the types that sizes and scales have.
func decode(raw []byte, dtype int32) (all []float64) {
	for size := int(kinds[dtype].bits / 8); size > 0 && len(raw) >= size; raw = raw[size:] {
		switch dtype {
		case 1:
			all = append(all, float64(math.Float32frombits(binary.LittleEndian.Uint32(raw))))
		case 6:
			all = append(all, float64(int32(binary.LittleEndian.Uint32(raw)))) // #nosec G115 -- two's complement
		case 7:
			all = append(all, float64(int64(binary.LittleEndian.Uint64(raw)))) // #nosec G115 -- two's complement
		case 11:
			all = append(all, math.Float64frombits(binary.LittleEndian.Uint64(raw)))
		default:
			return nil
		}
	}
	return all
}

// sparse reads a SparseTensorProto as the dense tensor that the runtime makes
// of it.
func (p *parser) sparse(b []byte) (t tensor, err error) {
	var values, indices tensor
	var dims []int64
	err = walk(b, &sparseMembers, func(v member) (err error) {
		switch v.number {
		case 1:
			values, err = p.tensor(v.bytes)
		case 2:
			indices, err = p.tensor(v.bytes)
		case 3:
			return v.each(varints, func(n uint64) { dims = keep(dims, n) })
		}
		return err
	})
	if err != nil {
		return values, err
	}
	n, err := elements(dims)
	if err != nil {
		return values, fmt.Errorf("tensor %.100q: %w", values.name, err)
	}
	if indices.dtype != 7 || values.dtype == typeString {
		return values, fmt.Errorf("tensor %.100q: no sparse tensor of numbers", values.name)
	}
	return tensor{name: values.name, dtype: values.dtype, dims: dims, elements: n, bytes: (n*kinds[values.dtype].bits + 7) / 8}, nil
}
