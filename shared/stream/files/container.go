package files

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// plainContainer gives an Avro container whose schema is as plain as reading
// needs it: goavro refuses some that other writers make.
func plainContainer(from *bufio.Reader) (io.Reader, error) {
	magic := make([]byte, 4)
	if _, err := io.ReadFull(from, magic); err != nil || string(magic) != "Obj\x01" {
		return nil, errors.New("is not an Avro container")
	}
	meta, err := containerMeta(from)
	if err != nil {
		return nil, fmt.Errorf("the header of the Avro container: %w", err)
	}
	switch name := string(meta["avro.codec"]); name {
	case "", "null", "deflate", "snappy":
	default:
		return nil, pipeline.Invalidf("file", "its blocks are packed by %q; null, deflate and snappy can be read", name).
			WithHint("write the file with one of those codecs (fastavro.writer(..., codec=\"deflate\"))")
	}
	if schema, err := codec.AvroPlain(string(meta["avro.schema"])); err == nil {
		meta["avro.schema"] = []byte(schema)
	}
	head := append(magic, binary.AppendVarint(nil, int64(len(meta)))...)
	for name, value := range meta {
		head = append(binary.AppendVarint(head, int64(len(name))), name...)
		head = append(binary.AppendVarint(head, int64(len(value))), value...)
	}
	return io.MultiReader(bytes.NewReader(append(head, 0)), from), nil
}

// containerMeta reads the map that begins a container (Apache Avro 1.12
// specification, "Object Container Files").
func containerMeta(from *bufio.Reader) (map[string][]byte, error) {
	const most = 1000
	meta := map[string][]byte{}
	for {
		n, err := binary.ReadVarint(from)
		if err != nil || n == 0 {
			return meta, err
		}
		if n < 0 { // the block's size in bytes follows
			if _, err := binary.ReadVarint(from); err != nil {
				return nil, err
			}
			n = -n
		}
		if n < 0 || n > most {
			return nil, fmt.Errorf("%d entries are too many", n)
		}
		for range n {
			name, err := containerBytes(from)
			if err != nil {
				return nil, err
			}
			if meta[string(name)], err = containerBytes(from); err != nil {
				return nil, err
			}
		}
	}
}

func containerBytes(from *bufio.Reader) ([]byte, error) {
	const longest = 16 << 20
	n, err := binary.ReadVarint(from)
	if err != nil {
		return nil, err
	}
	if n < 0 || n > longest {
		return nil, fmt.Errorf("an entry of %d bytes is too long", n)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(from, b)
	return b, err
}
