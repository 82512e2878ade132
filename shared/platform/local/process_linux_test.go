package local

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// When memory runs out the kernel ends a training, not the functions or the broker.
func TestChildrenVolunteer(t *testing.T) {
	l, _ := rig(t, Config{})
	if err := l.Start(t.Context(), job("train-1-1", "stays")); err != nil {
		t.Fatal(err)
	}
	var pid int
	eventually(t, "the job runs", func() bool {
		l.jobs.mu.Lock()
		defer l.jobs.mu.Unlock()
		if j := l.jobs.jobs["train-1-1"]; j != nil && j.process != nil {
			pid = j.process.cmd.Process.Pid
		}
		return pid != 0
	})
	if child, own := oomScore(t, pid), oomScore(t, os.Getpid()); child <= own {
		t.Errorf("the training's adjustment is %d, that of the functions %d", child, own)
	}
}

func oomScore(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
