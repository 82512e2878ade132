package resource

import (
	"reflect"
	"testing"
)

// A number that may be absent is sent as a number, not as text.
func TestNumbersThatMayBeAbsent(t *testing.T) {
	parse := parserOf(reflect.TypeFor[*float64]())
	if parse == nil {
		t.Fatal("it is sent as text")
	}
	if got, err := parse("0.8"); got != 0.8 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

// What JSON has no number for is refused where it was typed.
func TestNumbersThatAreNone(t *testing.T) {
	for _, text := range []string{"NaN", "inf", "-Inf", "1e999", "x"} {
		if n, err := fraction(text); err == nil {
			t.Errorf("%s is read as %v", text, n)
		}
		if all, err := shares("1=" + text + ",2=1"); err == nil {
			t.Errorf("%s is read as %v", text, all)
		}
	}
}
