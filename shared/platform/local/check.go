package local

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kafkaml/kafkaml/shared/disk"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/platform/fence"
)

const (
	checkTime = 20 * time.Second // for a model to be opened and run
	mostTried = 512 << 20        // bytes of a model's file: to open one takes some times that
)

// checking are the variables of ours that a process which checks a model gets: it
// speaks to nobody.
var checking = []string{"PATH", "LD_LIBRARY_PATH", "KAFKAML_TOOLCHAIN", "KAFKAML_ONNXRUNTIME", fence.Variable}

// Check has the program of a framework open a model and run it, behind its fences. An
// error is Invalid where the model is at fault, and Unavailable where it could not be
// tried. Nothing is tried where the program is not installed.
func Check(ctx context.Context, program string, job pipeline.CheckJob) (err error) {
	if _, err := os.Stat(program); err != nil {
		return nil // who only registers models need not have what serves them
	}
	if bytes, _ := disk.Taken(filepath.Join(job.Folder, job.Trained), math.MaxInt64); bytes > mostTried {
		return untried(fmt.Sprintf("it has more than %d MiB", mostTried>>20))
	}
	w := work{verb: "check", variable: platform.CheckVariable, spec: job}
	scratch, file, err := makeScratch(job.Folder, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	output := &last{}
	cmd := exec.CommandContext(ctx, program, w.verb) // #nosec G204 -- a program of ours
	cmd.Env = []string{w.variable + platform.FileSuffix + "=" + file, "TMPDIR=" + scratch}
	for _, name := range checking {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = parentDeath()
	cmd.WaitDelay = time.Second
	runtime.LockOSThread() // the kernel ends the child with the thread that started it
	defer runtime.UnlockOSThread()
	p := &process{cmd: cmd, log: output, ooms: oomKills(), files: newWritten(scratch, w)}
	if err := cmd.Start(); err != nil {
		return untried(err.Error())
	}
	preferForOOM(cmd.Process.Pid)
	if p.err = p.wait(); p.err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return untried(fmt.Sprintf("it had not ended after %v", checkTime))
	}
	return p.fault(job.Export)
}

// fault is why a model that a process checked cannot be served, or why that is not
// known. What a model of open sizes does with those that it was tried on need not be
// what it does with a person's.
func (p *process) fault(e pipeline.Export) error {
	_, reason, _ := p.verdict()
	said, _ := p.said()
	status, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	crashed := status.Signaled() && status.Signal() != syscall.SIGKILL || strings.Contains(p.log.tail(platform.LogBytes), "signal arrived during cgo execution")
	switch {
	case said.Field == platform.CheckedField:
		return pipeline.Invalidf(platform.CheckedField, "%s", strings.TrimPrefix(said.Msg, platform.CheckedField+": ")).WithHint("%s", said.Hint)
	case crashed && !slices.ContainsFunc(e.Inputs, func(t pipeline.Tensor) bool { return slices.Contains(t.Shape, -1) }):
		return pipeline.Invalidf(platform.CheckedField, "it ends the process that serves it: %s", reason).WithHint("export it again, with another opset or of another version of the model")
	}
	return untried(reason)
}

// untried is that a model could not be checked.
func untried(reason string) error {
	return &pipeline.Error{Kind: pipeline.Unavailable, Reason: reason}
}
