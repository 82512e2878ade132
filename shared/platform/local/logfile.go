package local

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/kafkaml/kafkaml/shared/platform"
)

// maxLog is how many bytes a log file holds; what follows replaces the oldest.
const maxLog = 8 << 20

// logFile is the output of a child: in a file of bounded size, and its end in
// memory too.
type logFile struct {
	mu   sync.Mutex
	f    *os.File
	size int64
	last []byte
}

// openLog opens the log at path to append to it.
func openLog(path string) (*logFile, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640) // #nosec G304 -- the name was checked
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	s, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return &logFile{f: f, size: s.Size()}, nil
}

// Write never fails: a full disk must not end the child.
func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last = append(l.last, b...); len(l.last) > 2*platform.LogBytes {
		l.last = append([]byte(nil), l.last[len(l.last)-platform.LogBytes:]...)
	}
	if l.size += int64(len(b)); l.size > maxLog {
		if l.f.Truncate(0) == nil {
			l.size = int64(len(b))
		}
	}
	_, _ = l.f.Write(b)
	return len(b), nil
}

// tail returns the last n bytes, or fewer, that were written since openLog.
func (l *logFile) tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.last[max(0, len(l.last)-n):])
}

// Close closes the file; tail still works.
func (l *logFile) Close() error { return l.f.Close() }

// tailOf returns the last n bytes, or fewer, of the file at path; nothing if
// there is no file.
func tailOf(path string, n int64) (string, error) {
	f, err := os.Open(path) // #nosec G304 -- the name was checked
	if os.IsNotExist(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	s, err := f.Stat()
	if err != nil {
		return "", err
	}
	if _, err := f.Seek(max(0, s.Size()-n), io.SeekStart); err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(f, n))
	return string(b), err
}
