package local

import (
	"os"
	"path/filepath"
	"testing"
)

// What a killed process left in its temporary folder goes with the next start.
func TestScratchIsEmptiedAtTheStart(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, "scratch", "train-1", "cache")
	if err := os.MkdirAll(left, 0o750); err != nil {
		t.Fatal(err)
	}
	l, err := New(Config{Programs: map[string]string{"": os.Args[0]}, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	entries, err := os.ReadDir(filepath.Join(dir, "scratch"))
	if err != nil || len(entries) != 0 {
		t.Errorf("%v, %v; want an empty folder", entries, err)
	}
}
