package files

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/linkedin/goavro/v2"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// goavro allocates what a block claims to hold before it reads it: a file of 200
// bytes could ask for more memory than there is. Its bounds are those of the
// process.
func init() {
	goavro.MaxBlockCount = 4 << 20 // records of a block, or elements of an array
	goavro.MaxBlockSize = 256 << 20
}

func openAvro(path string, o Options) (source, error) {
	return openTable(path, func() (rowReader, error) { return newAvro(path) }, pipeline.AVRO, o)
}

// avroContainer reads an Avro object container file: the fields that are
// numbers, booleans, enums, arrays of them and unions of them with null, and
// text for a label or for a model that takes it. Of logical types it reads the numbers that are stored.
type avroContainer struct {
	close   func() error
	ocf     *goavro.OCFReader
	names   []string
	types   []json.RawMessage
	without []bool
}

func newAvro(path string) (rowReader, error) {
	from, closer, err := openPlain(path)
	if err != nil {
		return nil, err
	}
	r := &avroContainer{close: closer}
	if err := r.begin(from); err != nil {
		return nil, errors.Join(err, closer())
	}
	return r, nil
}

func (r *avroContainer) begin(from *bufio.Reader) error {
	start, _ := from.Peek(4 << 10) // a shorter file gives what it has
	plain, err := plainContainer(from)
	if err != nil {
		if !bytes.HasPrefix(start, []byte("Obj\x01")) {
			err = isNot("an Avro container", start)
		}
		return err
	}
	if r.ocf, err = goavro.NewOCFReader(plain); err != nil {
		return fmt.Errorf("is not an Avro container that can be read: %w", err)
	}
	fields, err := codec.AvroFields(r.ocf.Codec().Schema())
	if err != nil {
		return err
	}
	for _, f := range fields {
		r.names, r.types = append(r.names, f.Name), append(r.types, f.Type)
	}
	r.without = make([]bool, len(r.names))
	return nil
}

func (r *avroContainer) columns() []string { return r.names }

func (r *avroContainer) leaveOut(i int) { r.without[i] = true }

func (r *avroContainer) lineNumber() int64 { return 0 }

func (r *avroContainer) read(into *row) error {
	if !r.ocf.Scan() {
		if err := r.ocf.Err(); err != nil {
			return cut(err)
		}
		return io.EOF
	}
	datum, err := r.ocf.Read()
	if err != nil {
		return cut(err)
	}
	record, ok := datum.(map[string]any)
	if !ok {
		return errors.New("is not a record")
	}
	into.empty = len(r.names) > 0
	for i, name := range r.names {
		c, v := &into.cells[i], record[name]
		into.empty = into.empty && v == nil
		c.reset()
		if r.without[i] {
			continue
		}
		if err := c.avro(v, r.types[i]); err != nil {
			return fmt.Errorf("field %q %w", name, err)
		}
	}
	return nil
}

func cut(err error) error {
	if strings.HasSuffix(err.Error(), "EOF") {
		return errors.New("the file ends within it: it was cut")
	}
	return fmt.Errorf("the file is damaged: %w", err)
}

// avro reads a value of goavro's, whose type tells a union from a map.
func (c *cell) avro(v any, of json.RawMessage) error {
	switch v := v.(type) {
	case nil:
		c.add(number{float: math.NaN()})
	case bool:
		c.add(number{float: truth(v)})
	case float64:
		c.add(number{float: v})
	case float32:
		c.add(number{float: float64(v)})
	case int32:
		c.add(number{float: float64(v)})
	case int64:
		c.add(integer(v))
	case string:
		c.addText(v, aText)
	case map[string]any:
		return c.union(v, of)
	case []any:
		var array struct{ Items json.RawMessage }
		_ = json.Unmarshal(of, &array) // of a union there is none, and no items
		for _, item := range v {
			if err := c.avro(item, array.Items); err != nil {
				return err
			}
		}
		if c.kind == aText || c.kind == aBytes { // an array of one
			c.kind = anArray
		}
	case []byte:
		c.addText(string(v), aBytes)
	default:
		c.kind = anObject
	}
	return nil
}

// union reads the one value of a union, which goavro names by its type.
func (c *cell) union(v map[string]any, of json.RawMessage) error {
	var branches []json.RawMessage
	if json.Unmarshal(of, &branches) != nil {
		c.kind = anObject
		return nil
	}
	for _, value := range v {
		for _, b := range branches {
			var complex struct{ Items json.RawMessage }
			if json.Unmarshal(b, &complex) == nil && complex.Items != nil {
				return c.avro(value, b)
			}
		}
		return c.avro(value, nil)
	}
	return nil
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (r *avroContainer) Close() error { return r.close() }
