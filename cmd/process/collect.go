package process

import (
	"os"
	"runtime"
	"runtime/debug"
)

// CollectLate puts the first collection of garbage off until Go holds this many bytes:
// what a short process leaves behind is not worth looking for, and it would be looked
// for at each doubling from 4 MiB on. After the first one all is as it is by default.
func CollectLate(bytes int64) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return // somebody knows better
	}
	percent, limit := debug.SetGCPercent(-1), debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(bytes)
	first := new([128]byte)
	runtime.AddCleanup(first, func(int) {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(percent)
	}, 0)
}
