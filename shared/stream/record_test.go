package stream_test

import (
	"bytes"
	"testing"

	"github.com/kafkaml/kafkaml/shared/stream"
)

func TestKeysAsPeopleReadThem(t *testing.T) {
	for _, tt := range []struct {
		key  []byte
		want string
	}{
		{nil, ""},
		{[]byte("sensor 7, außen"), "sensor 7, außen"},
		{[]byte{5}, "5"},
		{[]byte{0, 0, 0, 5}, "0x00000005"},
		{[]byte("\xff"), "255"},
		{bytes.Repeat([]byte{1}, 40), "0x0101010101010101010101010101010101010101010101010101010101010101..."},
	} {
		if got := (&stream.Record{Key: tt.key}).KeyText(); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.key, got, tt.want)
		}
	}
}
