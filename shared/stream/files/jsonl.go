package files

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func openJSONLines(path string, o Options) (source, error) {
	return openTable(func() (rowReader, error) { return newJSONLines(path) }, pipeline.JSON, o)
}

// jsonLines reads one JSON object a line. Its columns are the members of the
// first object, in their order; a member that is missing later is a missing
// number, one that is new is an error.
type jsonLines struct {
	lines *bufio.Scanner
	close func() error
	names []string
	index map[string]int
	first []byte
}

// longestLine bounds memory.
const longestLine = 64 << 20

func newJSONLines(path string) (rowReader, error) {
	from, closer, err := openPlain(path)
	if err != nil {
		return nil, err
	}
	r := &jsonLines{lines: bufio.NewScanner(from), close: closer, index: map[string]int{}}
	r.lines.Buffer(make([]byte, 64<<10), longestLine)
	line, err := r.line()
	if err == nil {
		r.first = bytes.Clone(line)
		err = r.name()
	}
	if err != nil {
		_ = closer() // it was only read; the first error is the one to tell
		if errors.Is(err, io.EOF) {
			err = errors.New("holds no rows")
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// line gives the next line that is not empty.
func (r *jsonLines) line() ([]byte, error) {
	for r.lines.Scan() {
		if line := bytes.TrimSpace(r.lines.Bytes()); len(line) > 0 {
			return line, nil
		}
	}
	if err := r.lines.Err(); err != nil {
		return nil, err
	}
	return nil, io.EOF
}

// name takes the columns from the first object.
func (r *jsonLines) name() error {
	d := json.NewDecoder(bytes.NewReader(r.first))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("a line is not a JSON object")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string) // the grammar has a name here
		if _, twice := r.index[name]; twice {
			return fmt.Errorf("member %q comes twice", name)
		}
		r.index[name] = len(r.names)
		r.names = append(r.names, name)
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return err
		}
	}
	return nil
}

func (r *jsonLines) columns() []string { return r.names }

func (r *jsonLines) read(into *row) error {
	line := r.first
	if r.first = nil; line == nil {
		var err error
		if line, err = r.line(); err != nil {
			return err
		}
	}
	var object map[string]any
	if err := json.Unmarshal(line, &object); err != nil {
		return err
	}
	for i := range into.cells {
		into.cells[i].reset()
		if err := into.cells[i].take(object[r.names[i]]); err != nil {
			return fmt.Errorf("member %q: %w", r.names[i], err)
		}
	}
	for name := range object {
		if _, known := r.index[name]; !known {
			return fmt.Errorf("member %q is not in the first object", name)
		}
	}
	return nil
}

// take adds a decoded value: a number, a truth value, null, text, or an array
// of numbers, row-major.
func (c *cell) take(v any) error {
	switch v := v.(type) {
	case nil:
		c.numbers = append(c.numbers, math.NaN())
	case float64:
		c.numbers = append(c.numbers, v)
	case bool:
		var f float64
		if v {
			f = 1
		}
		c.numbers = append(c.numbers, f)
	case string:
		if len(c.numbers) > 0 || c.isText {
			return errors.New("text in an array")
		}
		c.text, c.isText = v, true
	case []any:
		for _, item := range v {
			if err := c.take(item); err != nil {
				return err
			}
		}
	default:
		return errors.New("is an object, numbers are wanted")
	}
	return nil
}

func (r *jsonLines) Close() error { return r.close() }
