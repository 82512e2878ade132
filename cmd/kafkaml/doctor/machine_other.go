//go:build !linux

package doctor

import (
	"context"
	"runtime"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
)

// Only Linux has what fences pasted source; elsewhere this program is a client.
func elsewhere(name string) Finding {
	return Finding{name, Missing, runtime.GOOS + " cannot run kafkaml", "run kafkaml on Linux and name it with --server"}
}

func processor(context.Context, *cli.Env) Finding { return ok("Processor", "%d", runtime.NumCPU()) }
func memory(context.Context, *cli.Env) Finding    { return ok("Memory", "not looked at") }
func disks(context.Context, *cli.Env) Finding     { return ok("Disk", "not looked at") }
func landlock(context.Context, *cli.Env) Finding  { return elsewhere("Landlock") }
func seccomp(context.Context, *cli.Env) Finding   { return elsewhere("seccomp") }
func fences(context.Context, *cli.Env) Finding    { return elsewhere("fences") }
