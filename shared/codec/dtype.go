package codec

import (
	"fmt"
	"slices"
	"strings"
)

// DType is the type of one element. The zero value is no type.
type DType uint8

// The types of the contract. String has no fixed size: see AppendText.
const (
	Float16 DType = iota + 1
	BFloat16
	Float32
	Float64
	Int8
	Int16
	Int32
	Int64
	Uint8
	Uint16
	Uint32
	Uint64
	Bool
	String
)

var dtypeNames = [...]string{
	Float16: "float16", BFloat16: "bfloat16", Float32: "float32", Float64: "float64",
	Int8: "int8", Int16: "int16", Int32: "int32", Int64: "int64",
	Uint8: "uint8", Uint16: "uint16", Uint32: "uint32", Uint64: "uint64",
	Bool: "bool", String: "string",
}

var dtypeSizes = [...]int{
	Float16: 2, BFloat16: 2, Float32: 4, Float64: 8,
	Int8: 1, Int16: 2, Int32: 4, Int64: 8,
	Uint8: 1, Uint16: 2, Uint32: 4, Uint64: 8,
	Bool: 1, String: 0,
}

// aliases are the wire's other names. "float" is the 4-byte float that the
// original Kafka-ML sinks pack; "bool_" is what NumPy 1 calls its bool.
var aliases = map[string]DType{"half": Float16, "float": Float32, "double": Float64, "bool_": Bool}

// ParseDType reads a type's name as the wire has it: NumPy's, and half, float
// and double.
func ParseDType(name string) (DType, error) {
	if t, ok := aliases[name]; ok {
		return t, nil
	}
	if i := slices.Index(dtypeNames[:], name); i > 0 {
		return DType(i), nil
	}
	return 0, fmt.Errorf("%q is not a type: use one of half, float, double, %s", name, strings.Join(dtypeNames[1:], ", "))
}

// Size is the bytes of one element, 0 for String.
func (t DType) Size() int {
	if int(t) < len(dtypeSizes) {
		return dtypeSizes[t]
	}
	return 0
}

// String is NumPy's name of the type.
func (t DType) String() string {
	if t > 0 && int(t) < len(dtypeNames) {
		return dtypeNames[t]
	}
	return "no type"
}

// Float reports whether the type holds fractions.
func (t DType) Float() bool { return t >= Float16 && t <= Float64 }

// Integer reports whether the type holds whole numbers; Bool does not count.
func (t DType) Integer() bool { return t >= Int8 && t <= Uint64 }
