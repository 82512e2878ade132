package registry_test

import (
	"bytes"
	"testing"
)

func TestSecretsAreSharedAndLast(t *testing.T) {
	contract(t, func(t *testing.T, url string) {
		secret := func(name string) []byte {
			value, err := open(t, url).Secret(t.Context(), name)
			if err != nil || len(value) != 32 {
				t.Fatalf("%d bytes, %v", len(value), err)
			}
			return value
		}
		first := secret("signing")
		if !bytes.Equal(first, secret("signing")) || bytes.Equal(first, secret("other")) {
			t.Error("a secret is another the second time, or the same as another")
		}
	})
}
