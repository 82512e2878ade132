package local

import (
	"fmt"
	"path/filepath"
	"sync"

	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/rotate"
)

// What logs of children take, in bytes: each, and all in one folder.
const (
	maxLog  = 8 << 20
	maxLogs = 512 << 20
)

// logFile is the output of a child: in files of bounded size, and its end in
// memory too.
type logFile struct {
	*rotate.File
	last
}

// last is the end of an output.
type last struct {
	mu   sync.Mutex
	text []byte
}

// openLog opens the log at path to append to it, having made room for it.
func openLog(path string) (*logFile, error) {
	if err := rotate.Prune(filepath.Dir(path), maxLogs-maxLog); err != nil {
		return nil, fmt.Errorf("remove old logs: %w", err)
	}
	f, err := rotate.Open(path, maxLog)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return &logFile{File: f}, nil
}

// Write never fails: a full disk must not end the child.
func (l *logFile) Write(b []byte) (int, error) {
	_, _ = l.last.Write(b)
	return l.File.Write(b)
}

// Write never fails.
func (l *last) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text = append(l.text, b...); len(l.text) > 2*platform.LogBytes {
		l.text = append([]byte(nil), l.text[len(l.text)-platform.LogBytes:]...)
	}
	return len(b), nil
}

// tail returns the last n bytes, or fewer, that were written.
func (l *last) tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text[max(0, len(l.text)-n):])
}
