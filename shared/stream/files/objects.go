package files

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/kafkaml/kafkaml/shared/codec"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// objectsOf finds out how a file writes its objects: one a line, over several
// lines, or in one array.
func objectsOf(from *bufio.Reader, path string) objects {
	start, _ := from.Peek(64 << 10) // a shorter file gives what it has
	start = bytes.TrimLeft(start, " \t\r\n")
	if bytes.HasPrefix(start, []byte("[")) {
		return inArray(json.NewDecoder(from), path)
	}
	if first, _, more := bytes.Cut(start, []byte("\n")); bytes.HasPrefix(first, []byte("{")) && (more && unfinished(first) || several(first)) {
		return apart(json.NewDecoder(from), path)
	}
	return lines(from)
}

// beginsAsJSON refuses a file that begins with neither an object nor an array.
func beginsAsJSON(from *bufio.Reader) error {
	start, _ := from.Peek(4 << 10) // a shorter file gives what it has
	text := bytes.TrimSpace(start)
	if len(text) == 0 || text[0] == '{' || text[0] == '[' {
		return nil
	}
	first, _, _ := bytes.Cut(text, []byte("\n"))
	return pipeline.Invalidf("file", "is not of JSON objects: it begins with %s", quoted(string(first))).WithHint("if it is a table, --as csv reads it")
}

// unfinished reports whether a text ends before its JSON does.
func unfinished(text []byte) bool {
	var raw json.RawMessage
	return errors.Is(json.NewDecoder(bytes.NewReader(text)).Decode(&raw), io.ErrUnexpectedEOF)
}

// several reports whether a line holds one object after the other.
func several(line []byte) bool {
	d := json.NewDecoder(bytes.NewReader(line))
	var raw json.RawMessage
	return d.Decode(&raw) == nil && d.More()
}

func lines(from *bufio.Reader) objects {
	s := bufio.NewScanner(from)
	s.Buffer(make([]byte, 64<<10), longestLine)
	var at int64
	return func() ([]byte, int64, error) {
		for s.Scan() {
			at++
			if text := bytes.TrimSpace(s.Bytes()); len(text) > 0 {
				return text, at, nil
			}
		}
		if err := s.Err(); err != nil {
			if errors.Is(err, bufio.ErrTooLong) {
				err = fmt.Errorf("a line is longer than %d MiB", longestLine>>20)
			}
			return nil, at + 1, err
		}
		return nil, at, io.EOF
	}
}

func apart(d *json.Decoder, path string) objects {
	var raw json.RawMessage
	return func() ([]byte, int64, error) {
		raw = raw[:0]
		return decoded(d, &raw, path)
	}
}

func inArray(d *json.Decoder, path string) objects {
	var raw json.RawMessage
	begun := false
	return func() ([]byte, int64, error) {
		if !begun {
			begun = true
			if _, err := d.Token(); err != nil {
				return nil, 0, explain(err)
			}
		}
		if !d.More() {
			_, err := d.Token()
			switch {
			case err == nil:
				return nil, 0, io.EOF
			case errors.Is(err, io.EOF):
				err = io.ErrUnexpectedEOF
			}
			return nil, 0, explain(err)
		}
		raw = raw[:0]
		return decoded(d, &raw, path)
	}
}

func decoded(d *json.Decoder, raw *json.RawMessage, path string) ([]byte, int64, error) {
	if err := d.Decode(raw); err != nil {
		return nil, 0, explain(err)
	}
	if (*raw)[0] != '{' {
		read := `import pandas; pandas.read_json(%q, lines=True)` // an array a line, of which one was taken for that of all rows
		if (*raw)[0] == '[' {
			read = `import json, pandas; pandas.DataFrame(json.load(open(%q)))`
		}
		return nil, 0, pipeline.Invalidf("file", "holds %s, where a row is a JSON object", quoted(string(*raw))).
			WithHint(`write rows that are arrays as CSV: python -c '`+read+`.to_csv("new.csv", index=False)'`, filepath.Base(path))
	}
	return *raw, 0, nil
}

var unexpected = regexp.MustCompile(`invalid character '(.+?)'`)

// explain says an error of encoding/json in plain words. The end of the file
// stays what it is.
func explain(err error) error {
	if errors.Is(err, io.EOF) {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return pipeline.Invalidf("file", "is not JSON: the file ends too early").WithHint("fetch or write the whole file again")
	}
	found := unexpected.FindStringSubmatch(err.Error())
	switch {
	case found == nil:
		return err
	case found[1] == "N" || found[1] == "I":
		return pipeline.Invalidf("file", "is not JSON: it holds NaN or Infinity").WithHint("write null for a missing number")
	case found[1] == ",":
		return pipeline.Invalidf("file", "is not JSON: a comma stands between the objects").WithHint("write an object a line without commas after it, or all of them in one array: [ ... ]")
	}
	return pipeline.Invalidf("file", "is not JSON: %s is unexpected", quoted(found[1])).WithHint("write one JSON object a line")
}

// whole refuses an object that is alone in its file and holds a whole table,
// but for members that are left out.
func whole(object []byte, path string, drop []string) error {
	var counts []int
	var kinds []byte
	var rows string
	err := codec.Members(object, func(member, value []byte) error {
		if slices.Contains(drop, string(member)) {
			return nil
		}
		kinds = append(kinds, value[0])
		n, kind := size(value)
		if kind != 0 {
			kinds[len(kinds)-1] = kind
		}
		if kind == 'o' {
			rows = string(member)
		}
		counts = append(counts, n)
		return nil
	})
	if err != nil || len(kinds) == 0 {
		return err
	}
	cure := fmt.Sprintf(pandas+`read_json("%s").to_json("new.jsonl", orient="records", lines=True)'`, filepath.Base(path))
	same := func(kind byte) bool {
		return !slices.ContainsFunc(kinds, func(k byte) bool { return k != kind }) && slices.Min(counts) == slices.Max(counts)
	}
	switch {
	case len(kinds) > 1 && counts[0] > 1 && same('['), counts[0] > 0 && same('{'):
		return pipeline.Invalidf("file", "holds one object of columns, %d values in each, where an object is one row", counts[0]).WithHint("write one object a row: %s", cure)
	case slices.Contains(kinds, 'a') && bytes.Contains(object, []byte(`"columns"`)) && bytes.Contains(object, []byte(`"data"`)):
		return pipeline.Invalidf("file", "holds one object, a table as pandas writes it by orient=\"split\"").
			WithHint(`write one object a row: `+pandas+`read_json(%q, orient="split").to_json("new.jsonl", orient="records", lines=True)'`, filepath.Base(path))
	case slices.Contains(kinds, 'o'):
		return pipeline.Invalidf("file", "holds one object, with the rows in its member %q", rows).
			WithHint("write the rows alone: python -c 'import json, pandas; pandas.DataFrame(json.load(open(%q))[%q]).to_json(\"new.jsonl\", orient=\"records\", lines=True)'", filepath.Base(path), rows)
	}
	return nil
}

// size is how many values an array or an object holds; kind is 'o' for an array
// of objects, 'a' for one of arrays.
func size(value []byte) (n int, kind byte) {
	switch value[0] {
	case '{':
		_ = codec.Members(value, func(_, _ []byte) error { n++; return nil }) // it was valid with the object around it
		return n, 0
	case '[':
		var items []json.RawMessage
		_ = json.Unmarshal(value, &items) // likewise
		for _, item := range items {
			switch item[0] {
			case '{':
				if len(items) > 1 {
					return len(items), 'o'
				}
			case '[':
				return len(items), 'a'
			}
		}
		return len(items), 0
	}
	return 1, 0
}
