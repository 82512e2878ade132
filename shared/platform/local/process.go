package local

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform"
	"github.com/kafkaml/kafkaml/shared/platform/fence"
)

// process is one child in its own process group.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser // held open: the child ends when it is closed
	log   *last
	ooms  int64 // oomKills when the child started
	done  chan struct{}
	err   error // of Wait; valid once done is closed
	files *written
}

// work is what a child is started for.
type work struct {
	framework string // of the model
	verb      string // train, predict
	variable  string // whose file holds spec
	spec      any    // a pipeline.TrainingJob or a pipeline.PredictJob
	env       []string
	keys      []string // in the store of models, below which it writes
}

// startProcess starts the framework's program, with its output in a log at path.
// The description is in its temporary folder, which is removed when it ends.
func (l *Platform) startProcess(w work, path string) (*process, error) {
	program, ok := l.c.Programs[w.framework]
	if !ok {
		return nil, pipeline.Invalidf("framework", "no program %ss models of %q here", w.verb, w.framework)
	}
	if l.lacks != "" {
		return nil, fence.Refusal(l.lacks)
	}
	log, err := openLog(path)
	if err != nil {
		return nil, err
	}
	scratch, file, err := makeScratch(l.c.Scratch, w)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s %s: %w", program, w.verb, err), log.Close())
	}
	cmd := exec.Command(program, w.verb) //nolint:noctx // end decides when, and asks before it kills
	cmd.Env = l.environment(w, file, scratch)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = parentDeath()
	cmd.WaitDelay = 5 * time.Second // a grandchild that keeps the output open does not keep us
	p := &process{cmd: cmd, log: &log.last, ooms: oomKills(), done: make(chan struct{}), files: newWritten(scratch, w)}
	if p.stdin, err = cmd.StdinPipe(); err == nil {
		err = l.spawn.start(cmd)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s %s: %w", program, w.verb, err), log.Close(), os.RemoveAll(scratch))
	}
	preferForOOM(cmd.Process.Pid)
	l.goRun(func() {
		defer close(p.done)
		p.err = p.wait()
		if err := os.RemoveAll(scratch); err != nil { // a child that was killed leaves files
			l.c.Log.Warn("a process's temporary folder remains until the next start", "folder", scratch, "error", err)
		}
		_ = log.Close() // its end is in memory
	})
	return p, nil
}

// wait waits for the end of the process, and kills it if it fills the disk.
func (p *process) wait() error {
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }()
	look := time.NewTicker(diskCheck)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-look.C:
			if p.files.tooMany(p.cmd.Process.Pid) {
				p.signal(syscall.SIGKILL)
			}
		}
	}
}

// makeScratch makes a child's temporary folder in dir, with its description in it.
func makeScratch(dir string, w work) (folder, file string, err error) {
	description, err := platform.Describe(w.spec)
	if err != nil {
		return "", "", err
	}
	if folder, err = os.MkdirTemp(dir, w.verb+"-"); err != nil {
		return "", "", err
	}
	file = filepath.Join(folder, "description.json")
	if err := os.WriteFile(file, description, 0o600); err != nil {
		return "", "", errors.Join(err, os.RemoveAll(folder))
	}
	return folder, file, nil
}

// allocator keeps mimalloc, which the program that trains has for its malloc, from
// asking for huge pages: clearing them took a short training 30 ms, and a long one
// was no quicker by them. Of a variable that is there twice the last one counts.
var allocator = []string{"MIMALLOC_ALLOW_THP=0"}

// environment is all that a child has of variables: what it is not told, it cannot
// give away.
func (l *Platform) environment(w work, file, scratch string) []string {
	env := slices.Concat(allocator, fence.Inherited(os.Environ()), w.env)
	if l.c.Brokers != nil {
		env = append(env, platform.BrokersVariable+"="+strings.Join(l.c.Brokers(), ","))
	}
	return append(env, w.variable+platform.FileSuffix+"="+file, platform.ParentVariable+"=stdin", "TMPDIR="+scratch)
}

// signal sends sig to the whole process group.
func (p *process) signal(sig syscall.Signal) {
	_ = syscall.Kill(-p.cmd.Process.Pid, sig) // it may have ended
}

// killed reports whether the process, which has ended, was ended from outside.
func (p *process) killed() bool {
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) {
		return false
	}
	status, _ := exit.Sys().(syscall.WaitStatus)
	return status.Signaled() && status.Signal() == syscall.SIGKILL
}

// end sends SIGTERM, then SIGKILL once grace is over or ctx ends, and returns when
// the process has ended.
func (p *process) end(ctx context.Context, grace time.Duration) {
	p.signal(syscall.SIGTERM)
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-p.done:
	case <-t.C:
	case <-ctx.Done():
	}
	p.signal(syscall.SIGKILL) // also the rest of its group
	<-p.done
}

// exitOutOfMemory is the exit code of our children when an allocation fails:
// EX_OSERR of sysexits.h.
const exitOutOfMemory = 71

// verdict explains how the process ended.
func (p *process) verdict() (ok bool, reason, hint string) {
	if p.err == nil {
		return true, "", ""
	}
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) {
		return false, p.err.Error(), ""
	}
	const memory = "give the machine more memory, or train with a smaller batch_size or model"
	status, _ := exit.Sys().(syscall.WaitStatus)
	tail := p.log.tail(16 << 10)
	switch {
	case p.files.excess != (room{}):
		return false, p.files.reason(), "free disk space, or move --data to a larger disk; a model that writes so much by itself is not to be trusted"
	case status.Signaled() && status.Signal() == syscall.SIGKILL && oomKills() > p.ooms:
		return false, "out of memory: the kernel ended the process (signal 9)", memory
	case outOfMemory(tail) || exit.ExitCode() == exitOutOfMemory:
		return false, "out of memory: " + lastLine(tail), memory
	case status.Signaled() && status.Signal() == syscall.SIGKILL:
		return false, "the process was killed (signal 9)", "it was ended from outside; try again"
	case status.Signaled():
		return false, fmt.Sprintf("the process died of signal %d (%s)%s", status.Signal(), status.Signal(), quoted(tail)), "see the log"
	}
	if said, ok := p.said(); ok {
		return false, said.Msg, cmp.Or(said.Hint, "see the log")
	}
	return false, fmt.Sprintf("the process ended with exit code %d%s", exit.ExitCode(), quoted(tail)), "see the log"
}

// said is the error with which a program of ours ended, if it did.
func (p *process) said() (e entry, ok bool) {
	output := strings.TrimSpace(p.log.tail(platform.LogBytes))
	e, ok = logged(output[strings.LastIndexByte(output, '\n')+1:])
	return e, ok && e.Kind != ""
}

// outOfMemory reports whether a log says that an allocation failed.
func outOfMemory(log string) bool {
	for _, s := range []string{"std::bad_alloc", "out of memory", "OOM when allocating", "cannot allocate memory"} {
		if strings.Contains(log, s) {
			return true
		}
	}
	return false
}

// entry is a line of the log of our own programs, by slog.
type entry struct {
	Msg, Hint, Field string
	Kind             pipeline.Kind
}

func logged(line string) (e entry, ok bool) {
	err := json.Unmarshal([]byte(line), &e)
	return e, err == nil && e.Msg != ""
}

func quoted(log string) string {
	if line := lastLine(log); line != "" {
		return ": " + line
	}
	return ""
}

// lastLine returns what the last line of a log says, or the message of a panic,
// which is printed before its stack; at most 300 bytes.
func lastLine(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	line := strings.TrimSpace(lines[len(lines)-1])
	for _, l := range lines {
		if strings.HasPrefix(l, "panic: ") || strings.HasPrefix(l, "fatal error: ") {
			line = l
			break
		}
	}
	if said, ok := logged(line); ok {
		if line = said.Msg; said.Hint != "" {
			line += " (" + said.Hint + ")"
		}
	}
	if len(line) > 300 {
		line = strings.ToValidUTF8(line[:300], "") + "..."
	}
	return line
}
