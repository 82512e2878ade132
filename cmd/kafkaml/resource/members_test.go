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
