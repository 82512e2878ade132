package local

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// parentDeath puts the child in a process group of its own and makes the
// kernel end it when we are gone.
func parentDeath() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// oomKills is how many processes the kernel has ended for want of memory since
// the machine started (proc(5), vmstat), 0 where it does not say.
func oomKills() int64 {
	b, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			kills, _ := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
			return kills
		}
	}
	return 0
}

// volunteer makes a child the one to end when the machine's memory runs out
// (proc(5), oom_score_adj), before the broker and the functions. A training is
// repeated or told of, and can be made as large as anyone likes by its model.
func volunteer(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("800"), 0o600) // some containers forbid it: then all are equal
}
