package codec

import (
	"bytes"
	"compress/gzip"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"testing"
)

// What programs write is recognised by its whole marks; numbers are not taken for it.
func TestEncoded(t *testing.T) {
	picture := image.NewPaletted(image.Rect(0, 0, 8, 8), []color.Color{color.White, color.Black})
	written := func(write func(*bytes.Buffer) error) []byte {
		t.Helper()
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for want, record := range map[string][]byte{
		"a PNG picture":  written(func(b *bytes.Buffer) error { return png.Encode(b, picture) }),
		"a JPEG picture": written(func(b *bytes.Buffer) error { return jpeg.Encode(b, picture, nil) }),
		"a GIF picture":  written(func(b *bytes.Buffer) error { return gif.Encode(b, picture, nil) }),
		"packed by gzip": written(func(b *bytes.Buffer) error {
			w := gzip.NewWriter(b)
			_, err := w.Write([]byte("some numbers"))
			return errors.Join(err, w.Close())
		}),
		"a WAV sound":   []byte("RIFF\x24\x00\x00\x00WAVEfmt "),
		"a BMP picture": []byte("BM\x0e\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00"),
		"an NPY file":   []byte("\x93NUMPY\x01\x00v\x00{'descr': '<f4'}"),
		"a whole Avro container file, with its schema": []byte("Obj\x01\x04\x14avro.codec"),
		"JSON": []byte(`{"x": [1, 2, 3]}`),
	} {
		if what, cure := Encoded(record); what != want || cure == "" {
			t.Errorf("%s is taken for %q, %q", want, what, cure)
		}
		for n := range leastEncoded + 1 { // whatever is cut off
			Encoded(record[:n])
			fileKind(record[:n])
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	record := make([]byte, 64)
	for range 300_000 {
		for i := range record {
			record[i] = byte(r.Uint32())
		}
		if what, _ := Encoded(record); what != "" {
			t.Fatalf("% X is taken for %s", record, what)
		}
	}
	for _, first := range []string{"\xff\xfe\xff\xfe", "\xff\xd8\xff\xe0", "\x1f\x8b\x08\x00\x07\x07\x07\x07\x07"} { // a border of pixels
		if what, _ := Encoded(append([]byte(first), make([]byte, 60)...)); what != "" {
			t.Errorf("% X is taken for %s", first, what)
		}
	}
}
