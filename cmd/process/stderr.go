package process

// #include "stderr.h"
import "C"

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// divertStderr puts a pipe in the place of file descriptor 2, so that what the
// library writes can be read. own is standard error as it was. When the library
// aborts, what stands in the pipe is written there first: it is the reason.
func divertStderr() (lines, own *os.File, err error) {
	kept, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, nil, fmt.Errorf("keep standard error: %w", err)
	}
	own = os.NewFile(uintptr(kept), "/dev/stderr") // #nosec G115 -- a file descriptor
	lines, writer, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("make a pipe for standard error: %w", err)
	}
	defer func() { _ = writer.Close() }() // descriptor 2 stays
	if err := unix.Dup3(int(writer.Fd()), 2, 0); err != nil {
		return nil, nil, fmt.Errorf("divert standard error: %w", err)
	}
	C.kafkaml_keep_last_words(C.int(lines.Fd()), C.int(kept))
	return lines, own, nil
}

// restoreStderr puts own back, which closes the last writer of the pipe.
func restoreStderr(own *os.File) {
	_ = unix.Dup3(int(own.Fd()), 2, 0) // both are open
}
