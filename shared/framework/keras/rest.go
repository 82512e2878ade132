package keras

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// restTime is how long a child may do nothing. The limit on a child is one of
// processor time, of which one that sleeps takes none while it holds a place.
const restTime = 15 * time.Second

// errRest is why a child is killed that does nothing.
var errRest = errors.New("the source waits and computes nothing")

// rest watches whether a child computes: one is at rest while all of its threads
// sleep and it takes next to no processor time. One that the machine has no time
// for, or that waits for a disk, is not.
type rest struct {
	pid   int
	since time.Time // of the rest; zero where it does not rest
	spent int64     // ticks of processor time at its beginning
}

const ticks = 100 // a second (USER_HZ)

// pidOf is the process of a pidfd, 0 where it has ended.
func pidOf(pidfd int) int {
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", pidfd))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(info) {
		if text, ok := bytes.CutPrefix(line, []byte("Pid:")); ok {
			pid, err := strconv.Atoi(string(bytes.TrimSpace(text)))
			if err != nil || pid < 0 {
				return 0
			}
			return pid
		}
	}
	return 0
}

// look reports how long the child has been at rest.
func (r *rest) look(now time.Time) time.Duration {
	if r.pid == 0 {
		return 0
	}
	spent, asleep := asleep(r.pid)
	within := int64(now.Sub(r.since).Seconds()*ticks) / 50 // a fiftieth of the time
	if !asleep || r.since.IsZero() || spent > r.spent+max(2, within) {
		r.since, r.spent = time.Time{}, spent
		if asleep {
			r.since = now
		}
		return 0
	}
	return now.Sub(r.since)
}

// asleep gives the ticks of processor time that a process has taken, and whether
// all of its threads sleep.
func asleep(pid int) (spent int64, all bool) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		return 0, false
	}
	all = true
	for _, path := range threads {
		stat, err := os.ReadFile(path) // #nosec G304 -- of /proc
		if err != nil {
			continue // the thread has ended
		}
		state, took := statOf(stat)
		spent, all = spent+took, all && state == 'S'
	}
	return spent, all
}

// statOf reads the state and the processor time of a line of /proc/PID/stat (man 5
// proc_pid_stat): they follow the name, which may hold anything but ends by the
// last parenthesis.
func statOf(stat []byte) (state byte, spent int64) {
	const inUser, inSystem = 11, 12 // fields after the state
	_, rest, ok := bytes.Cut(stat[max(0, bytes.LastIndexByte(stat, ')')):], []byte(") "))
	fields := bytes.Fields(rest)
	if !ok || len(fields) <= inSystem {
		return 0, 0
	}
	user, _ := strconv.ParseInt(string(fields[inUser]), 10, 64)
	system, _ := strconv.ParseInt(string(fields[inSystem]), 10, 64)
	return fields[0][0], user + system
}
