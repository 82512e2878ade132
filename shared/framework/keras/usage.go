package keras

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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

// unlinked is how many bytes of disk a process holds in files that no longer have
// a name: open ones, and those that it has mapped.
func unlinked(pid int) (bytes int64) {
	if pid <= 0 {
		return 0
	}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid)) // the pattern is well formed
	seen := map[uint64]bool{}
	for _, f := range files {
		var s syscall.Stat_t
		if syscall.Stat(f, &s) == nil && s.Mode&syscall.S_IFMT == syscall.S_IFREG && s.Nlink == 0 && !seen[s.Ino] {
			seen[s.Ino] = true
			bytes += s.Blocks * 512
		}
	}
	return bytes + mapped(pid, seen)
}

// mapped is how much of files without a name a process has mapped and not counted
// otherwise.
func mapped(pid int, seen map[uint64]bool) (bytes int64) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil { // it has ended
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		// from-to rights offset device inode path
		fields := strings.Fields(s.Text())
		if len(fields) < 6 || !strings.HasSuffix(s.Text(), " (deleted)") || strings.HasPrefix(fields[5], "/dev/zero") || strings.HasPrefix(fields[5], "/memfd:") {
			continue
		}
		inode, _ := strconv.ParseUint(fields[4], 10, 64)
		from, to, _ := strings.Cut(fields[0], "-")
		begin, _ := strconv.ParseInt(from, 16, 64)
		end, _ := strconv.ParseInt(to, 16, 64)
		if !seen[inode] {
			bytes += end - begin
		}
	}
	return bytes
}
