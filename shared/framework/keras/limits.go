package keras

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kafkaml/kafkaml/shared/disk"
)

// limits of a child, as worker/fences.py sets them.
type limits struct {
	AddressSpace int64 `json:"address_space"`
	Data         int64 `json:"data"`
	CPU          int   `json:"cpu"` // seconds
	File         int64 `json:"file"`
	OpenFiles    int   `json:"open_files"`
}

const (
	leastData = 2 << 30 // bytes of memory of a child: some 20 million parameters with Adam
	mostData  = 8 << 30
	libraries = 2 << 30 // that the address space has beside them
	perFile   = 8       // of the memory, one file may be so great a part
	maxFile   = mostData / perFile
	filesOf   = 4      // files of the greatest size, of all that a child writes
	ofFree    = 4      // a child may write this part of what the disk has left
	maxFiles  = 10_000 // files and folders of a child: an export has some tens
)

// limitsFor are the limits of one of so many children at once, on a machine or
// in a container of so much memory: all of them together get a third of it.
func limitsFor(memory int64, children int) limits {
	data := min(max(memory/3/int64(children), leastData), mostData)
	return limits{AddressSpace: data + libraries, Data: data, CPU: 60, File: data / perFile, OpenFiles: 256}
}

// together is how much of so much memory the children at once may be given, of which
// each gets data: three quarters, since the worker's own process and what it belongs to
// need the rest, but one child always.
func together(memory, data int64) int64 { return max(memory/4*3, data) }

// memory is what this process may use: that of the machine, or less where its
// control group says so.
func memory() int64 {
	all := int64(leastData)
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		all = int64(info.Totalram) * int64(info.Unit) // #nosec G115 -- a machine's memory
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(file) // #nosec G304 -- one of these two
		if err != nil {
			continue
		}
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && limit > 0 { // else "max"
			all = min(all, limit)
		}
	}
	return all
}

// mostWritten is how many bytes all files of a child may have together: so many that
// neither it nor the few beside it fill the disk on which dir lies before they are
// stopped.
func mostWritten(dir string, file int64) int64 {
	free, err := disk.Free(dir)
	if err != nil {
		return filesOf * file
	}
	return min(filesOf*file, free/ofFree)
}
