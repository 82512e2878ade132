//go:build linux

package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/disk"
	"github.com/kafkaml/kafkaml/shared/platform/fence"
	"github.com/kafkaml/kafkaml/shared/toolchain"
)

// What a machine should have, in bytes: the toolchain and its data, and one
// worker, one training and one inference at a time.
const (
	leastDisk   = 4 << 30
	leastMemory = 2 << 30
)

// processor: TensorFlow's library is built for AVX.
func processor(context.Context, *cli.Env) Finding {
	const name = "Processor"
	if runtime.GOARCH != "amd64" {
		return ok(name, "%d of %s", runtime.NumCPU(), runtime.GOARCH)
	}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return found(name, Missing, err)
	}
	if !strings.Contains(string(info), " avx ") {
		return Finding{name, Missing, "has no AVX, which TensorFlow's library needs", "use a machine with AVX (any x86-64 since 2013; virtual machines: CPU type host)"}
	}
	return ok(name, "%d with AVX", runtime.NumCPU())
}

func memory(context.Context, *cli.Env) Finding {
	const name = "Memory"
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return found(name, Missing, err)
	}
	total := int64(info.Totalram) * int64(info.Unit) // #nosec G115 -- below 2^63 bytes
	if total < leastMemory {
		return Finding{name, Missing, terminal.Bytes(total) + " in all", "use a machine with " + terminal.Bytes(leastMemory) + " or more"}
	}
	return ok(name, "%s in all", terminal.Bytes(total))
}

// disks looks at the file systems of the toolchain and of the data.
func disks(_ context.Context, env *cli.Env) Finding {
	const name = "Disk"
	var details []string
	for _, dir := range []string{toolchain.Dir(), dataDir(env)} {
		free, err := freeAt(dir)
		if err != nil {
			return found(name, Missing, err)
		}
		details = append(details, fmt.Sprintf("%s free for %s", terminal.Bytes(free), dir))
		if free < leastDisk {
			return Finding{
				name, Missing, details[len(details)-1],
				"make room, or name folders elsewhere with KAFKAML_TOOLCHAIN and KAFKAML_DATA; " + terminal.Bytes(leastDisk) + " do",
			}
		}
	}
	return ok(name, "%s", strings.Join(details, ", "))
}

// dataDir is where kafkaml run keeps its state.
func dataDir(env *cli.Env) string {
	if dir := env.Getenv("KAFKAML_DATA"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "."
	}
	return filepath.Join(home, ".local", "share", "kafkaml")
}

// freeAt is what is free at dir, or at the nearest folder above it that is
// there.
func freeAt(dir string) (int64, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return 0, err
	}
	for {
		free, err := disk.Free(dir)
		if err == nil || !errors.Is(err, os.ErrNotExist) || dir == filepath.Dir(dir) {
			return free, err
		}
		dir = filepath.Dir(dir)
	}
}

// leastLandlock is the ABI that can fence a rename between folders, without
// which the export of a model breaks.
const leastLandlock = 2

// landlock asks the kernel for its ABI: the fence that keeps pasted source from
// files.
func landlock(context.Context, *cli.Env) Finding {
	const name = "Landlock"
	const mend = "use Linux 5.19 or later with lsm=landlock,... on its command line; " +
		"in a container use a runtime whose seccomp profile allows the landlock calls"
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return Finding{name, Missing, "the kernel refuses it (" + errno.Error() + "): pasted source cannot be fenced and is refused", mend}
	}
	if abi < leastLandlock {
		return Finding{name, Missing, fmt.Sprintf("ABI %d, %d is needed: pasted source is refused", abi, leastLandlock), mend}
	}
	return ok(name, "ABI %d", abi)
}

// seccomp asks whether a filter that fails a call can be installed: the fence
// that keeps pasted source from the network and from processes.
func seccomp(context.Context, *cli.Env) Finding {
	const name = "seccomp"
	const mend = "use a kernel with CONFIG_SECCOMP_FILTER"
	actions, err := os.ReadFile("/proc/sys/kernel/seccomp/actions_avail")
	if err != nil {
		return Finding{name, Missing, "the kernel has no filters: pasted source is refused", mend}
	}
	for _, action := range []string{"errno", "kill_process"} {
		if !strings.Contains(string(actions), action) {
			return Finding{name, Missing, "the kernel's filters cannot " + action, mend}
		}
	}
	return ok(name, "%s", strings.TrimSpace(string(actions)))
}

// fences asks what of the fences this machine has that a model is trained and
// served behind.
func fences(_ context.Context, env *cli.Env) Finding {
	const name = "fences"
	r := fence.Probe()
	lacks := r.Lacks()
	switch policy := env.Getenv(fence.Variable); {
	case policy == "off":
		return Finding{name, Absent, fence.Variable + "=off: models may do what kafkaml may do", "leave " + fence.Variable + " out"}
	case lacks == "":
		return ok(name, "%s", strings.Join(r.Held, ", "))
	case policy == "some":
		return Finding{name, Absent, "missing: " + lacks, "use Linux 6.12 or later"}
	}
	return Finding{name, Missing, "no model is trained or served: missing " + lacks, "use Linux 6.12 or later, or set " + fence.Variable + "=some to go on with those that there are"}
}
