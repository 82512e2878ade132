package files

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

func openCSV(path string, o Options) (source, error) {
	return openTable(path, func() (rowReader, error) { return newCSV(path, o) }, pipeline.AVRO, o)
}

// csvReader reads comma-separated values (RFC 4180), or those that tabs,
// semicolons, bars or blanks separate.
type csvReader struct {
	csv      *csv.Reader
	close    func() error
	names    []string
	without  []bool // columns whose cells are not wanted
	before   int64  // lines of the file before the first of csv
	ahead    []line // rows that were read to judge the first
	at       int64  // line of the last row
	notes    []string
	named    bool // the first row names the columns
	failedAt int64
	failed   error  // after the rows of ahead
	begins   string // the first cell of the first row
}

// line is a row of text and the line of the file where it begins.
type line struct {
	cells []string
	at    int64
}

func newCSV(path string, o Options) (rowReader, error) {
	from, closer, err := openText(path)
	if err != nil {
		return nil, err
	}
	r := &csvReader{close: closer}
	if err := r.begin(from, path, o); err != nil {
		_ = closer() // it was only read; the first error is the one to tell
		return nil, err
	}
	return r, nil
}

// judges is how many rows are read to judge the first by.
const judges = 50

// begin finds the separator and whether the first row names the columns.
func (r *csvReader) begin(from *bufio.Reader, path string, o Options) error {
	if err := isTable(from); err != nil {
		return err
	}
	separator, err := r.preamble(from)
	if err != nil {
		return err
	}
	if separator == 0 {
		start, _ := from.Peek(4 << 10) // a shorter file gives what it has
		separator = separatorOf(string(start), path, !o.takesText())
	}
	r.csv = csv.NewReader(from)
	if separator == ' ' {
		r.csv = csv.NewReader(replaced{from, '\t', ' '})
	}
	r.csv.Comma, r.csv.ReuseRecord, r.csv.TrimLeadingSpace, r.csv.FieldsPerRecord = separator, true, true, -1
	for len(r.ahead) <= judges {
		cells, at, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && len(r.ahead) > 0 {
			r.failed, r.failedAt = err, at // to tell where its row is counted
			break
		}
		if err != nil {
			return err
		}
		if len(r.ahead) == 0 && blank(cells) {
			continue
		}
		r.ahead = append(r.ahead, line{append([]string(nil), cells...), at})
	}
	if len(r.ahead) == 0 {
		return errors.New("holds no rows")
	}
	return r.name(o.Header)
}

// isTable refuses lines of JSON.
func isTable(from *bufio.Reader) error {
	start, _ := from.Peek(64 << 10) // a shorter file gives what it has
	first, _, _ := bytes.Cut(bytes.TrimLeft(start, " \t\r\n"), []byte("\n"))
	if bytes.HasPrefix(first, []byte("{")) && json.Valid(first) {
		return pipeline.Invalidf("file", "holds JSON, not a table (CSV): it begins with %s", quoted(string(first))).WithHint("--as jsonl reads it")
	}
	return nil
}

// preamble reads what some programs write before the first row: the separator
// (sep=;) and comments.
func (r *csvReader) preamble(from *bufio.Reader) (separator rune, err error) {
	start, _ := from.Peek(64 << 10) // a shorter file gives what it has
	first, rest, more := bytes.Cut(start, []byte("\n"))
	if of, ok := bytes.CutPrefix(bytes.ToLower(bytes.TrimSpace(first)), []byte("sep=")); ok && more && len(of) == 1 {
		separator, start = rune(of[0]), rest
		r.note("left out: the first line, which says that %q separates", separator)
		if err := r.discard(from, len(first)+1); err != nil {
			return 0, err
		}
	}
	for bytes.HasPrefix(start, []byte("#")) {
		first, rest, more = bytes.Cut(start, []byte("\n"))
		below, _, _ := bytes.Cut(rest, []byte("\n"))
		if !more || !comment(string(first), string(below), separator) {
			_, err := from.Discard(1) // of NumPy's header
			return separator, err
		}
		r.note("left out: line %d, a comment: %s", r.before+1, quoted(string(bytes.TrimSpace(first))))
		if err := r.discard(from, len(first)+1); err != nil {
			return 0, err
		}
		start = rest
	}
	return separator, nil
}

func (r *csvReader) discard(from *bufio.Reader, n int) error {
	r.before++
	_, err := from.Discard(n)
	return err
}

func (r *csvReader) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// next reads a row, and gives the line where it begins.
func (r *csvReader) next() ([]string, int64, error) {
	cells, err := r.csv.Read()
	if err != nil {
		return r.explain(err)
	}
	at, _ := r.csv.FieldPos(0)
	return cells, r.before + int64(at), nil
}

// explain says an error of encoding/csv in plain words.
func (r *csvReader) explain(err error) ([]string, int64, error) {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		return nil, 0, err
	}
	at, what, cure := r.before+int64(p.StartLine), "a quoted cell does not end, or goes on after its quotation mark", "end the cell with a quotation mark; write one within it twice"
	if errors.Is(p.Err, csv.ErrBareQuote) {
		at, what, cure = r.before+int64(p.Line), "a quotation mark stands within a cell that has none around it", `write it twice, and one at either end of the cell: "a ""b"""`
	}
	return nil, at, pipeline.Invalidf("file", "%s", what).WithHint("%s", cure)
}

// name takes the names of the columns from the first row, or counts them.
func (r *csvReader) name(h Header) error {
	first := r.ahead[0].cells
	named, why := header(h, r.ahead)
	r.named, r.begins = named, first[0]
	r.note("%s", why)
	seen := map[string]bool{}
	for i, text := range first {
		name := ""
		if named {
			name = strings.TrimSpace(text)
		}
		if name == "" {
			name = fmt.Sprintf("column%d", i+1)
		}
		if seen[name] {
			return pipeline.Invalidf("file", "two columns are called %q", name).WithHint("give each column a name of its own in the first row")
		}
		seen[name], r.names = true, append(r.names, name)
	}
	r.without = make([]bool, len(r.names))
	if named {
		r.ahead = r.ahead[1:]
	}
	return nil
}

func (r *csvReader) columns() []string { return r.names }

func (r *csvReader) leaveOut(i int) { r.without[i] = true }

func (r *csvReader) lineNumber() int64 { return r.at }

func (r *csvReader) read(into *row) (err error) {
	var cells []string
	if len(r.ahead) > 0 {
		cells, r.at, r.ahead = r.ahead[0].cells, r.ahead[0].at, r.ahead[1:]
	} else if r.failed != nil {
		r.at = r.failedAt
		return r.failed
	} else if cells, r.at, err = r.next(); err != nil {
		return err
	}
	if into.empty = blank(cells); into.empty {
		return nil
	}
	if cells = r.fit(cells); len(cells) != len(r.names) {
		return r.misfit(cells)
	}
	for i, text := range cells {
		c := &into.cells[i]
		c.reset()
		if r.without[i] {
			continue
		}
		text = strings.TrimSpace(text)
		c.text = text
		if n, ok := parseNumber(text); ok {
			c.add(n)
		} else {
			c.kind = aText
		}
	}
	return nil
}

// fit leaves out empty cells at the end of a row that is longer than the first.
func (r *csvReader) fit(cells []string) []string {
	if n := len(r.names); len(cells) > n && blank(cells[n:]) {
		return cells[:n]
	}
	return cells
}

func (r *csvReader) misfit(cells []string) error {
	e := pipeline.Invalidf("file", "has %d cells (it begins with %s), the first row has %d (it begins with %s)", len(cells), quoted(cells[0]), len(r.names), quoted(r.begins))
	if strings.HasPrefix(cells[0], "#") {
		return e.WithHint("it looks like a comment: take comments out from below the first row")
	}
	if len(r.names) == 1 {
		return e.WithHint("the first row is no header: take it out of the file")
	}
	if r.csv.Comma == ',' && len(r.names) > 1 && len(cells) > len(r.names) {
		return e.WithHint("a cell that holds a comma (a decimal comma, a comma between thousands, text) needs quotation marks around it")
	}
	return e.WithHint("give each row as many cells; an empty one is a missing number")
}

// blank reports whether no cell of a row holds anything.
func blank(cells []string) bool {
	for _, c := range cells {
		if strings.TrimSpace(c) != "" {
			return false
		}
	}
	return true
}

func (r *csvReader) Close() error { return r.close() }
