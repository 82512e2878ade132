package files

import (
	"archive/zip"
	"bytes"
	"io"
	"math"
	"os"
)

// UnpacksTo reports whether a file unpacks to more than so many bytes: one that gzip
// or zip has packed. Others are as large as they are; what is damaged, opening
// refuses. Not more than that many bytes are unpacked to find out.
func UnpacksTo(path string, most int64) (more bool, err error) {
	f, err := os.Open(path) // #nosec G304 -- of who asks
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }() // it was only read
	about, err := f.Stat()
	if err != nil {
		return false, err
	}
	var start [4]byte
	n, _ := f.ReadAt(start[:], 0) // a shorter file gives what it has
	switch {
	case bytes.HasPrefix(start[:n], []byte("PK")):
		z, err := zip.NewReader(f, about.Size())
		if err != nil {
			return false, nil // opening says it better
		}
		return unpacked(z.File) > most, nil
	case bytes.HasPrefix(start[:n], []byte{0x1f, 0x8b}):
		from, closer, err := openPlain(path)
		if err != nil {
			return false, nil // opening says it better
		}
		size, _ := io.Copy(io.Discard, io.LimitReader(from, most+1)) // of damage, the row says more
		return size > most, closer()
	}
	return about.Size() > most, nil
}

// unpacked is what the files of an archive come to by what it says of them: reading
// one gives no more.
func unpacked(all []*zip.File) (sum int64) {
	for _, f := range all {
		if f.UncompressedSize64 > uint64(math.MaxInt64-sum) {
			return math.MaxInt64
		}
		sum += int64(f.UncompressedSize64)
	}
	return sum
}
