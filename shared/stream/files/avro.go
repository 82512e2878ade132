package files

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/linkedin/goavro/v2"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func openAvro(path string, o Options) (source, error) {
	return openTable(func() (rowReader, error) { return newAvro(path) }, pipeline.AVRO, o)
}

// avroContainer reads an Avro object container file: the fields that are
// numbers, booleans, enums, arrays of them and unions of them with null, and
// text for a label.
type avroContainer struct {
	file  *os.File
	ocf   *goavro.OCFReader
	names []string
}

func newAvro(path string) (rowReader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r := &avroContainer{file: f}
	if r.ocf, err = goavro.NewOCFReader(bufio.NewReaderSize(f, 1<<20)); err == nil {
		r.names, err = codec.AvroFields(r.ocf.Codec().Schema())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return r, nil
}

func (r *avroContainer) columns() []string { return r.names }

func (r *avroContainer) read(into *row) error {
	if !r.ocf.Scan() {
		if err := r.ocf.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	datum, err := r.ocf.Read()
	if err != nil {
		return err
	}
	record, ok := datum.(map[string]any)
	if !ok {
		return errors.New("is not a record")
	}
	for i, name := range r.names {
		into.cells[i].reset()
		v, err := plain(record[name])
		if err == nil {
			err = into.cells[i].take(v)
		}
		if err != nil {
			return fmt.Errorf("field %q: %w", name, err)
		}
	}
	return nil
}

// plain brings goavro's values to those of JSON.
func plain(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string, float64:
		return v, nil
	case float32:
		return float64(v), nil
	case int32:
		return float64(v), nil
	case int64:
		return float64(v), nil
	case map[string]any: // a union: its one member is named by its type
		for _, of := range v {
			if len(v) == 1 {
				return plain(of)
			}
		}
	case []any:
		for i := range v {
			var err error
			if v[i], err = plain(v[i]); err != nil {
				return nil, err
			}
		}
		return v, nil
	}
	return nil, fmt.Errorf("%T is not a number", v)
}

func (r *avroContainer) Close() error { return r.file.Close() }
