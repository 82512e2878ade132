package codec

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"slices"
)

var errDefault = errors.New("it does not suit the type")

// constant is a default in Avro's binary encoding, never nil.
func (t *avroNode) constant(v any) ([]byte, error) {
	return t.appendConstant([]byte{}, v)
}

func (t *avroNode) appendConstant(dst []byte, v any) ([]byte, error) {
	switch t.kind {
	case avroUnion:
		for i, b := range t.branches {
			if out, err := b.appendConstant(binary.AppendVarint(dst, int64(i)), v); err == nil {
				return out, nil
			}
		}
	case avroNull:
		if v == nil {
			return dst, nil
		}
	case avroBoolean:
		if truth, ok := v.(bool); ok && truth {
			return append(dst, 1), nil
		} else if ok {
			return append(dst, 0), nil
		}
	case avroText, avroEnum:
		if text, ok := v.(string); ok && t.kind == avroText {
			return append(binary.AppendVarint(dst, int64(len(text))), text...), nil
		} else if at := slices.Index(t.symbols, text); ok && at >= 0 {
			return binary.AppendVarint(dst, int64(at)), nil
		}
	case avroArray:
		return t.appendItems(dst, v)
	default:
		if number, ok := v.(json.Number); ok {
			return t.appendNumber(dst, number)
		}
	}
	return dst, errDefault
}

func (t *avroNode) appendItems(dst []byte, v any) (_ []byte, err error) {
	items, ok := v.([]any)
	if !ok {
		return dst, errDefault
	}
	if len(items) > 0 {
		dst = binary.AppendVarint(dst, int64(len(items)))
	}
	for _, item := range items {
		if dst, err = t.items.appendConstant(dst, item); err != nil {
			return dst, err
		}
	}
	return binary.AppendVarint(dst, 0), nil
}

func (t *avroNode) appendNumber(dst []byte, number json.Number) ([]byte, error) {
	if t.kind == avroFloat || t.kind == avroDouble {
		v, err := number.Float64()
		if err != nil {
			return dst, err
		}
		if t.kind == avroFloat {
			return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v))), nil
		}
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v)), nil
	}
	v, err := number.Int64()
	if err != nil || t.kind != avroInt && t.kind != avroLong || t.kind == avroInt && v != int64(int32(v)) {
		return dst, errDefault
	}
	return binary.AppendVarint(dst, v), nil
}
