package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// protoTree reads a framed message of a schema, after its id, whole, for people
// to look at.
func protoTree(s Schema, body []byte) (any, error) {
	file, err := protoOf(s)
	if err != nil {
		return nil, err
	}
	n := indexBytes(body)
	if n <= 0 {
		return nil, errors.New("the indexes of its message cannot be read")
	}
	of, err := messageAt(file, indexesOf(body[:n]))
	if err != nil {
		return nil, err
	}
	m := dynamicpb.NewMessage(of)
	if err := (proto.UnmarshalOptions{RecursionLimit: schemaDepth}).Unmarshal(body[n:], m); err != nil {
		return nil, err
	}
	return treeOfMessage(m, 0), nil
}

// treeOfMessage gives the fields of a message in their order; one that is not
// there is null.
func treeOfMessage(m protoreflect.Message, depth int) any {
	if known := knownMessages[m.Descriptor().FullName()]; known == knownTimestamp && m.IsValid() {
		fields := m.Descriptor().Fields()
		return time.Unix(m.Get(fields.ByName("seconds")).Int(), m.Get(fields.ByName("nanos")).Int()).UTC().Format(time.RFC3339Nano)
	} else if known == knownWrapper {
		f := m.Descriptor().Fields().ByName("value")
		return treeOfValue(f, m.Get(f), depth)
	}
	all := TreeObject{}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		var v any
		switch {
		case f.IsMap():
			entries := TreeObject{}
			m.Get(f).Map().Range(func(k protoreflect.MapKey, of protoreflect.Value) bool {
				entries = append(entries, TreeMember{k.String(), treeOfValue(f.MapValue(), of, depth)})
				return true
			})
			v = entries
		case f.IsList():
			items := []any{}
			for j := range m.Get(f).List().Len() {
				items = append(items, treeOfValue(f, m.Get(f).List().Get(j), depth))
			}
			v = items
		case f.HasPresence() && !m.Has(f):
		default:
			v = treeOfValue(f, m.Get(f), depth)
		}
		all = append(all, TreeMember{string(f.Name()), v})
	}
	return all
}

func treeOfValue(f protoreflect.FieldDescriptor, v protoreflect.Value, depth int) any {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		if depth > schemaDepth {
			return nil
		}
		return treeOfMessage(v.Message(), depth+1)
	case protoreflect.BoolKind:
		return v.Bool()
	case protoreflect.StringKind:
		return v.String()
	case protoreflect.BytesKind:
		return v.Bytes()
	case protoreflect.EnumKind:
		if of := f.Enum().Values().ByNumber(v.Enum()); of != nil {
			return string(of.Name())
		}
		return json.Number(fmt.Sprint(v.Enum()))
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		if n := v.Float(); math.IsNaN(n) || math.IsInf(n, 0) {
			return fmt.Sprint(n)
		}
	}
	return json.Number(fmt.Sprint(v.Interface()))
}
