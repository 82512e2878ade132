package predict

import (
	"bufio"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// giveBack returns to the system what opening took and serving does not need:
// free memory of the heap, and the pages of the program's file and of libraries
// that were mapped meanwhile. Starting runs through most of the program once; of
// the 35 MB that it touches, serving comes back to a third, which the next access
// maps again from the system's cache. Many replicas are idle from here on.
func giveBack() {
	debug.FreeOSMemory()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return // not Linux, or not told: the pages stay
	}
	defer func() { _ = f.Close() }() // it was read only
	for _, m := range untouched(bufio.NewScanner(f)) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED) // advice; what is refused stays mapped
	}
}

// mapping is a range of addresses.
type mapping struct{ from, to uintptr }

// untouched reads the mappings of files, in the form of /proc/<pid>/smaps, that
// cannot be written and hold nothing but what the file holds. Pages that were
// relocated when a library was loaded are private to the process and would be
// lost: a mapping with one of them (Anonymous) is left out.
func untouched(smaps *bufio.Scanner) (all []mapping) {
	var at mapping
	fixed := false // it is of a file and cannot be written
	for smaps.Scan() {
		fields := strings.Fields(smaps.Text())
		switch {
		case len(fields) == 0:
		case !strings.HasSuffix(fields[0], ":"): // 7f0c1a000000-7f0c1b000000 r-xp 000dd000 fe:00 12231727 /usr/lib/libx.so
			fixed = len(fields) >= 6 && strings.HasPrefix(fields[5], "/") && strings.HasPrefix(fields[1], "r-") && strings.HasSuffix(fields[1], "p")
			from, to, _ := strings.Cut(fields[0], "-")
			a, wrong := strconv.ParseUint(from, 16, 64)
			b, alsoWrong := strconv.ParseUint(to, 16, 64)
			fixed = fixed && wrong == nil && alsoWrong == nil && a < b
			at = mapping{uintptr(a), uintptr(b)}
		case fields[0] == "Anonymous:" && fixed && len(fields) > 1 && fields[1] == "0":
			all = append(all, at)
		}
	}
	return all
}
