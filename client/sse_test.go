package client

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const fact = `data: {"specversion":"1.0","id":"x","source":"/s","type":"io.kafkaml.model.registered.v1","subject":"3"}`

func TestReadFacts(t *testing.T) {
	type got struct {
		Facts []int64
		Last  int64
	}
	for _, tc := range []struct {
		name, stream string
		want         got
		fails        bool
	}{
		{"two", "id: 4\nevent: e\n" + fact + "\n\nid: 9\n" + fact + "\n\n", got{[]int64{4, 9}, 9}, false},
		{"a position alone", "id: 7\n\n", got{nil, 7}, false},
		{"comments and empty lines", ": still here\n\n\n", got{nil, 2}, false},
		{"an event without its end is not taken", "id: 4\n" + fact + "\n", got{nil, 2}, false},
		{"data over two lines", "id: 4\n" + strings.Replace(fact, `,"type"`, ",\ndata: \"type\"", 1) + "\n\n", got{[]int64{4}, 4}, false},
		{"carriage returns", "id: 4\r\n" + fact + "\r\n\r\n", got{[]int64{4}, 4}, false},
		{"no number", "id: four\n\n", got{nil, 2}, true},
		{"no event", "id: 4\ndata: {\n\n", got{nil, 2}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var g got
			last, err := readFacts(strings.NewReader(tc.stream), 2, func(f Fact) error {
				g.Facts = append(g.Facts, f.Seq)
				return nil
			})
			g.Last = last
			if (err != nil) != tc.fails {
				t.Errorf("error %v, want one: %v", err, tc.fails)
			}
			if diff := cmp.Diff(tc.want, g); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadFactsResumesBeforeTheFactThatFailed(t *testing.T) {
	broken := errors.New("broken")
	last, err := readFacts(strings.NewReader("id: 4\n"+fact+"\n\nid: 5\n"+fact+"\n\n"), 2, func(f Fact) error {
		if f.Seq == 5 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) || last != 4 {
		t.Errorf("last %d, error %v; want 4 and the callback's error", last, err)
	}
}

func TestReadFactsTellsABrokenStream(t *testing.T) {
	r := io.MultiReader(strings.NewReader("id: 4\n\n"), iotest{errors.New("reset by peer")})
	last, err := readFacts(r, 2, func(Fact) error { return nil })
	if !errors.Is(err, io.ErrUnexpectedEOF) || last != 4 {
		t.Errorf("last %d, error %v", last, err)
	}
}

// iotest is a reader that fails.
type iotest struct{ err error }

func (r iotest) Read([]byte) (int, error) { return 0, r.err }

func FuzzReadFacts(f *testing.F) {
	f.Add("id: 4\nevent: e\n" + fact + "\n\n")
	f.Add(": c\n\nid: -1\n\ndata\n\n")
	f.Add("data: null\n\n")
	f.Fuzz(func(t *testing.T, stream string) {
		n := 0
		_, err := readFacts(strings.NewReader(stream), 0, func(Fact) error { n++; return nil })
		if err == nil && n > strings.Count(stream, "\n") {
			t.Errorf("%d facts of %d lines", n, strings.Count(stream, "\n"))
		}
	})
}
