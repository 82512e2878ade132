package disk

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A file that has no name and is not open, only mapped, holds its place on the disk.
func TestAttackUnlinkedFiles(t *testing.T) {
	const size = 4 << 20
	before := Unlinked(os.Getpid())
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	if err == nil {
		_, err = f.Write(make([]byte, size))
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := Unlinked(os.Getpid()) - before; got != 0 {
		t.Errorf("%d bytes of a file that has a name", got)
	}
	place, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(place) }()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := Unlinked(os.Getpid()) - before; got != size {
		t.Errorf("%d bytes of an open file, want %d", got, size)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := Unlinked(os.Getpid()) - before; got != size {
		t.Errorf("%d bytes of a mapped file, want %d", got, size)
	}
}
