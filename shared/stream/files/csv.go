package files

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func openCSV(path string, o Options) (source, error) {
	return openTable(func() (rowReader, error) { return newCSV(path) }, pipeline.AVRO, o)
}

// csvReader reads comma-separated values (RFC 4180), or those that tabs or
// semicolons separate.
type csvReader struct {
	csv   *csv.Reader
	close func() error
	names []string
	first []string // the first row, where it is no header
}

func newCSV(path string) (rowReader, error) {
	from, closer, err := openPlain(path)
	if err != nil {
		return nil, err
	}
	r := &csvReader{close: closer}
	if err := r.begin(from, path); err != nil {
		_ = closer() // it was only read; the first error is the one to tell
		return nil, err
	}
	return r, nil
}

// begin finds the separator and reports whether the first row names the columns:
// it does where none of its cells is a number.
func (r *csvReader) begin(from io.Reader, path string) error {
	separator := ','
	if peeker, ok := from.(interface{ Peek(int) ([]byte, error) }); ok {
		start, _ := peeker.Peek(4 << 10) // a shorter file gives what it has
		separator = separatorOf(string(start), path)
	}
	r.csv = csv.NewReader(from)
	r.csv.Comma, r.csv.ReuseRecord, r.csv.TrimLeadingSpace = separator, true, true
	first, err := r.csv.Read()
	if err == io.EOF {
		return fmt.Errorf("%s holds no rows", path)
	}
	if err != nil {
		return err
	}
	header := true
	for _, text := range first {
		_, numeric := parseNumber(text)
		header = header && !numeric
	}
	seen := map[string]bool{}
	for i, text := range first {
		name := fmt.Sprintf("column%d", i+1)
		if header {
			name = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
		}
		if seen[name] {
			return fmt.Errorf("two columns are called %q", name)
		}
		seen[name], r.names = true, append(r.names, name)
	}
	if !header {
		r.first = append([]string(nil), first...)
	}
	return nil
}

func separatorOf(start, path string) rune {
	line, _, _ := strings.Cut(start, "\n")
	if strings.Contains(strings.ToLower(path), ".tsv") || strings.Count(line, "\t") > strings.Count(line, ",") {
		return '\t'
	}
	if strings.Count(line, ";") > strings.Count(line, ",") {
		return ';'
	}
	return ','
}

func (r *csvReader) columns() []string { return r.names }

func (r *csvReader) read(into *row) error {
	cells := r.first
	if r.first = nil; cells == nil {
		var err error
		if cells, err = r.csv.Read(); err != nil {
			return err
		}
	}
	for i, text := range cells {
		c := &into.cells[i]
		c.reset()
		if f, numeric := parseNumber(text); numeric {
			c.numbers = append(c.numbers, f)
		} else {
			c.text, c.isText = strings.TrimSpace(text), true
		}
	}
	return nil
}

// parseNumber reads a number or a truth value; an empty cell is a missing
// number.
func parseNumber(text string) (float64, bool) {
	text = strings.TrimSpace(text)
	switch strings.ToLower(text) {
	case "", "na", "nan", "null", "?":
		return math.NaN(), true
	case "true":
		return 1, true
	case "false":
		return 0, true
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}

func (r *csvReader) Close() error { return r.close() }
