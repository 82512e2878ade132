package codec

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
)

// fileKinds are formats of files that people send in place of what a record is to
// hold. A record that cannot be decoded tells by its first bytes; one that would do
// as numbers only by marks that numbers practically never begin with.
var fileKinds = []struct {
	what, cure string
	begins     string // empty where whole is needed for both
	whole      func(record []byte) bool
}{
	{"a PNG picture", picturesCure, "\x89PNG\r\n", starts("\x89PNG\r\n\x1a\n")},
	{"a JPEG picture", picturesCure, "\xff\xd8\xff", func(b []byte) bool {
		return bytes.HasPrefix(b, []byte("\xff\xd8\xff")) && (b[3] >= 0xe0 || b[3] == 0xdb) && bytes.HasSuffix(b, []byte("\xff\xd9"))
	}},
	{"a GIF picture", picturesCure, "GIF8", starts("GIF87a", "GIF89a")},
	{"a BMP picture", picturesCure, "", func(b []byte) bool {
		return bytes.HasPrefix(b, []byte("BM")) && int64(binary.LittleEndian.Uint32(b[2:])) == int64(len(b))
	}},
	{"a TIFF picture", picturesCure, "", starts("II*\x00\x08\x00\x00\x00", "MM\x00*\x00\x00\x00\x08")},
	{"a WAV sound", "decode it before it is sent, and send the samples", "", func(b []byte) bool {
		return bytes.HasPrefix(b, []byte("RIFF")) && bytes.Equal(b[8:12], []byte("WAVE"))
	}},
	{"packed by gzip", unpackedCure, "\x1f\x8b", func(b []byte) bool { // deflate, flags and system as they may be
		return bytes.HasPrefix(b, []byte("\x1f\x8b\x08")) && b[3] < 0x20 && slices.Contains([]byte{0, 2, 4}, b[8]) && (b[9] <= 13 || b[9] == 255)
	}},
	{"packed by zstd", unpackedCure, "\x28\xb5\x2f\xfd", starts("\x28\xb5\x2f\xfd")},
	{"a zip archive", "send its contents, a record each", "PK\x03\x04", starts("PK\x03\x04")},
	{"an NPY file", arrayCure, "\x93NUMPY", starts("\x93NUMPY")},
	{"a whole Avro container file, with its schema", "send the body of each record alone (a schemaless writer); kafkaml stream send reads such files", "Obj\x01", starts("Obj\x01")},
	{"a Parquet file", "send its rows, a record each", "PAR1", func(b []byte) bool {
		return bytes.HasPrefix(b, []byte("PAR1")) && bytes.HasSuffix(b, []byte("PAR1"))
	}},
	// These begin as numbers may.
	{"an object of Java's serialization", "send numbers: as RAW, AVRO or JSON", "\xac\xed\x00\x05", never},
	{"a Python pickle", arrayCure, "\x80\x04\x95", never},
	{"a Python pickle", arrayCure, "\x80\x05\x95", never},
	{"text in UTF-16 (it begins with FF FE)", "send it as UTF-8", "\xff\xfe", never},
	{"text in UTF-16 (it begins with FE FF)", "send it as UTF-8", "\xfe\xff", never},
}

const (
	picturesCure = "decode it before it is sent, and send the array: numpy.asarray(picture).tobytes()"
	unpackedCure = "send them unpacked; the producer's compression.type packs them on the way"
	arrayCure    = "send the array alone: x.tobytes()"
	jsonCure     = "announce the stream with input_format JSON"
)

func never([]byte) bool { return false }

func starts(marks ...string) func([]byte) bool {
	return func(b []byte) bool {
		return slices.ContainsFunc(marks, func(m string) bool { return bytes.HasPrefix(b, []byte(m)) })
	}
}

// leastEncoded is how many bytes a record has whose whole marks are looked at.
const leastEncoded = 12

// Encoded says what a record is that numbers were to be in and that has just their
// size, and what to do about it; empty where it may be numbers. One record may be
// numbers by chance, several are not.
func Encoded(record []byte) (what, cure string) {
	if len(record) < leastEncoded {
		return "", ""
	}
	for i := range fileKinds {
		if k := &fileKinds[i]; k.whole(record) {
			return k.what, k.cure
		}
	}
	if (record[0] == '{' || record[0] == '[') && json.Valid(record) {
		return "JSON", jsonCure
	}
	return "", ""
}

// fileKind says what file a record is that cannot be decoded, and what to do about
// it; empty where its first bytes are those of none.
func fileKind(record []byte) (what, cure string) {
	for i := range fileKinds {
		k := &fileKinds[i]
		if k.begins != "" && bytes.HasPrefix(record, []byte(k.begins)) || k.begins == "" && len(record) >= leastEncoded && k.whole(record) {
			return k.what, k.cure
		}
	}
	return "", ""
}
