package local

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/shared/disk"
	"github.com/kafkaml/kafkaml/shared/platform"
)

const (
	// diskCheck is how often the disks of a process are looked at: the kernel bounds
	// each file alone.
	diskCheck = 100 * time.Millisecond
	// share is the part of what a disk had left that one process must have taken to be
	// at fault where too little is left: others may be.
	share = 16
)

// written looks after what one process writes.
type written struct {
	folders []string
	began   map[string]room // what was free when it began, by folder: they may lie on other disks
	excess  room            // for which it was ended; valid once it has ended
}

// room is place on a disk: bytes, and files and folders.
type room struct{ bytes, files int64 }

// newWritten is of a process that writes to scratch, and where w says.
func newWritten(scratch string, w work) *written {
	f := &written{folders: []string{scratch}, began: map[string]room{}}
	for _, variable := range w.env {
		address, ok := strings.CutPrefix(variable, "ARTIFACT_URL=")
		if u, err := url.Parse(address); ok && err == nil && u.Scheme == "file" {
			for _, key := range w.keys {
				f.folders = append(f.folders, filepath.Join(u.Path, key))
			}
			f.note(u.Path)
		}
	}
	f.note(scratch)
	return f
}

// note notes what is free where a folder lies. One that cannot be looked at now is
// not looked at later.
func (f *written) note(folder string) {
	if free, err := freeOf(folder); err == nil {
		f.began[folder] = free
	}
}

func freeOf(folder string) (free room, err error) {
	if free.bytes, err = disk.Free(folder); err == nil {
		free.files, err = disk.FreeFiles(folder)
	}
	return free, err
}

// tooMany reports whether the process has left too little of a disk, and notes how
// much it has written then. Where the disks have enough, that is all that is asked.
func (f *written) tooMany(pid int) bool {
	for folder, began := range f.began {
		free, err := freeOf(folder)
		if err != nil || free.bytes >= platform.LeftFree(began.bytes) && free.files >= platform.LeftFree(began.files) {
			continue
		}
		took := room{bytes: disk.Unlinked(pid)}
		for _, folder := range f.folders {
			bytes, files := disk.Taken(folder, began.files/share)
			took.bytes, took.files = took.bytes+bytes, took.files+files
		}
		if free.bytes < platform.LeftFree(began.bytes) && took.bytes > began.bytes/share || free.files < platform.LeftFree(began.files) && took.files > began.files/share {
			f.excess = took
			return true
		}
	}
	return false
}

func (f *written) reason() string {
	return fmt.Sprintf("it was ended because it filled the disk: it had written %d MiB in %d files", f.excess.bytes>>20, f.excess.files)
}
