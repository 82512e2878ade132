package onnxgraph

import (
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// WriteOpen writes a file that Describe has taken, each output with its number of
// records left open: the runtime refuses to give more records than the file says,
// which LightGBM's exporter says wrong. All else stays as it is.
func WriteOpen(w io.Writer, file []byte) error {
	head, graph, tail := cut(file, 7)
	pieces, err := openOutputs(graph)
	if err != nil {
		return refused(err)
	}
	size := 0
	for _, p := range pieces {
		size += len(p)
	}
	length := protowire.AppendVarint(protowire.AppendTag(nil, 7, protowire.BytesType), uint64(size)) // #nosec G115 -- a length
	pieces = append([][]byte{head, length}, append(pieces, tail)...)
	for _, p := range pieces {
		if _, err := w.Write(p); err != nil {
			return fmt.Errorf("write ONNX model: %w", err)
		}
	}
	return nil
}

// openOutputs is a GraphProto in pieces, in which no output says that it is of
// one record.
func openOutputs(graph []byte) (pieces [][]byte, err error) {
	from := 0
	for at := 0; at < len(graph); {
		n, kind, tag := protowire.ConsumeTag(graph[at:])
		end := at + tag + protowire.ConsumeFieldValue(n, kind, graph[at+tag:])
		if n == 12 {
			info, _ := protowire.ConsumeBytes(graph[at+tag:])
			v, err := (&parser{}).value(info)
			if err != nil {
				return nil, err
			}
			if len(v.dims) > 0 && v.dims[0] == 1 {
				v.dims[0] = -1
				pieces = append(pieces, graph[from:at], field(12, v.encode()))
				from = end
			}
		}
		at = end
	}
	return append(pieces, graph[from:]), nil
}

// encode writes a tensor's ValueInfoProto.
func (v value) encode() []byte {
	var shape []byte
	for _, d := range v.dims {
		var size []byte
		if d >= 0 {
			size = protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(d)) // #nosec G115 -- none below 0
		}
		shape = append(shape, field(1, size)...)
	}
	tensor := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(v.dtype)) // #nosec G115 -- a type that is known
	tensor = append(tensor, field(2, shape)...)
	return append(field(1, []byte(v.name)), field(2, field(1, tensor))...)
}

// field is a length-delimited member of a message.
func field(number protowire.Number, b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), b)
}
