package stream_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

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

func TestClone(t *testing.T) {
	for _, r := range []stream.Record{
		{},
		{Topic: "t", Partition: 1, Offset: 2, Key: []byte{}, Value: []byte("v"), Headers: []stream.Header{{Key: "a", Value: []byte{}}, {Key: "b"}, {Key: "c", Value: []byte("h")}}},
	} {
		c := r.Clone()
		if diff := cmp.Diff(r, c); diff != "" {
			t.Error(diff)
		}
		for _, b := range [][]byte{r.Value, r.Key} {
			for i := range b {
				b[i] = 'x'
			}
		}
		if len(c.Value) > 0 && string(c.Value) != "v" {
			t.Errorf("the copy changed to %s", c.Value)
		}
	}
}
