// Package rotate keeps logs in files of bounded size.
package rotate

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Old is what the name of a log's older half ends with.
const Old = ".old"

// File is a log of bounded size: what was written last is at its path, what was
// written before, no more than that, in a file of the same name with Old.
type File struct {
	mu   sync.Mutex
	path string
	half int64
	f    *os.File
	size int64
}

// Open opens the log at path, whose files take at most so many bytes, to append to it.
func Open(path string, most int64) (*File, error) {
	f, err := appendTo(path)
	if err != nil {
		return nil, err
	}
	s, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &File{path: path, half: most / 2, f: f, size: s.Size()}, nil
}

func appendTo(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640) // #nosec G304 -- who logs names it
}

// Write never fails: a full disk must not end who logs.
func (l *File) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size > 0 && l.size+int64(len(b)) > l.half {
		l.turn()
	}
	n, _ := l.f.Write(b)
	l.size += int64(n)
	return len(b), nil
}

// turn makes the file the older half and begins another; where that cannot be, it
// begins the same one anew.
func (l *File) turn() {
	if os.Rename(l.path, l.path+Old) == nil {
		if f, err := appendTo(l.path); err == nil {
			_ = l.f.Close() // what it holds was written
			l.f, l.size = f, 0
			return
		}
	}
	if l.f.Truncate(0) == nil {
		l.size = 0
	}
}

// Close closes the file.
func (l *File) Close() error { return l.f.Close() }

// Tail gives the last n bytes, or fewer, of the log at path; nothing if there is none.
func Tail(path string, n int64) (string, error) {
	last, err := tail(path, n)
	if err != nil || int64(len(last)) == n {
		return string(last), err
	}
	before, err := tail(path+Old, n-int64(len(last)))
	return string(before) + string(last), err
}

func tail(path string, n int64) ([]byte, error) {
	f, err := os.Open(path) // #nosec G304 -- who logs names it
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(max(0, s.Size()-n), io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, n))
}

// Prune removes the files of a folder that were written longest ago until those that
// stay take at most so many bytes.
func Prune(folder string, most int64) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	var files []fs.FileInfo
	for _, e := range entries {
		i, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // another has removed it
		}
		if err != nil {
			return err
		}
		if i.Mode().IsRegular() {
			files = append(files, i)
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	var kept int64
	for _, i := range files {
		if kept += i.Size(); kept <= most {
			continue
		}
		if err := os.Remove(filepath.Join(folder, i.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
