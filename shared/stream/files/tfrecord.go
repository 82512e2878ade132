package files

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// longestExample bounds memory.
const longestExample = 256 << 20

// namesFrom is how many examples are read for the names of the features: a
// feature may be left out of some.
const namesFrom = 1000

func openTFRecord(path string, o Options) (source, error) {
	return openTable(path, func() (rowReader, error) { return newTFRecord(path) }, pipeline.AVRO, o)
}

// tfRecords reads a TFRecord file of tf.train.Example, packed by gzip or not.
// Its columns are the features by name, in the order of the alphabet: within an
// example they have none.
type tfRecords struct {
	from    *bufio.Reader
	close   func() error
	names   []string
	index   map[string]int
	without []bool
	filled  []int64 // by column: the row that last had it
	rows    int64
	buffer  []byte
}

func newTFRecord(path string) (_ rowReader, err error) {
	names, err := featureNames(path)
	if err != nil {
		return nil, err
	}
	r := &tfRecords{names: names, index: map[string]int{}, without: make([]bool, len(names)), filled: make([]int64, len(names))}
	for i, name := range names {
		r.index[name] = i
	}
	r.from, r.close, err = openPlain(path)
	return r, err
}

// featureNames are the features of the first examples.
func featureNames(path string) ([]string, error) {
	from, closer, err := openPlain(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = closer() }() // it was only read
	start, _ := from.Peek(12)       // a shorter file gives what it has
	if len(start) > 0 && !isTFRecord(start) {
		return nil, isNot("a TFRecord file", start)
	}
	r := &tfRecords{from: from}
	var names []string
	for range namesFrom {
		record, err := r.next()
		if err != nil { // it is met again where its row is counted, unless it is the first
			if len(names) > 0 || errors.Is(err, io.EOF) {
				break
			}
			return nil, err
		}
		err = features(record, func(name string, _ []byte) error {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
			return nil
		})
		if err != nil && len(names) == 0 {
			return nil, err
		}
	}
	if len(names) == 0 {
		return nil, errors.New("holds no examples")
	}
	slices.Sort(names)
	return names, nil
}

// isTFRecord reports whether a file begins as TFRecord: a length of 8 bytes, and
// its checksum in 4.
func isTFRecord(start []byte) bool {
	return len(start) >= 12 && binary.LittleEndian.Uint32(start[8:]) == maskedSum(start[:8])
}

// maskedSum is a checksum as TFRecord writes it (TensorFlow,
// tensorflow/core/lib/hash/crc32c.h).
func maskedSum(b []byte) uint32 {
	sum := crc32.Checksum(b, castagnoli)
	return (sum>>15 | sum<<17) + 0xa282ead8
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// next reads a record, valid until the next.
func (r *tfRecords) next() ([]byte, error) {
	var head [12]byte
	switch n, err := io.ReadFull(r.from, head[:]); {
	case n == 0 && errors.Is(err, io.EOF):
		return nil, io.EOF
	case err != nil:
		return nil, cutExample()
	case !isTFRecord(head[:]):
		return nil, damaged(errors.New("the checksum of its length does not fit"))
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > longestExample {
		return nil, pipeline.Invalidf("file", "an example of %d MiB is too long, at most %d can be read", n>>20, longestExample>>20)
	}
	size := int(n)
	r.buffer = r.buffer[:0]
	for len(r.buffer) < size+4 { // no more memory than the file has bytes for
		begin := len(r.buffer)
		r.buffer = slices.Grow(r.buffer, min(size+4-begin, readAhead))[:begin+min(size+4-begin, readAhead)]
		if _, err := io.ReadFull(r.from, r.buffer[begin:]); err != nil {
			return nil, cutExample()
		}
	}
	record := r.buffer[:size]
	if binary.LittleEndian.Uint32(r.buffer[size:]) != maskedSum(record) {
		return nil, damaged(errors.New("its checksum does not fit"))
	}
	return record, nil
}

func cutExample() error {
	return pipeline.Invalidf("file", "the file ends within it: it was cut").WithHint("fetch or write the whole file again")
}

func (r *tfRecords) columns() []string { return r.names }

func (r *tfRecords) leaveOut(i int) { r.without[i] = true }

func (r *tfRecords) lineNumber() int64 { return 0 }

func (r *tfRecords) read(into *row) error {
	record, err := r.next()
	if err != nil {
		return err
	}
	r.rows++
	into.empty = true
	for i := range into.cells {
		into.cells[i].reset()
	}
	if err := features(record, func(name string, feature []byte) error { return r.take(into, name, feature) }); err != nil {
		return err
	}
	for i := range into.cells {
		if r.filled[i] != r.rows && !r.without[i] {
			into.cells[i].add(missing)
		}
	}
	return nil
}

// take reads a feature into its cell. One without values is missing.
func (r *tfRecords) take(into *row, name string, feature []byte) error {
	i, known := r.index[name]
	if !known {
		return pipeline.Invalidf("file", "feature %q is in none of the first %d examples", name, namesFrom).
			WithHint("write it into an earlier example, or leave it out of all")
	}
	c := &into.cells[i]
	c.reset() // of a feature that comes twice the last counts, as in Protobuf
	if r.without[i] {
		r.filled[i] = r.rows
		return nil
	}
	if err := c.feature(feature); err != nil {
		return fmt.Errorf("feature %q: %w", name, err)
	}
	if len(c.numbers) > 0 || c.kind != "" {
		r.filled[i], into.empty = r.rows, false
	}
	return nil
}

func (r *tfRecords) Close() error { return r.close() }
