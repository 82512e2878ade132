package process

// #include "stderr.h"
import "C"

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lastWord is the line that follows what the library wrote before it aborted.
const lastWord = "\x00"

// divertStderr puts a pipe in the place of file descriptor 2, so that what the
// library writes can be read. own is standard error as it was. When the library
// aborts, the line lastWord follows what it wrote: the reader of lines then calls
// read, and the process dies only after it.
func divertStderr() (lines, own *os.File, read func(), err error) {
	kept, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("keep standard error: %w", err)
	}
	own = os.NewFile(uintptr(kept), "/dev/stderr") // #nosec G115 -- a file descriptor
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("make an event for standard error: %w", err)
	}
	lines, writer, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("make a pipe for standard error: %w", err)
	}
	defer func() { _ = writer.Close() }() // descriptor 2 stays
	if err := unix.Dup3(int(writer.Fd()), 2, 0); err != nil {
		return nil, nil, nil, fmt.Errorf("divert standard error: %w", err)
	}
	C.kafkaml_keep_last_words(C.int(lines.Fd()), C.int(kept), C.int(event))
	return lines, own, func() { _, _ = unix.Write(event, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }, nil
}

// restoreStderr puts own back, which closes the last writer of the pipe.
func restoreStderr(own *os.File) {
	_ = unix.Dup3(int(own.Fd()), 2, 0) // both are open
}
