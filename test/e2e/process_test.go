package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// child is a process as proc(5) shows it. Its start tells it from a later one
// of the same number.
type child struct {
	pid, parent int
	start       uint64 // clock ticks since the machine started
	state       byte
	command     string
}

// look reads one process; ok is false where it is gone.
func look(pid int) (c child, ok bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return c, false
	}
	command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // empty for one that has just ended
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	c = child{pid: pid, state: fields[0][0], command: strings.TrimSpace(string(bytes.ReplaceAll(command, []byte{0}, []byte{' '})))}
	c.parent, _ = strconv.Atoi(fields[1])
	c.start, _ = strconv.ParseUint(fields[19], 10, 64)
	return c, true
}

// alive reports whether the process still is; one that has ended and was not
// waited for is not.
func (c child) alive() bool {
	now, ok := look(c.pid)
	return ok && now.start == c.start && now.state != 'Z' && now.state != 'X'
}

// descendants are all processes below pid.
func descendants(pid int) (found []child) {
	paths, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well-formed
	below := map[int][]child{}
	for _, path := range paths {
		n, _ := strconv.Atoi(filepath.Base(path))
		if c, ok := look(n); ok {
			below[c.parent] = append(below[c.parent], c)
		}
	}
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		found = append(found, below[queue[0]]...)
		for _, c := range below[queue[0]] {
			queue = append(queue, c.pid)
		}
	}
	return found
}

// The kinds of process below kafkaml run, by what their command lines hold. A test
// that looks for a predictor asks for its engine: on a busy machine the other one may
// have been measured to be the quicker.
const (
	zygote     = "zygote.py"
	trainer    = "kafkaml-tensorflow train"
	predictor  = "kafkaml-predict predict"
	apacheJava = "kafka.Kafka"
)

// gone wants all processes to have ended soon.
func gone(t *testing.T, all []child) {
	t.Helper()
	within(t, waitTime, "the end of every child", func() (string, bool) {
		var left []string
		for _, c := range all {
			if c.alive() {
				left = append(left, fmt.Sprintf("%d %s", c.pid, c.command))
			}
		}
		return strings.Join(left, "; "), len(left) == 0
	})
}

// within asks again and again until done, and fails the test with the last
// state where that takes too long.
func within(t testing.TB, limit time.Duration, what string, ask func() (state string, done bool)) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		state, done := ask()
		if done {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("%s: the test is ending; last: %s", what, state)
		case <-deadline.C:
			t.Fatalf("%s: not within %s; last: %s", what, limit, state)
		case <-tick.C:
		}
	}
}

// output collects what a process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// terminate sends a signal to a process that may be gone.
func terminate(pid int, signal syscall.Signal) { _ = syscall.Kill(pid, signal) }
