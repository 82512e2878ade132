package files

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func openJSONLines(path string, o Options) (source, error) {
	return openTable(path, func() (rowReader, error) { return newJSONLines(path, o) }, pipeline.JSON, o)
}

// jsonLines reads one JSON object a line, or objects over several lines, one
// after the other or in one array. Its columns are the members of the first
// object, in their order; a member that is missing later is a missing number,
// one that is new is an error.
type jsonLines struct {
	path    string
	objects objects
	close   func() error
	names   []string
	index   map[string]int
	without []bool
	more    map[string]bool // members that are left out and not in the first object; true once one was seen
	ahead   [][]byte
	at      []int64 // lines of those ahead
	line    int64
	filled  []int64 // by column: the row that last had it
	rows    int64
}

// objects gives one JSON object after the other, valid until the next, and the
// line where it begins, 0 where that is not known.
type objects func() (object []byte, line int64, err error)

// longestLine bounds memory.
const longestLine = 64 << 20

func newJSONLines(path string, o Options) (rowReader, error) {
	from, closer, err := openText(path)
	if err != nil {
		return nil, err
	}
	r := &jsonLines{path: path, close: closer, index: map[string]int{}, more: map[string]bool{}}
	if err := r.begin(from, o); err != nil {
		_ = closer() // it was only read; the first error is the one to tell
		if errors.Is(err, io.EOF) {
			err = errors.New("holds no rows")
		}
		return nil, err
	}
	return r, nil
}

// begin reads the first two objects: the first names the columns, and one that
// stays alone may hold a whole table.
func (r *jsonLines) begin(from *bufio.Reader, o Options) error {
	if err := beginsAsJSON(from); err != nil {
		return err
	}
	r.objects = objectsOf(from, r.path)
	for range 2 {
		object, line, err := r.objects()
		if errors.Is(err, io.EOF) && len(r.ahead) > 0 {
			break
		}
		if err != nil && len(r.ahead) == 0 {
			return err
		}
		if err != nil { // it is met again where its row is counted
			r.objects = func() ([]byte, int64, error) { return nil, line, err }
			break
		}
		r.ahead, r.at = append(r.ahead, bytes.Clone(object)), append(r.at, line)
	}
	first := r.ahead[0]
	if err := codec.Members(first, r.column); err != nil {
		return err
	}
	r.without, r.filled = make([]bool, len(r.names)), make([]int64, len(r.names))
	if len(r.ahead) == 1 {
		return whole(first, r.path, list(o.Drop, r.names))
	}
	return nil
}

func (r *jsonLines) column(name, _ []byte) error {
	if _, twice := r.index[string(name)]; twice {
		return fmt.Errorf("member %q comes twice", name)
	}
	r.index[string(name)] = len(r.names)
	r.names = append(r.names, string(name))
	return nil
}

func (r *jsonLines) columns() []string { return r.names }

func (r *jsonLines) leaveOut(i int) { r.without[i] = true }

func (r *jsonLines) lineNumber() int64 { return r.line }

func (r *jsonLines) next() (object []byte, err error) {
	if len(r.ahead) > 0 {
		object, r.line = r.ahead[0], r.at[0]
		r.ahead, r.at = r.ahead[1:], r.at[1:]
		return object, nil
	}
	object, r.line, err = r.objects()
	return object, err
}

func (r *jsonLines) read(into *row) error {
	object, err := r.next()
	if err != nil {
		return err
	}
	r.rows++
	into.empty = true
	for i := range into.cells {
		into.cells[i].reset()
	}
	err = codec.Members(object, func(name, value []byte) error { return r.take(into, name, value) })
	if err != nil {
		return err
	}
	for i := range into.cells {
		if r.filled[i] != r.rows && !r.without[i] {
			into.cells[i].add(number{float: math.NaN()})
		}
	}
	return nil
}

// take reads a member into its cell.
func (r *jsonLines) take(into *row, name, value []byte) error {
	i, known := r.index[string(name)]
	if !known {
		if _, left := r.more[string(name)]; left {
			r.more[string(name)] = true
			return nil
		}
		return pipeline.Invalidf("file", "member %q is not in the first object", name).
			WithHint("give the first object all members, null where it lacks one; or leave it out (--drop %s)", flagText(string(name)))
	}
	if r.filled[i] == r.rows {
		return fmt.Errorf("member %q comes twice", name)
	}
	r.filled[i] = r.rows
	into.empty = into.empty && string(value) == "null"
	if r.without[i] {
		return nil
	}
	if err := into.cells[i].json(value); err != nil {
		return fmt.Errorf("member %q %w", name, err)
	}
	return nil
}

// json reads a value: a number, a truth value, null, text, or an array of
// numbers, row-major.
func (c *cell) json(value []byte) error {
	switch value[0] {
	case '"':
		c.kind = aText
		return json.Unmarshal(value, &c.text)
	case '{':
		c.kind = anObject
		return nil
	}
	err := codec.Scalars(value, func(word []byte) error {
		switch word[0] {
		case 't':
			c.add(number{float: 1})
			return nil
		case 'f':
			c.add(number{})
			return nil
		}
		n, ok := parseNumber(string(word))
		if !ok { // it is beyond the range of numbers
			c.kind, c.text = aText, string(word)
			return nil
		}
		c.add(n)
		return nil
	})
	if errors.Is(err, codec.ErrNoScalar) {
		c.kind, err = anArray, nil
		if json.Unmarshal(value, &c.texts) != nil {
			c.texts = c.texts[:0] // other things than texts
		}
	}
	return err
}

func (r *jsonLines) Close() error { return r.close() }
