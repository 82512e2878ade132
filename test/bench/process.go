package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ticks is how many a second the kernel counts in /proc (USER_HZ, which is 100
// on every Linux that Go runs on).
const ticks = 100

// children are the processes that parent has started whose first argument is
// verb.
func children(parent int, verb string) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		pid, ppid, _, err := parseStat(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if ppid == parent && argument(pid) == verb {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// parseStat reads pid, ppid and starttime (in ticks since the machine started)
// of a /proc/<pid>/stat; see proc_pid_stat(5). The program's name in
// parentheses may hold anything.
func parseStat(text string) (pid, ppid int, started int64, err error) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return 0, 0, 0, fmt.Errorf("no name in %q", text)
	}
	fields := strings.Fields(text[end+1:]) // the third field of stat is the first here
	if len(fields) < 20 {
		return 0, 0, 0, fmt.Errorf("too few fields in %q", text)
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(text[:open])); err != nil {
		return 0, 0, 0, err
	}
	if ppid, err = strconv.Atoi(fields[1]); err != nil {
		return 0, 0, 0, err
	}
	started, err = strconv.ParseInt(fields[19], 10, 64)
	return pid, ppid, started, err
}

// argument is the first argument of a process, "" where it has none or has
// ended.
func argument(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	words := bytes.Split(text, []byte{0})
	if len(words) < 2 {
		return ""
	}
	return string(words[1])
}

// startOf is when a process was started, to the hundredth of a second.
func startOf(pid int) (time.Time, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return time.Time{}, err
	}
	_, _, started, err := parseStat(string(text))
	if err != nil {
		return time.Time{}, err
	}
	var uptime float64
	if _, err := fmt.Sscan(firstLine("/proc/uptime"), &uptime); err != nil {
		return time.Time{}, err
	}
	age := uptime - float64(started)/ticks
	return time.Now().Add(-time.Duration(age * float64(time.Second))), nil
}

// busy is the time that the processors have spent on a process, in it and in the
// kernel.
func busy(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(text), ") ") // the third field of stat is the first here
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0, fmt.Errorf("too few fields in %q", text)
	}
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, err
	}
	return time.Duration(user+system) * time.Second / ticks, nil
}

// resident reads a figure of /proc/<pid>/status in bytes: VmRSS is what is in
// memory now, VmHWM the most that ever was.
func resident(pid int, name string) (int64, error) {
	var kib int64
	value := member(fmt.Sprintf("/proc/%d/status", pid), name)
	if _, err := fmt.Sscan(value, &kib); err != nil {
		return 0, fmt.Errorf("%s of process %d: %w", name, pid, err)
	}
	return kib << 10, nil
}

// logBytes is what the log of the broker at dir holds in its record files, by
// topic; the topics that brokers keep for themselves are left out.
func logBytes(dir string) (map[string]int64, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.log"))
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	for _, file := range files {
		partition := filepath.Base(filepath.Dir(file)) // topic-number
		topic := partition[:strings.LastIndexByte(partition, '-')]
		if strings.HasPrefix(topic, "__") {
			continue
		}
		info, err := os.Stat(file)
		if err != nil {
			return nil, err
		}
		sizes[topic] += info.Size()
	}
	return sizes, nil
}
