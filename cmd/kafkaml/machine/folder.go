package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/kafkaml/kafkaml/shared/disk"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// lockFolder takes a data folder for this process alone. The kernel gives the
// lock back when the process ends, however it ends.
func lockFolder(dir string) (unlock func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, &pipeline.Error{Op: "lock the data folder", Kind: pipeline.Unavailable, Field: "data", Err: err}
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = &pipeline.Error{
			Op: "lock the data folder", Kind: pipeline.Unavailable, Field: "data", Reason: dir + " is in use by another kafkaml",
			Hint: "end that one, or name another folder with --data (DATA=... make run)",
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

// leastFree is the free disk below which a start is refused, in bytes: Kafka
// and SQLite both stop where the disk is full.
const leastFree = 512 << 20

func checkDisk(dir string) error {
	free, err := disk.Free(dir)
	if err != nil {
		return &pipeline.Error{Op: "look at the disk", Kind: pipeline.Unavailable, Field: "data", Err: err}
	}
	if free >= leastFree {
		return nil
	}
	return &pipeline.Error{
		Op: "look at the disk", Kind: pipeline.Unavailable, Field: "data",
		Reason: fmt.Sprintf("%s has %d MiB free, %d are needed", dir, free>>20, leastFree>>20),
		Hint:   "free some, or name a folder on another disk with --data (DATA=... make run)",
	}
}
