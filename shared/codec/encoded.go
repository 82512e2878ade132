package codec

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
)

// encodings are what numbers practically never begin with: whole marks of formats
// in which pictures, arrays and text are written.
var encodings = []struct {
	what, cure string
	is         func(record []byte) bool
}{
	{"a PNG picture", picturesCure, starts("\x89PNG\r\n\x1a\n")},
	{"a JPEG picture", picturesCure, func(b []byte) bool {
		return bytes.HasPrefix(b, []byte("\xff\xd8\xff")) && (b[3] >= 0xe0 || b[3] == 0xdb) && bytes.HasSuffix(b, []byte("\xff\xd9"))
	}},
	{"a GIF picture", picturesCure, starts("GIF87a", "GIF89a")},
	{"a BMP picture", picturesCure, func(b []byte) bool {
		return bytes.HasPrefix(b, []byte("BM")) && int64(binary.LittleEndian.Uint32(b[2:])) == int64(len(b))
	}},
	{"a TIFF picture", picturesCure, starts("II*\x00\x08\x00\x00\x00", "MM\x00*\x00\x00\x00\x08")},
	{"a WAV sound", "decode it before it is sent, and send the samples", func(b []byte) bool {
		return bytes.HasPrefix(b, []byte("RIFF")) && bytes.Equal(b[8:min(12, len(b))], []byte("WAVE"))
	}},
	{"packed by gzip", unpackedCure, func(b []byte) bool { // deflate, flags and system as they may be
		return bytes.HasPrefix(b, []byte("\x1f\x8b\x08")) && b[3] < 0x20 && slices.Contains([]byte{0, 2, 4}, b[8]) && (b[9] <= 13 || b[9] == 255)
	}},
	{"packed by zstd", unpackedCure, starts("\x28\xb5\x2f\xfd")},
	{"a zip archive", "send its contents, a record each", starts("PK\x03\x04")},
	{"an NPY file", arrayCure, starts("\x93NUMPY")},
	{"an Avro container file", "send the body of each record alone (a schemaless writer); kafkaml stream send reads such files", starts("Obj\x01")},
	{"a Parquet file", "send its rows, a record each", func(b []byte) bool {
		return bytes.HasPrefix(b, []byte("PAR1")) && bytes.HasSuffix(b, []byte("PAR1"))
	}},
	{"JSON", "announce the stream with input_format JSON", func(b []byte) bool { return (b[0] == '{' || b[0] == '[') && json.Valid(b) }},
}

func starts(marks ...string) func([]byte) bool {
	return func(b []byte) bool {
		return slices.ContainsFunc(marks, func(m string) bool { return bytes.HasPrefix(b, []byte(m)) })
	}
}

// leastEncoded is how many bytes a record has that is looked at.
const leastEncoded = 12

// Encoded says what a record is that numbers were to be in and that has just their
// size, and what to do about it; empty where it may be numbers. One record may be
// numbers by chance, several are not.
func Encoded(record []byte) (what, cure string) {
	if len(record) < leastEncoded {
		return "", ""
	}
	for i := range encodings {
		if e := &encodings[i]; e.is(record) {
			return e.what, e.cure
		}
	}
	return "", ""
}
