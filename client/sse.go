package client

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxFact bounds one line of the stream of events, in bytes.
const maxFact = 8 << 20

// factReader gathers the lines of server-sent events into facts.
type factReader struct {
	seq  int64
	data []string
}

// readFacts calls fn for each event of r until r ends and returns the sequence
// number to resume after: of the last one that fn took, or of a later position
// that the function gave without a fact.
func readFacts(r io.Reader, last int64, fn func(Fact) error) (int64, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxFact)
	reader := factReader{seq: last}
	for lines.Scan() {
		fact, whole, err := reader.line(lines.Text())
		if err != nil {
			return last, fmt.Errorf("stream of events: %w", err)
		}
		if whole {
			err = fn(fact)
		}
		if err != nil {
			return last, err
		}
		if lines.Text() == "" {
			last = reader.seq
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return last, fmt.Errorf("stream of events: after %d: %w", last, err)
	} else if err != nil {
		return last, fmt.Errorf("stream of events: %w: %w", io.ErrUnexpectedEOF, err)
	}
	return last, nil
}

// line takes one line; an empty one ends an event. Comments and members that
// we do not know are passed over.
func (f *factReader) line(text string) (fact Fact, whole bool, err error) {
	if text == "" {
		return f.end()
	}
	name, value, _ := strings.Cut(text, ":")
	value = strings.TrimPrefix(value, " ")
	switch name {
	case "id":
		f.seq, err = strconv.ParseInt(value, 10, 64)
	case "data":
		f.data = append(f.data, value)
	}
	return fact, false, err
}

func (f *factReader) end() (fact Fact, whole bool, err error) {
	if len(f.data) == 0 {
		return fact, false, nil
	}
	fact.Seq = f.seq
	err = json.Unmarshal([]byte(strings.Join(f.data, "\n")), &fact.Event)
	f.data = f.data[:0]
	if err != nil {
		return fact, false, fmt.Errorf("event %d: %w", f.seq, err)
	}
	return fact, true, nil
}
