package train

import (
	"slices"
	"strings"
	"testing"
)

func TestMissingClassesComeInOrder(t *testing.T) {
	whole := make([]int64, 30)
	for class := range whole {
		whole[class] = 1
	}
	have := slices.Clone(whole)
	have[2], have[10] = 0, 0
	if got, want := missing("test", have, whole), "the test split has no record of class [2 10]: split the stream by label, or send it in mixed order"; len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := missing("test", make([]int64, 30), whole), "the test split has no record of class [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19] and 10 more: split the stream by label, or send it in mixed order"; len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := missing("test", whole, whole); got != nil {
		t.Errorf("got %q", got)
	}
}

// A stream of one class is told by the text that its label was numbered from.
func TestRecordsOfOneClass(t *testing.T) {
	u := &training{classNames: []string{"no", "yes"}}
	if got := u.alike([]int64{0, 40}); len(got) != 1 || !strings.HasPrefix(got[0], "all 40 records are of class yes:") {
		t.Errorf("got %q", got)
	}
	for _, whole := range [][]int64{nil, {1, 39}, {1, 0}, {0, 0}} {
		if got := u.alike(whole); got != nil {
			t.Errorf("%v: got %q", whole, got)
		}
	}
}

func TestShareThatComesToNone(t *testing.T) {
	want := "test_rate 0.1 of 5 records comes to none: there are no test metrics; send more records, or a larger share"
	if got := without("test", 0.1, 0, 5); len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := append(without("test", 0.1, 1, 10), without("test", 0, 0, 10)...); got != nil {
		t.Errorf("got %q", got)
	}
}
