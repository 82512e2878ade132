package fence

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

func (f Fence) raise() Report {
	r := Report{Missing: map[string]string{}}
	r.note(f.limit(), Limits)
	r.note(f.dropCapabilities(), Capabilities)
	version := landlockVersion()
	if err := f.landlock(version); err != nil {
		r.note(err, Files, Network, Signals)
	} else {
		r.noteLandlock(version)
	}
	r.note(f.filterCalls(), Calls)
	return r
}

// limit bounds what the process may take of the machine. A bound that stands
// already is only made smaller.
func (f Fence) limit() error {
	for _, l := range []struct {
		which int
		most  int64
	}{
		{unix.RLIMIT_CORE, -1},
		{unix.RLIMIT_MSGQUEUE, -1},
		{unix.RLIMIT_DATA, f.Memory},
		{unix.RLIMIT_FSIZE, f.File},
		{unix.RLIMIT_NOFILE, 1 << 16},
	} {
		if l.most == 0 {
			continue
		}
		var have unix.Rlimit
		if err := unix.Getrlimit(l.which, &have); err != nil {
			return fmt.Errorf("read limit %d: %w", l.which, err)
		}
		most := min(uint64(max(l.most, 0)), have.Max) // -1: none at all
		if err := unix.Setrlimit(l.which, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("set limit %d: %w", l.which, err)
		}
	}
	return nil
}

// reaching are the capabilities that pass over the owners of files: CAP_DAC_OVERRIDE
// and CAP_DAC_READ_SEARCH.
const reaching = 1<<1 | 1<<2

// dropCapabilities gives up every capability, in all threads, and those that a
// program which is executed could have. What remains where root is told to work
// below the folder of somebody else is reaching: Landlock says what it is good for.
func (f Fence) dropCapabilities() error {
	if _, _, errno := psx.Syscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("no_new_privs: %w", errno)
	}
	var kept uint32
	if unix.Geteuid() == 0 {
		if err := capset(0, reaching); err != nil && !errors.Is(err, unix.EPERM) { // refused where root has not got them
			return err
		}
		if !f.reachable() {
			kept = reaching
		}
	}
	return capset(kept, kept)
}

// reachable reports whether what f names can be opened by who owns this process.
func (f Fence) reachable() bool {
	denied := func(how uint32) func(string) bool {
		return func(path string) bool {
			return errors.Is(unix.Faccessat(unix.AT_FDCWD, path, how, unix.AT_EACCESS), unix.EACCES)
		}
	}
	return !slices.ContainsFunc(slices.Concat(f.Read, f.List), denied(unix.R_OK)) && !slices.ContainsFunc(append(f.Write, f.Scratch), denied(unix.R_OK|unix.W_OK|unix.X_OK))
}

func capset(effective, permitted uint32) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{{Effective: effective, Permitted: permitted}}
	_, _, errno := psx.Syscall3(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data)), 0) // #nosec G103 -- the call's own structures
	if errno != 0 {
		return fmt.Errorf("capset: %w", errno)
	}
	return nil
}

// landlockVersion is the version of the kernel's interface, 0 where there is none.
func landlockVersion() int {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(version) // #nosec G115 -- a small number
}

// callsAvailable is why the kernel has no filters of system calls.
func callsAvailable() error {
	actions, err := os.ReadFile("/proc/sys/kernel/seccomp/actions_avail")
	if err != nil {
		return errors.New("the kernel has no seccomp filters")
	}
	if !strings.Contains(string(actions), "errno") {
		return errors.New("the kernel's seccomp filters cannot refuse a call")
	}
	return nil
}
