package keras

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"golang.org/x/sys/unix"
)

// importTime bounds the imports of a zygote, 3 s on an idle machine.
const importTime = 2 * time.Minute

// closeTime is how long a zygote may take to see that the socket is closed.
const closeTime = 5 * time.Second

// zygote is the warm Python process and the socket to it.
type zygote struct {
	command *exec.Cmd
	control *net.UnixConn
	log     *slog.Logger
	logged  sync.WaitGroup
	// The last line that it wrote: why it ended, as a rule. To be read after logged.
	lastLine string
	dead     chan struct{} // closed when the socket has ended
	hello    message

	mu   sync.Mutex
	jobs map[int64]*job
	err  error // why it is dead
}

// message is anything that the zygote says. The first one has Ready set, one
// with Pid comes with a pidfd, one with Exit ends a request.
type message struct {
	Ready    bool   `json:"ready"`
	Landlock int    `json:"landlock"` // ABI version
	Missing  string `json:"missing"`  // the fence that this machine lacks

	Libraries pipeline.Libraries `json:"libraries"` // versions
	ID        int64              `json:"id"`
	Pid       int                `json:"pid"`
	Exit      *int               `json:"exit"` // negative for a signal
}

// startZygote starts the process and waits until it is ready.
func startZygote(ctx context.Context, o Options, p *place) (*zygote, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "control")
	ours := os.NewFile(uintptr(pair[0]), "control")
	connection, err := net.FileConn(ours) // duplicates
	ours.Close()
	if err != nil {
		theirs.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	z := &zygote{
		control: connection.(*net.UnixConn), log: o.Log,
		dead: make(chan struct{}), jobs: map[int64]*job{},
	}
	err = z.spawn(ctx, o, p, theirs)
	theirs.Close() // or the zygote's end would not be seen
	if err != nil {
		return nil, errors.Join(err, z.control.Close())
	}
	if err := z.greet(ctx); err != nil {
		close(z.dead)
		z.close()
		return nil, fmt.Errorf("the Python worker ended before it was ready: %s: %w", z.lastLine, err)
	}
	go z.read()
	return z, nil
}

// ended reports whether the process is gone.
func (z *zygote) ended() bool {
	select {
	case <-z.dead:
		return true
	default:
		return false
	}
}

// spawn starts the process. It ends when ctx does, by the end of its socket as
// a rule: then it takes its children along.
func (z *zygote) spawn(ctx context.Context, o Options, p *place, control *os.File) error {
	args := []string{"-I", "-S", "-B", filepath.Join(p.worker(), "zygote.py"), o.SitePackages}
	for _, more := range []string{o.ONNXPackages, o.StudyPackages} {
		if more != "" {
			args = append(args, more)
		}
	}
	z.command = exec.CommandContext(ctx, o.Python, args...) // #nosec G204 -- the toolchain's
	z.command.Cancel = z.control.Close
	z.command.WaitDelay = closeTime
	z.command.Dir = p.dir
	z.command.Env = environment(p)
	z.command.ExtraFiles = []*os.File{control} // file descriptor 3
	z.command.SysProcAttr = p.process()
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	z.command.Stdout, z.command.Stderr = in, in
	err = z.command.Start()
	in.Close()
	if err != nil {
		out.Close()
		return fmt.Errorf("start %s: %w", o.Python, err)
	}
	z.logged.Go(func() { z.logLines(out) })
	return nil
}

// environment is all that the zygote is given. One thread in every library:
// a fork with more would hang.
func environment(p *place) []string {
	return []string{
		"KERAS_HOME=" + p.worker(), "KERAS_BACKEND=tensorflow", "HOME=/nonexistent", "LC_ALL=C.UTF-8",
		"TF_CPP_MIN_LOG_LEVEL=3", "TF_NUM_INTRAOP_THREADS=1", "TF_NUM_INTEROP_THREADS=1", "TF_ENABLE_ONEDNN_OPTS=0",
		"OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1", "MALLOC_ARENA_MAX=2", "CUDA_VISIBLE_DEVICES=",
	}
}

// logLines passes on what the zygote itself writes: failed imports.
func (z *zygote) logLines(out *os.File) {
	defer out.Close()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		z.lastLine = plain(lines.Text(), 500)
		z.log.Warn("the model worker says", "line", z.lastLine)
	}
	io.Copy(io.Discard, out) //nolint:errcheck // after a line too long to log: keep the pipe empty
}

// greet waits for the first message.
func (z *zygote) greet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, importTime)
	defer cancel()
	defer context.AfterFunc(ctx, func() { z.control.SetReadDeadline(time.Now()) })() //nolint:errcheck // a closed socket ends the read as well
	m, _, err := z.receive()
	if err != nil {
		return errors.Join(err, ctx.Err())
	}
	z.hello = m
	return nil
}

// fenced is nil when every fence stands.
func (z *zygote) fenced() error {
	if z.hello.Missing == "" {
		return nil
	}
	return &pipeline.Error{
		Op: "check the model worker", Kind: pipeline.Unavailable,
		Reason: "pasted source is not run on this machine, a fence is missing: " + z.hello.Missing,
		Hint:   "Linux with Landlock (ABI 2, kernel 5.19) and seccomp is needed, and a container runtime that lets both through",
	}
}

// receive reads one message and the descriptor that came with it, -1 for none.
func (z *zygote) receive() (m message, descriptor int, err error) {
	data, control := make([]byte, 1<<16), make([]byte, unix.CmsgSpace(4))
	n, oob, _, _, err := z.control.ReadMsgUnix(data, control)
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		return m, -1, err
	}
	descriptor = -1
	if parts, err := unix.ParseSocketControlMessage(control[:oob]); err == nil && len(parts) == 1 {
		if fds, err := unix.ParseUnixRights(&parts[0]); err == nil && len(fds) == 1 {
			descriptor = fds[0]
		}
	}
	if err := json.Unmarshal(data[:n], &m); err != nil {
		return m, descriptor, fmt.Errorf("message of the Python worker: %w", err)
	}
	return m, descriptor, nil
}

// read hands messages to their jobs until the socket ends.
func (z *zygote) read() {
	defer close(z.dead)
	for {
		m, descriptor, err := z.receive()
		z.mu.Lock()
		j := z.jobs[m.ID]
		if m.Exit != nil || err != nil {
			delete(z.jobs, m.ID)
		}
		z.err = err
		z.mu.Unlock()
		switch {
		case err != nil || j == nil:
			if descriptor >= 0 {
				unix.Close(descriptor) //nolint:errcheck // nothing to lose
			}
		case m.Exit != nil:
			j.exited <- *m.Exit
		default:
			j.started <- descriptor
		}
		if err != nil {
			return
		}
	}
}

func (z *zygote) cause() error {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.err
}

// send asks for one child. The descriptors are the caller's to close.
func (z *zygote) send(j *job, request []byte, descriptors ...int) error {
	z.mu.Lock()
	z.jobs[j.id] = j
	z.mu.Unlock()
	_, _, err := z.control.WriteMsgUnix(request, unix.UnixRights(descriptors...), nil)
	return err
}

// kill ends a zygote that does not answer; the supervisor replaces it.
func (z *zygote) kill() { z.command.Process.Kill() } //nolint:errcheck // it has ended already

// close ends the process by closing its socket and waits for it.
func (z *zygote) close() {
	z.control.Close() //nolint:errcheck // it may be closed already
	<-z.dead
	late := time.AfterFunc(closeTime, z.kill)
	defer late.Stop()
	z.logged.Wait()
	if err := z.command.Wait(); err != nil {
		z.log.Debug("the model worker has ended", "how", err)
	}
}
