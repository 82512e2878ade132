package process

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform/fence"
)

// attacked is what the attempts of a graph are made on.
type attacked struct {
	dir             string // of the store, of what lies beside it and of the child's temporary files
	allowed, closed string // addresses that listen
	abstract        string // a socket without a path
	parent          int
}

// as a graph that executes its own code would, once it runs.
func (a attacked) attempts() map[string]func() error {
	at := func(path ...string) string { return filepath.Join(append([]string{a.dir}, path...)...) }
	raw := func(number uintptr, args ...uintptr) func() error {
		return func() error {
			var six [6]uintptr
			copy(six[:], args)
			if _, _, errno := unix.Syscall6(number, six[0], six[1], six[2], six[3], six[4], six[5]); errno != 0 {
				return errno
			}
			return nil
		}
	}
	read := func(path string) func() error {
		return func() error { _, err := os.ReadFile(path); return err }
	}
	write := func(path string) func() error {
		return func() error { return os.WriteFile(path, []byte("x"), 0o600) }
	}
	return map[string]func() error{
		"read its model (allowed)":            read(at("store/models/1/graph")),
		"write its result (allowed)":          write(at("store/results/1/attempt-1/graph")),
		"write its temporary files (allowed)": write(at("scratch/file")),
		"connect to Kafka (allowed)":          dial("tcp", a.allowed),
		"start a thread (allowed)":            func() error { done := make(chan struct{}); go func() { close(done) }(); <-done; return nil },

		"read the registry":               read(at("registry.db")),
		"read another model":              read(at("store/models/2/graph")),
		"read another result":             read(at("store/results/2/attempt-1/graph")),
		"write its model":                 write(at("store/models/1/graph")),
		"write another result":            write(at("store/results/2/attempt-1/graph")),
		"make a result":                   func() error { return os.Mkdir(at("store/results/3"), 0o700) },
		"truncate the registry":           func() error { return os.Truncate(at("registry.db"), 0) },
		"follow a link to the registry":   func() error { _ = os.Symlink(at("registry.db"), at("scratch/link")); return read(at("scratch/link"))() },
		"leave a link to the registry":    func() error { return os.Symlink(at("registry.db"), at("store/results/1/attempt-1/link")) },
		"move another model":              func() error { return os.Rename(at("store/models/2/graph"), at("scratch/graph")) },
		"read /etc/shadow":                read("/etc/shadow"),
		"write /etc":                      write("/etc/kafkaml-test"),
		"write /proc/sys":                 write("/proc/sys/kernel/core_pattern"),
		"read the parent's environment":   read(fmt.Sprintf("/proc/%d/environ", a.parent)),
		"read the parent's memory":        read(fmt.Sprintf("/proc/%d/mem", a.parent)),
		"connect to another port":         dial("tcp", a.closed),
		"connect by multipath TCP":        socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP),
		"connect with the first datagram": a.fastOpen,
		"send datagrams":                  socket(unix.AF_INET, unix.SOCK_DGRAM, 0),
		"send packets":                    socket(unix.AF_PACKET, unix.SOCK_RAW, 0),
		"speak to the kernel by netlink":  socket(unix.AF_NETLINK, unix.SOCK_RAW, 0),
		"connect to an abstract socket":   dial("unix", a.abstract),
		"connect to a socket with a path": dial("unix", at("socket")),
		"listen on another port":          listen,
		"signal its parent":               func() error { return syscall.Kill(a.parent, 0) },
		"signal everybody":                func() error { return syscall.Kill(-1, 0) },
		"signal by pidfd":                 raw(unix.SYS_PIDFD_OPEN, uintptr(a.parent)),
		"trace its parent":                raw(unix.SYS_PTRACE, unix.PTRACE_ATTACH, uintptr(a.parent)),
		"read the parent by process_vm":   raw(unix.SYS_PROCESS_VM_READV, uintptr(a.parent)),
		"fork":                            raw(unix.SYS_CLONE, uintptr(unix.SIGCHLD)),
		"fork by clone3":                  raw(unix.SYS_CLONE3),
		"execute a program":               func() error { return unix.Exec("/bin/true", []string{"true"}, nil) },
		"mount":                           func() error { return unix.Mount("none", at("scratch"), "tmpfs", 0, "") },
		"make a namespace":                raw(unix.SYS_UNSHARE, unix.CLONE_NEWUSER),
		"load a BPF program":              raw(unix.SYS_BPF, 0, 0, 0),
		"use io_uring":                    raw(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(new([120]byte)))),
		"read the keyring":                raw(unix.SYS_KEYCTL, 0, 0, 0),
		"measure by perf":                 raw(unix.SYS_PERF_EVENT_OPEN),
		"set the clock":                   raw(unix.SYS_CLOCK_SETTIME, 0, 0),
		"change its user":                 raw(unix.SYS_SETUID, 1),
		"raise its limits":                func() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1, Max: 1}) },
		"keep a capability":               keepsCapabilities,
		"reserve the disk": func() error {
			f, err := os.Create(at("scratch/reserved"))
			if err != nil {
				return err
			}
			return errors.Join(unix.Fallocate(int(f.Fd()), 0, 0, 1<<20), f.Close())
		},
		"hide its files": raw(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0),
		"take all memory": func() error {
			_, err := unix.Mmap(-1, 0, 1<<45, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
			return err
		},
	}
}

func dial(network, address string) func() error {
	return func() error {
		c, err := net.Dial(network, address)
		if err == nil {
			_ = c.Close()
		}
		return err
	}
}

func socket(family, kind, protocol int) func() error {
	return func() error { _, err := unix.Socket(family, kind, protocol); return err }
}

func listen() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		_ = l.Close()
	}
	return err
}

// fastOpen connects without connect(2).
func (a attacked) fastOpen() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	_, number, _ := net.SplitHostPort(a.closed)
	port, _ := strconv.Atoi(number)
	return unix.Sendto(fd, []byte("x"), unix.MSG_FASTOPEN, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
}

func keepsCapabilities() error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	if strings.Contains(string(status), "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n") && strings.Contains(string(status), "NoNewPrivs:\t1\n") {
		return unix.EPERM
	}
	return nil
}

// refused reports whether a fence refused an attempt: one that failed for another
// reason might have been made better.
func refused(err error) bool {
	return slices.ContainsFunc([]error{unix.EPERM, unix.EACCES, unix.ENOSYS, unix.ENOMEM, unix.EOPNOTSUPP}, func(e error) bool { return errors.Is(err, e) })
}

// graph makes the attempts and says what came of each.
func graph() {
	var a attacked
	_, _ = fmt.Sscan(os.Getenv("KAFKAML_TEST_ATTACKED"), &a.dir, &a.allowed, &a.closed, &a.abstract, &a.parent)
	p := Program{}
	os.Exit(p.carryOut(func(*slog.Logger) (Work, error) {
		return Work{
			Artifacts: "file://" + a.dir + "/store", Read: []string{"models/1"}, Write: []string{"results/1/attempt-1"},
			Run: func(context.Context) error {
				only := os.Getenv("KAFKAML_TEST_ONLY")
				for name, attempt := range a.attempts() {
					if only != "" && only != name {
						continue
					}
					err := attempt()
					if refused(err) {
						fmt.Println("DENIED", name, err)
					} else {
						fmt.Println("OPEN", name, err)
					}
				}
				return nil
			},
		}, nil
	}))
}

// attack prepares what is attacked and runs graph under a policy; it makes all
// attempts unless one is named.
func attack(t *testing.T, policy string, only string) (lines []string, log string, code int) {
	t.Helper()
	a := attacked{dir: t.TempDir(), parent: os.Getpid()}
	for _, file := range []string{"registry.db", "store/models/1/graph", "store/models/2/graph", "store/results/2/attempt-1/graph", "scratch/x"} {
		path := filepath.Join(a.dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("secret"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	serve := func(network, address string) string {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l.Addr().String()
	}
	a.allowed, a.closed = serve("tcp", "127.0.0.1:0"), serve("tcp", "127.0.0.1:0")
	a.abstract = serve("unix", "@kafkaml-fence-test-"+rand.Text())
	serve("unix", filepath.Join(a.dir, "socket"))
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = []string{
		asCommand + "=graph", "KAFKAML_TEST_ONLY=" + only, "KAFKA_BROKERS=" + a.allowed, "TMPDIR=" + filepath.Join(a.dir, "scratch"), fence.Variable + "=" + policy,
		fmt.Sprintf("KAFKAML_TEST_ATTACKED=%s %s %s %s %d", a.dir, a.allowed, a.closed, a.abstract, a.parent),
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(out); s.Scan(); {
		lines = append(lines, s.Text())
	}
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
	if text, err := os.ReadFile(filepath.Join(a.dir, "registry.db")); err != nil || string(text) != "secret" {
		t.Errorf("the registry is now %q, %v", text, err)
	}
	return lines, errs.String(), cmd.ProcessState.ExitCode()
}

// A graph that runs code of its own, in training or serving, reaches nothing but
// its model, its result, its temporary files and the ports that it was told.
func TestAttackFromGraph(t *testing.T) {
	if lacks := fence.Probe().Lacks(); lacks != "" {
		t.Fatal("this machine cannot show it: ", lacks)
	}
	lines, log, code := attack(t, "", "")
	if code != 0 || !strings.Contains(log, `"msg":"fenced"`) {
		t.Errorf("exit code %d: %s", code, log)
	}
	for _, line := range lines {
		if strings.HasPrefix(line, "OPEN") != strings.Contains(line, "(allowed)") || strings.Contains(line, "(allowed)") && !strings.HasSuffix(line, "<nil>") {
			t.Error(line)
		}
	}
	if want := len((attacked{}).attempts()); len(lines) != want {
		t.Errorf("%d attempts of %d", len(lines), want)
	}
}

// A result whose folder cannot be made says what to do.
func TestFolderOfResult(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "results"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := Work{Artifacts: "file://" + dir, Write: []string{"results/1/attempt-1"}}.store(&fence.Fence{})
	var e *pipeline.Error
	if !errors.As(err, &e) || e.Kind != pipeline.Unavailable || !strings.Contains(e.Reason, "not a directory") || !strings.Contains(e.Hint, "the disk has room") {
		t.Errorf("%v", err)
	}
}

// Who starts the process may take the fences away, and the log says so.
func TestFencesOff(t *testing.T) {
	if _, log, code := attack(t, "off", "read another model"); code != 0 || !strings.Contains(log, "no fence stands") {
		t.Errorf("exit code %d: %s", code, log)
	}
	if lines, log, code := attack(t, "no", ""); code != 1 || len(lines) != 0 || !strings.Contains(log, "neither some nor off") {
		t.Errorf("exit code %d, %q: %s", code, lines, log)
	}
}
