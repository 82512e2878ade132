package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const rest = " S 17 42 42 0 -1 4194560 100 0 0 0 5 6 0 0 20 0 8 0 123456 1000 200"
	for _, c := range []struct {
		name, text string
		ok         bool
	}{
		{"plain", "99 (train)" + rest, true},
		{"a name with parentheses and spaces", "99 (a) b (c)" + rest, true},
		{"no name", "99 train" + rest, false},
		{"cut off", "99 (train) S 17 42", false},
		{"not a number", "x (train)" + rest, false},
		{"empty", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			pid, ppid, started, err := parseStat(c.text)
			if c.ok != (err == nil) || c.ok && (pid != 99 || ppid != 17 || started != 123456) {
				t.Errorf("%d %d %d %v", pid, ppid, started, err)
			}
		})
	}
}

func TestThisProcess(t *testing.T) {
	began, err := startOf(os.Getpid())
	if age := time.Since(began); err != nil || age < 0 || age > time.Hour {
		t.Errorf("started %v ago, %v", age, err)
	}
	if rss, err := resident(os.Getpid(), "VmRSS"); err != nil || rss < 1<<20 {
		t.Errorf("%d bytes resident, %v", rss, err)
	}
}

func TestLogBytes(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"a-b-0/0.log": 5, "a-b-1/0.log": 6, "a-b-1/7.log": 1, "a-b-1/0.index": 9, "__consumer_offsets-0/0.log": 8} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sizes, err := logBytes(dir)
	if err != nil || len(sizes) != 1 || sizes["a-b"] != 12 {
		t.Errorf("%v, %v", sizes, err)
	}
}
