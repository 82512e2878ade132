package keras

import (
	"fmt"
	"syscall"
)

// maxThreads of a child: TensorFlow starts some for each core.
const maxThreads = 1000

// threads is how many threads a process has, 0 where it has ended.
func threads(pid int) int {
	var s syscall.Stat_t
	if pid <= 0 || syscall.Stat(fmt.Sprintf("/proc/%d/task", pid), &s) != nil {
		return 0
	}
	return int(s.Nlink) - 2 // #nosec G115 -- a folder for each
}
