package rotate

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func sizeOf(t *testing.T, folder string) (all int64, files int) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		i, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		all += i.Size()
	}
	return all, len(entries)
}

// However much is logged, and however often it is opened, a log takes no more than
// it may, and its last lines are there.
func TestLogIsBounded(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.log")
	const most = 64 << 10
	var all bytes.Buffer
	for range 3 {
		l, err := Open(path, most)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5000 {
			line := fmt.Sprintf("line %d of many\n", i)
			all.WriteString(line)
			_, _ = l.Write([]byte(line))
			if size, files := sizeOf(t, dir); i%1000 == 0 && (size > most || files > 2) {
				t.Fatalf("%d bytes in %d files", size, files)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []int64{10, most / 2} {
		if got, err := Tail(path, n); err != nil || int64(len(got)) != n || !strings.HasSuffix(all.String(), got) {
			t.Errorf("the last %d bytes are %d others, %v", n, len(got), err)
		}
	}
	if got, err := Tail(filepath.Join(dir, "none"), 10); err != nil || got != "" {
		t.Errorf("%q, %v", got, err)
	}
}

// Of many logs the newest stay.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	for i := range 10 {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, make([]byte, 1000), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(time.Duration(i-100) * time.Minute)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := Prune(dir, 3500); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if _, err := os.Stat(filepath.Join(dir, fmt.Sprint(i))); (err == nil) != (i >= 7) {
			t.Errorf("file %d: %v", i, err)
		}
	}
}
