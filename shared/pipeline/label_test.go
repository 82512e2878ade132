package pipeline

import (
	"slices"
	"testing"
)

func TestParseLabel(t *testing.T) {
	for text, want := range map[string][]int{
		"": nil, " ": nil, "scalar": {}, "()": {}, "2": {2}, "3 2": {3, 2}, "(4,)": {4}, "[2, 5]": {2, 5}, "28x28": {28, 28},
	} {
		l, err := ParseLabel("int32", text)
		if err != nil || !slices.Equal(l.Shape, want) || (l.Shape == nil) != (want == nil) || l.DType != "int32" {
			t.Errorf("%q is read as %+v, %v", text, l, err)
		}
	}
	for _, text := range []string{"two", "0", "-1", "2.5", "1 1 1 1 1 1 1 1 1", "9999999999"} {
		if l, err := ParseLabel("", text); KindOf(err) != Invalid {
			t.Errorf("%q is read as %+v, %v", text, l, err)
		}
	}
}
