package files

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	flatbuffers "github.com/google/flatbuffers/go"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// arrowMessages passes on the messages of an Arrow stream, each once its lengths
// were seen to lie within it: the reader of the library takes memory for what
// they say (Apache Arrow columnar format, "Encapsulated message format").
type arrowMessages struct {
	from    *bufio.Reader
	pending []byte
	body    int64
	ended   bool
	fields  int
}

func (m *arrowMessages) Read(b []byte) (int, error) {
	if len(m.pending) == 0 && m.body == 0 {
		if err := m.next(); err != nil {
			return 0, err
		}
	}
	if len(m.pending) > 0 {
		n := copy(b, m.pending)
		m.pending = m.pending[n:]
		return n, nil
	}
	n, err := m.from.Read(b[:min(int64(len(b)), m.body)])
	m.body -= int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (m *arrowMessages) next() error {
	if m.ended {
		return io.EOF
	}
	head := make([]byte, 8)
	if n, err := io.ReadFull(m.from, head); n == 0 && errors.Is(err, io.EOF) {
		return io.EOF
	} else if err != nil {
		return damaged(io.ErrUnexpectedEOF)
	}
	size := int32(binary.LittleEndian.Uint32(head[4:]))
	const largest = 64 << 20
	if string(head[:4]) != arrowStream || size < 0 || size > largest {
		return damaged(errors.New("a message does not begin where it should"))
	}
	if m.pending = head; size == 0 {
		m.ended = true
		return nil
	}
	m.pending = append(m.pending, make([]byte, size)...)
	if _, err := io.ReadFull(m.from, m.pending[8:]); err != nil {
		return damaged(io.ErrUnexpectedEOF)
	}
	return m.check(m.pending[8:])
}

// The members of Arrow's tables by their place (Apache Arrow, format/*.fbs).
const (
	messageKind, messageHeader, messageBody = 6, 8, 10
	kindSchema, kindDictionary, kindBatch   = 1, 2, 3
	schemaFields, schemaMetadata            = 6, 8
	fieldTypeKind, fieldType                = 8, 10
	fieldChildren, fieldMetadata            = 14, 16
	typeUnion, unionIDs                     = 14, 6
	dictionaryData                          = 6
	batchRows, batchNodes, batchBuffers     = 4, 6, 8
	batchCounts                             = 12
)

// check refuses a message whose lengths do not lie within it.
func (m *arrowMessages) check(meta []byte) (err error) {
	defer caught(&err)
	t := flatbuffers.Table{Bytes: meta, Pos: flatbuffers.GetUOffsetT(meta)}
	if at := t.Offset(messageBody); at != 0 {
		m.body = t.GetInt64(t.Pos + flatbuffers.UOffsetT(at))
	}
	switch {
	case m.body < 0:
		return damaged(errors.New("a message of negative size"))
	case m.body > largestBatch:
		return tooLargeBatch()
	}
	var kind byte
	if at := t.Offset(messageKind); at != 0 {
		kind = t.GetByte(t.Pos + flatbuffers.UOffsetT(at))
	}
	header, ok := member(&t, messageHeader)
	if !ok {
		return damaged(errors.New("a message without a header"))
	}
	switch kind {
	case kindSchema:
		return errors.Join(m.checkFields(&header, schemaFields, 0), checkVector(&header, schemaMetadata, 4))
	case kindDictionary:
		if header, ok = member(&header, dictionaryData); !ok {
			return damaged(errors.New("a dictionary without values"))
		}
		fallthrough
	case kindBatch:
		return checkBatch(&header)
	}
	return nil
}

// member is a table within another.
func member(t *flatbuffers.Table, slot flatbuffers.VOffsetT) (of flatbuffers.Table, ok bool) {
	at := t.Offset(slot)
	if at == 0 {
		return of, false
	}
	return flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(t.Pos + flatbuffers.UOffsetT(at))}, true
}

// checkVector refuses a vector that goes beyond its message.
func checkVector(t *flatbuffers.Table, slot flatbuffers.VOffsetT, width int) error {
	at := flatbuffers.UOffsetT(t.Offset(slot))
	if at == 0 {
		return nil
	}
	begin, n := int(t.Vector(at)), t.VectorLen(at)
	if n < 0 || begin > len(t.Bytes) || n > (len(t.Bytes)-begin)/width {
		return damaged(fmt.Errorf("a list of %d is longer than its message", n))
	}
	return nil
}

func (m *arrowMessages) checkFields(t *flatbuffers.Table, slot flatbuffers.VOffsetT, depth int) error {
	const deepest, most = 64, 100_000
	if err := checkVector(t, slot, 4); err != nil || t.Offset(slot) == 0 {
		return err
	}
	at := flatbuffers.UOffsetT(t.Offset(slot))
	for i := range t.VectorLen(at) {
		f := flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(t.Vector(at) + flatbuffers.UOffsetT(4*i))}
		if m.fields++; m.fields > most || depth > deepest {
			return pipeline.Invalidf("file", "has more than %d columns, or columns nested more than %d deep", most, deepest)
		}
		if err := errors.Join(checkVector(&f, fieldMetadata, 4), checkUnion(&f)); err != nil {
			return err
		}
		if err := m.checkFields(&f, fieldChildren, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func checkUnion(f *flatbuffers.Table) error {
	at := f.Offset(fieldTypeKind)
	if at == 0 || f.GetByte(f.Pos+flatbuffers.UOffsetT(at)) != typeUnion {
		return nil
	}
	if of, ok := member(f, fieldType); ok {
		return checkVector(&of, unionIDs, 4)
	}
	return nil
}

func checkBatch(b *flatbuffers.Table) error {
	const nodeSize, bufferSize, most = 16, 16, 1 << 31
	err := errors.Join(checkVector(b, batchNodes, nodeSize), checkVector(b, batchBuffers, bufferSize), checkVector(b, batchCounts, 8))
	if err != nil {
		return err
	}
	if at := b.Offset(batchRows); at != 0 {
		if n := b.GetInt64(b.Pos + flatbuffers.UOffsetT(at)); n < 0 || n > most {
			return damaged(fmt.Errorf("a batch of %d rows", n))
		}
	}
	nodes := flatbuffers.UOffsetT(b.Offset(batchNodes))
	if nodes == 0 {
		return nil
	}
	for i := range b.VectorLen(nodes) {
		at := b.Vector(nodes) + flatbuffers.UOffsetT(nodeSize*i)
		if n, nulls := b.GetInt64(at), b.GetInt64(at+8); n < 0 || n > most || nulls < 0 || nulls > n {
			return damaged(fmt.Errorf("a column of %d values, %d of them null", n, nulls))
		}
	}
	return nil
}

func tooLargeBatch() error {
	return pipeline.Invalidf("file", "holds more than %d MiB of rows in one batch, which are read at once", largestBatch>>20).
		WithHint("write it in smaller batches: pyarrow.feather.write_feather(table, %q, chunksize=65536)", "new.feather")
}
