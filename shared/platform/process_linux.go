package platform

import (
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
