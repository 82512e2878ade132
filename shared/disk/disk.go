// Package disk says what is free on a disk, and what files and processes take of it.
package disk

import (
	"bufio"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Free is how many bytes the disk on which a path lies has left for us.
func Free(path string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	return int64(s.Bavail) * s.Bsize, nil // #nosec G115 -- the size of a disk
}

// FreeFiles is how many files and folders more the disk on which a path lies has
// room for. A file system that does not count them has room for any number.
func FreeFiles(path string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	if s.Files == 0 {
		return math.MaxInt64, nil
	}
	return int64(s.Ffree), nil // #nosec G115 -- the size of a disk
}

// Taken is what lies below dir: the sum of the sizes of its files, in bytes, and how
// many files and folders there are. Above most of these it does not go on.
func Taken(dir string, most int64) (bytes, files int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error { // files come and go
		if err != nil {
			return nil // it has gone
		}
		if files++; files > most {
			return fs.SkipAll
		}
		if !d.IsDir() {
			if info, err := d.Info(); err == nil {
				bytes += info.Size()
			}
		}
		return nil
	})
	return bytes, files
}

// Unlinked is how many bytes of disk a process holds in files that no longer have
// a name: open ones, and those that it has mapped.
func Unlinked(pid int) (bytes int64) {
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
	defer func() { _ = f.Close() }()
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
