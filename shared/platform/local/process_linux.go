package local

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// parentDeath puts the child in a process group of its own and has the kernel
// kill it when we die.
func parentDeath() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// oomKills returns how many processes the kernel has killed for lack of memory
// since the machine started (proc(5), vmstat), 0 if it does not say.
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

// preferForOOM makes a child the process to kill when the machine's memory runs
// out (proc(5), oom_score_adj), before the broker and the functions: a model can
// make a training as large as it likes, and a training can be run again.
func preferForOOM(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("800"), 0o600) // some containers forbid it: then all are equal
}
