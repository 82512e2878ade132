package broker

import (
	"bytes"
	"testing"
)

// A broker that was killed said nothing, and nothing is said of that.
func TestLastly(t *testing.T) {
	for said, want := range map[string]string{"": "", " \n": "", "no space left\n": "; its last output: no space left"} {
		if got := lastly(bytes.NewBufferString(said)); got != want {
			t.Errorf("%q: %q", said, got)
		}
	}
}
