// Package protofield reads messages of Protocol Buffers field by field, without code
// that is made of their definitions,
// https://protobuf.dev/programming-guides/encoding/.
package protofield

import "google.golang.org/protobuf/encoding/protowire"

// Field is one field of a message.
type Field struct {
	Number protowire.Number
	Bytes  []byte // of a length-delimited one, nil for any other
	Value  uint64 // of a varint
}

// Each calls use with each field of a message, in order, up to the first error. Bytes
// that are no message give an error, never a panic.
func Each(message []byte, use func(Field) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		f := Field{Number: number}
		switch kind {
		case protowire.BytesType:
			f.Bytes, n = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			f.Value, n = protowire.ConsumeVarint(message)
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		if err := use(f); err != nil {
			return err
		}
	}
	return nil
}
