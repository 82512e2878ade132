package savedmodel

// DType is a type of tensorflow/core/framework/types.proto.
type DType uint64

// The types that are looked at by name.
const (
	String   DType = 7
	Resource DType = 20
	Variant  DType = 21
)

type kind struct {
	name  string // NumPy's
	bytes int64  // of one element, 0 where it varies
}

var kinds = map[DType]kind{
	1: {"float32", 4}, 2: {"float64", 8}, 3: {"int32", 4}, 4: {"uint8", 1}, 5: {"int16", 2}, 6: {"int8", 1},
	String: {"string", 0}, 8: {"complex64", 8}, 9: {"int64", 8}, 10: {"bool", 1}, 14: {"bfloat16", 2},
	17: {"uint16", 2}, 18: {"complex128", 16}, 19: {"float16", 2}, 22: {"uint32", 4}, 23: {"uint64", 8},
}

// String is NumPy's name, empty for a type that no array has.
func (d DType) String() string { return kinds[d].name }

// Bytes is the size of one element; of a string, resource or variant, that of
// what TensorFlow keeps for it.
func (d DType) Bytes() int64 {
	if k := kinds[d]; k.bytes > 0 {
		return k.bytes
	}
	return 64
}

// ParseDType gives the type with NumPy's name.
func ParseDType(name string) (DType, bool) {
	for d, k := range kinds {
		if k.name == name {
			return d, true
		}
	}
	return 0, false
}
